"""The command, whole, on a tiny model."""

import pytest
import torch
from typer.testing import CliRunner

from fluxcost.errors import FluxcostError
from fluxcost.validation.scenarios.scenario_record import read_scenario
from measure.cli import app
from measure.scenarios import configuration_run, scenario_run
from measure.suites import Protocol
from tests.measure.conftest import TINY_MODEL

TINY = ["--model", TINY_MODEL, "--device", "cpu", "--shape", "64x64x1"]


@pytest.fixture(autouse=True)
def one_thread():
    """Spare the cores: threads that wait for each other on busy cores take seconds for nothing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def run(*arguments):
    return CliRunner().invoke(app, ["scenarios", *TINY, *arguments], catch_exceptions=True)


def test_one_command_measures_every_scenario_into_one_record(tmp_path, monkeypatch):
    monkeypatch.setattr(scenario_run, "WARM", Protocol(window=1, max_warmup_calls=2))
    scenarios = ["load", "single-stream", "offline", "multi-stream"]
    chosen = [word for name in scenarios for word in ("--scenario", name)]
    counts = ("single-stream=3", "offline=3", "multi-stream=1")
    queries = [word for each in counts for word in ("--queries", each)]
    short = ["--loads", "0.5", "--seconds", "0.1", "--warm-calls", "2", "--min-seconds", "0.01"]
    batches = ["--max-batch", "2", "--batch-sizes", "2"]
    result = run(*chosen, *queries, *short, *batches, "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    (path,) = tmp_path.glob("scenarios-*.json")
    record = read_scenario(path)
    assert record.calibration == "cpu/flux2-klein-tiny/eager-bf16"
    assert [(each.size, len(each.wall_s)) for each in record.warm_calls] == [(2, 4)]
    assert [each.scenario for each in record.runs] == ["load", "load", *scenarios[1:]]
    assert {size for each in record.runs for size in each.calls.size} == {2}
    for each in record.runs[2:]:
        assert each.loadgen is not None
        assert each.loadgen.validity in result.output
        assert f"{each.name}: {each.loadgen.validity}" in result.output
    assert "MLPerf-style" in result.output
    assert "shortened: 3 queries of the 64 that early stopping needs" in result.output
    assert "min_query_count 3 (default 100)" in " ".join(result.output.split())


def test_a_run_that_is_stopped_loses_the_one_in_flight_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(scenario_run, "WARM", Protocol(window=1, max_warmup_calls=2))
    schedules = iter([[0.0, 0.01], [0.0, 0.01]])
    monkeypatch.setattr(configuration_run, "poisson_schedule", lambda *_: next(schedules))
    short = ["--loads", "0.5,0.7", "--warm-calls", "2", "--max-batch", "2", "--batch-sizes", "2"]
    result = run("--scenario", "load", *short, "--out", str(tmp_path))
    assert isinstance(result.exception, StopIteration), "the third schedule is not to be had"
    (path,) = tmp_path.glob("scenarios-*.json")
    record = read_scenario(path)
    assert [(each.load, len(each.arrived_s)) for each in record.runs] == [(0.5, 2), (0.5, 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "sever"], "scenario 'sever' is not known"),
        (["--scenario", "load", "--config", "quick"], "configuration 'quick' is not known"),
        (["--scenario", "load", "--shape", "64x64"], "--shape is '64x64'"),
        (["--scenario", "load", "--loads", "0.5,0"], "--loads is '0.5,0'"),
        (["--scenario", "server", "--queries", "load=3"], "--queries is 'load=3'"),
        (["--scenario", "load", "--batch-sizes", "1,2"], "--batch-sizes is '1,2'; expected"),
        (["--scenario", "load", "--max-batch", "0"], "--max-batch and --max-wait: max_batch is 0"),
        (["--scenario", "load", "--seconds", "0"], "--seconds is 0.0"),
        (["--scenario", "load", "--warm-calls", "1"], "--warm-calls is 1"),
        (["--scenario", "server", "--p99-within", "-1"], "--p99-within is -1.0"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, message, tmp_path):
    result = run(*arguments, "--out", str(tmp_path))
    assert isinstance(result.exception, FluxcostError)
    assert message in str(result.exception)
