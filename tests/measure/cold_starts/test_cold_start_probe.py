"""Cold starts: what a process reports, in which order, and what a record keeps of it."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from fluxcost.errors import InputError, UnknownNameError
from fluxcost.performance.calibration.measuring_run import ColdStartRecord, FirstCalls, ProcessStart
from fluxcost.performance.calibration.schema import read_calibration
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape
from measure.calibration_merge import differences, merge_calibrations
from measure.cli import app
from measure.cold_starts import cold_start_process
from measure.cold_starts.cold_start_probe import (
    ColdStartRequest,
    cold_start_in_process,
    measure_cold_start,
    run_cold_starts,
    save_weights_in_process,
    weights_on_disk,
)
from measure.cold_starts.cold_start_records import (
    ColdStartAnswer,
    ColdStartTask,
    SavedWeights,
    SaveWeightsTask,
)
from measure.errors import MeasurementError
from measure.journal import JournalRow, read_rows
from measure.json_lines import JOURNAL_FILE
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.families import build, load
from tests.measure.conftest import TINY_MODEL
from tests.synthetic import make_calibration

POINTS = ((64, 64, 1, 1), (96, 64, 1, 1))


def asked(tmp_path: Path, **fields: Any) -> ColdStartRequest:
    given: dict[str, Any] = {
        "model": TINY_MODEL,
        "stack": "eager-bf16",
        "weights": None,
        "device": "cpu",
        "seed": 0,
        "points": POINTS,
        "calls": 2,
        "scratch": tmp_path,
    } | fields
    return ColdStartRequest(**given)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> SavedWeights:
    folder = tmp_path_factory.mktemp("weights")
    return cold_start_process.save_weights(
        SaveWeightsTask(model=TINY_MODEL, device="cpu", seed=3, folder=folder)
    )


def here(order: ColdStartTask) -> ColdStartAnswer:
    """Do in this process what a fresh one would, and leave a file as a compiler would."""
    (order.cache / f"kernel-{len(list(order.cache.iterdir()))}").write_bytes(bytes(2**20))
    return cold_start_process.time_cold_start(order, time.monotonic() - 1.0)


def test_both_caches_are_empty_and_then_both_filled(tmp_path: Path, saved: SavedWeights):
    found = measure_cold_start(asked(tmp_path), saved, here)
    cold = found.cold_start
    first, second = cold.starts
    assert [(each.page_cache, each.compile_cache) for each in cold.starts] == [
        ("empty", "empty"),
        ("filled", "filled"),
    ]
    assert (first.compile_cache_mib, second.compile_cache_mib) == (1.0, 2.0)
    assert [calls.shape for calls in first.calls] == [Shape(64, 64, 1), Shape(96, 64, 1)]
    assert all(len(calls.wall_s) == 2 for start in cold.starts for calls in start.calls)
    assert first.import_s >= 1.0
    assert (cold.load_cold_cache_s, cold.load_warm_cache_s) == (first.load_s, second.load_s)
    assert cold.first_call_with_s("empty") == first.calls[0].first_s == cold.first_call_s
    assert cold.first_call_with_s("shipped") == second.calls[0].first_s
    assert cold.loaded_s == pytest.approx(first.import_s + first.load_s + first.prepare_s)
    assert found.header.weights == "synthetic"
    assert found.run.environment.weights == "synthetic (seed 3, scale 1)"
    assert not list(tmp_path.iterdir())  # the compile cache was this one's alone


def test_loaded_weights_are_those_saved(saved: SavedWeights):
    loaded = load("flux2-klein", str(saved.folder), torch.device("cpu"), torch.bfloat16)
    built = build(load_blueprint(TINY_MODEL).document, 3, torch.device("cpu"), torch.bfloat16)
    for name, value in built.transformer.state_dict().items():
        assert torch.equal(value, loaded.transformer.state_dict()[name])
    sizes = [path.stat().st_size for path in saved.folder.rglob("*.safetensors")]
    assert saved.file_gib * 2**30 >= sum(sizes)


def test_a_process_of_its_own_answers_in_its_own_cache(tmp_path: Path, saved: SavedWeights):
    order = ColdStartTask(
        model=TINY_MODEL,
        stack="eager-bf16",
        device="cpu",
        seed=0,
        weights=saved,
        points=POINTS[:1],
        calls=1,
        page_cache="empty",
        compile_cache="empty",
        cache=tmp_path,
    )
    began_s = time.monotonic()
    answer = cold_start_in_process(order)
    assert answer.start.loaded_s + answer.start.calls[0].first_s < time.monotonic() - began_s
    assert answer.start.import_s > 0.5  # PyTorch alone takes longer


def test_a_process_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "false")
    wrong = SaveWeightsTask(model=TINY_MODEL, device="cpu", seed=0, folder=tmp_path)
    with pytest.raises(MeasurementError, match="was to save failed: exit code 1"):
        save_weights_in_process(wrong)


def made_up(scale: float) -> ColdStartRecord:
    def start(found: str, factor: float) -> ProcessStart:
        calls = FirstCalls(width=64, height=64, steps=1, batch=1, wall_s=(factor * scale, 0.1))
        return ProcessStart(
            page_cache=found,
            compile_cache=found,
            import_s=5.0,
            load_s=2.0 * factor,
            prepare_s=0.5,
            calls=(calls,),
            compile_cache_mib=3.0,
        )

    starts = (start("empty", 8.0), start("filled", 1.0))
    return ColdStartRecord(build_s=23.5, first_call_s=8.0 * scale, starts=starts)


def test_what_replicas_find_decides_the_first_call():
    cold = made_up(4.0)
    assert cold.loaded_s == 5 + 16 + 0.5
    assert cold.first_call_with_s("empty") == 32.0
    assert cold.first_call_with_s("shipped") == 4.0
    assert cold.starts[0].calls[0].later_s == 0.1
    old = ColdStartRecord(build_s=20.0, load_cold_cache_s=12.0, first_call_s=4.0)
    assert (old.loaded_s, old.first_call_with_s("shipped")) == (12.0, None)
    with pytest.raises(InputError, match="a start with both caches empty"):
        ColdStartRecord.parse({**cold.to_dict(), "starts": cold.to_dict()["starts"][1:]}, "made")


def test_every_stack_gets_a_journal_that_joins_its_record(tmp_path: Path, saved: SavedWeights):
    out = tmp_path / "out"
    measured: list[str] = []

    def measure(request: ColdStartRequest, weights: SavedWeights):
        measured.append(request.stack)
        return measure_cold_start(request, weights, here)

    given = asked(out, weights=str(saved.folder))
    stacks = ("eager-bf16",)
    run_cold_starts(given, stacks, out, Console(quiet=True), measure)
    run_cold_starts(given, stacks, out, Console(quiet=True), measure)
    assert measured == ["eager-bf16"]  # what a journal holds is not measured again

    path = out / "eager-bf16" / JOURNAL_FILE
    header, rows = read_rows(path)
    run = rows[0].run
    assert run is not None
    cells = make_calibration(gpu="cpu").model_copy(
        update={"gpu": header.gpu, "model": header.model, "stack": header.stack}
    )
    cells.save(tmp_path / "cells.json")
    joined = merge_calibrations([tmp_path / "cells.json", path])
    assert joined.cells == cells.cells
    assert joined.runs[-1].id == run.id
    assert joined.runs[-1].cold_start == rows[1].cold_start
    assert joined.content_hash == merge_calibrations([tmp_path / "cells.json", path]).content_hash
    assert "cpu" in differences(joined)
    assert differences(cells) == {}
    with pytest.raises(InputError, match="cells is"):
        merge_calibrations([path])
    joined.save(tmp_path / "joined.json")
    assert read_calibration(tmp_path / "joined.json") == joined


def test_a_run_without_cells_moves_no_answer():
    before = make_calibration()
    run = before.runs[0].model_copy(update={"id": "cold", "cold_start": made_up(4.0)})
    after = before.model_copy(update={"runs": (*before.runs, run)})
    for shape in (Shape(1024, 1024, 4), Shape(896, 640, 6)):
        one, two = fit(before).latency(shape), fit(after).latency(shape)
        assert one.value == two.value
        assert (one.low, one.high) == pytest.approx((two.low, two.high), rel=0.01)  # other draws


def test_what_cannot_be_started_is_told_first(tmp_path: Path):
    with pytest.raises(UnknownNameError, match="compiled-bf61"):
        run_cold_starts(asked(tmp_path), ("compiled-bf61",), tmp_path, Console(quiet=True))
    missing = asked(tmp_path, weights="some/hub-name")
    with pytest.raises(InputError, match="expected a folder here"), weights_on_disk(missing):
        raise AssertionError
    options = ["--stack", "eager-bf16", "--device", "cpu", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, ["cold-start", *options, "--shape", "64x64"])
    assert "--shape is '64x64'; expected WIDTHxHEIGHTxSTEPS" in str(result.exception)


def test_a_row_of_a_cold_start_reads_back(tmp_path: Path):
    row = JournalRow(cold_start=made_up(4.0), of_run="r")
    assert JournalRow.parse(json.loads(row.model_dump_json(exclude_defaults=True)), "a row") == row


def test_what_a_killed_start_left_is_removed_by_the_next(tmp_path: Path):
    left = tmp_path / "weights-cpu" / "model.safetensors"
    left.parent.mkdir()
    left.write_bytes(b"as large as the weights")

    def save(order: SaveWeightsTask) -> SavedWeights:
        assert list(order.folder.iterdir()) == []
        (order.folder / "model.safetensors").write_bytes(b"new")
        return SavedWeights(folder=order.folder, label="new", file_gib=0.1)

    with weights_on_disk(asked(tmp_path), save):
        assert [each.name for each in tmp_path.iterdir()] == ["weights-cpu"]
    assert list(tmp_path.iterdir()) == []
