"""LoadGen against a replica that sleeps: every query answered, every setting told, no timing."""

from dataclasses import replace
from pathlib import Path

import pytest

from fluxcost.capacity.fleet import Batching
from fluxcost.validation.scenarios.scenario_record import LoadedRun
from measure.scenarios.configuration_run import ConfigurationRun, holds_bound, is_within_bound
from measure.scenarios.loadgen import LoadGenRequest, overrides_of, run_loadgen, settings_of
from measure.scenarios.scenario_configs import CONFIGS, Config
from measure.telemetry import NullTelemetry
from tests.measure.scenarios.stub_replicas import Sleeper, warm


def asked(scenario, **changed):
    usual = {
        "queries": 10,
        "min_s": 0.05,
        "call_s": 0.002,
        "images_per_s": 500.0,
        "rate_per_s": 100.0,
        "within_s": 0.5,
        "seed": 7,
    }
    return LoadGenRequest(scenario, **(usual | changed))


def session_of(
    config: Config, runs: list[LoadedRun], logs: Path, max_batch: int
) -> ConfigurationRun:
    """Return a session on a replica that sleeps, whose runs are added to `runs`."""
    return ConfigurationRun(
        config=config,
        maker=Sleeper(),
        warm=warm(),
        batching=Batching(max_batch=max_batch),
        instruments=NullTelemetry(),
        logs=logs,
        seed=0,
        min_s=0.05,
        keep=runs.append,
    )


def rate(run: LoadedRun) -> float:
    assert run.rate_per_s is not None
    return run.rate_per_s


@pytest.mark.parametrize("scenario", ["single-stream", "multi-stream", "server", "offline"])
def test_every_query_of_a_scenario_is_made_once_and_the_verdict_is_loadgens(scenario, tmp_path):
    log, verdict = run_loadgen(asked(scenario), Sleeper(), Batching(max_batch=4), tmp_path / "log")
    images = len(log.arrived_s)
    assert images >= 10
    assert sorted(log.call) == log.call
    assert sum(log.images) == images
    assert max(log.images) <= 4
    assert verdict.results["result_query_count"] == len(set(log.query))
    if scenario == "single-stream":
        assert set(log.images) == {1}, "the next query waits for the last one's answer"
    if scenario == "multi-stream":
        assert images == 8 * len(set(log.query))
    if scenario == "offline":
        assert set(log.query) == {0}
    text = (tmp_path / "log" / "mlperf_log_summary.txt").read_text()
    assert f"Result is : {verdict.validity}" in text


def test_early_stopping_and_its_reason_are_passed_on_word_for_word(tmp_path):
    few = asked("server", queries=20, rate_per_s=400.0)
    _, verdict = run_loadgen(few, Sleeper(0.0005), Batching(), tmp_path)
    assert verdict.validity == "INVALID"
    assert "Would need to run at least" in verdict.early_stopping
    enough = asked("single-stream", queries=64)
    _, verdict = run_loadgen(enough, Sleeper(0.0005), Batching(), tmp_path)
    assert "Processed at least 64 queries" in verdict.early_stopping


def test_every_changed_setting_stands_beside_its_default():
    told = {each.setting: each for each in overrides_of(settings_of(asked("server")))}
    assert told["min_query_count"].value == "10"
    assert told["min_query_count"].default == "100"
    assert told["server_target_latency_ns"].value == "500000000"
    assert told["schedule_rng_seed"].value == "7"
    assert "server_target_latency_percentile" not in told, "left at its default"


def test_the_servers_rate_is_searched_and_the_last_run_is_the_result(tmp_path):
    runs: list[LoadedRun] = []
    session = session_of(CONFIGS["fast"], runs, tmp_path, max_batch=4)
    session.run_loadgen("server")
    probes = [run for run in runs if run.searching]
    assert len(probes) == 3, "half to all of the rate, halved until 8 % is left"
    assert all(250 <= rate(run) <= 500 for run in probes)
    held = [rate(run) for run in probes if is_within_bound(run)]
    final = [run for run in runs if not run.searching]
    assert rate(final[0]) == max(held, default=250.0)
    assert all(run.response_s.size >= 662 for run in final)
    assert all(not holds_bound(run, session.config) for run in final[:-1])


def test_a_server_run_stands_by_loadgens_verdict_where_it_is_long_enough_to_get_one(tmp_path):
    runs: list[LoadedRun] = []
    few = replace(CONFIGS["fast"], within_s=5.0, queries={**CONFIGS["fast"].queries, "server": 20})
    session = session_of(few, runs, tmp_path, max_batch=4)
    session.run_loadgen("server")
    last = runs[-1]
    assert is_within_bound(last)
    assert last.loadgen is not None
    assert last.loadgen.validity == "INVALID", "20 queries are too few for early stopping"
    assert not holds_bound(last, few)
    assert holds_bound(last, replace(few, shortened=("server",)))


def test_loads_run_without_and_with_batching_and_are_kept_at_once(tmp_path):
    runs: list[LoadedRun] = []
    session = session_of(CONFIGS["fast"], runs, tmp_path, max_batch=2)
    session.run_loads((0.5, 0.9), 0.1)
    assert [(run.load, run.batching.max_batch) for run in runs] == [
        (0.5, 1),
        (0.5, 2),
        (0.9, 1),
        (0.9, 2),
    ]
    assert all(len(run.arrived_s) == round(0.1 * rate(run)) for run in runs)
