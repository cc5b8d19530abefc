"""The drift check: what it chooses, its rule, and one for real on the CPU."""

import io
from math import comb
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fluxcost.errors import InputError, MissingDataError, UnknownNameError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import GpuIdentity
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from measure.bench import Bench
from measure.calibration_check import (
    CheckRequest,
    _allowed,
    check_calibration,
    judge,
    most_informative_points,
)
from measure.campaign import describe_run
from measure.environment import describe_gpu
from measure.protocol import measure_cell
from measure.suites import Point, Protocol, point
from tests.measure.conftest import TINY_MODEL
from tests.synthetic import Machine, make_calibration

STATED = make_calibration(seed=1)
FIT = fit(STATED)
H200 = load_calibration("h200-sxm/flux2-klein-4b/eager-bf16")
QUICK = Protocol(
    window=1,
    tolerance=0.5,
    max_warmup_calls=2,
    min_samples=3,
    min_samples_slow=2,
    min_duration_s=0.01,
)


def again(machine: Machine, seed: int) -> Calibration:
    grid = [(p.shape.width, p.shape.height, p.shape.steps, p.batch) for p in chosen()]
    return make_calibration(machine, seed=seed, grid=grid, calls=10)


def chosen() -> tuple[Point, ...]:
    return most_informative_points(FIT, Protocol(), 4)


def test_the_cells_chosen_differ_and_are_measured_ones():
    points = most_informative_points(fit(H200), Protocol(), 4)
    assert len(set(points)) == 4
    known = {Point(cell.shape, cell.batch) for cell in H200.ok_cells}
    assert set(points) <= known
    assert len({p.shape.pixels for p in points}) > 1
    assert most_informative_points(fit(H200), Protocol(), 3) == points[:3]


def test_an_unchanged_machine_holds_nine_times_in_ten():
    verdicts = [judge(FIT, again(Machine(), seed)) for seed in range(2, 22)]
    assert sum(verdict.holds for verdict in verdicts) >= 18
    assert "holds for this machine" in verdicts[0].sentence("a/b/c")


@pytest.mark.parametrize(
    "machine",
    [
        Machine(step_s_per_kilotoken=1.2 * Machine.step_s_per_kilotoken),
        Machine(
            text_launch_s=1.5 * Machine.text_launch_s, step_launch_s=1.5 * Machine.step_launch_s
        ),
    ],
    ids=["slower products", "a slower CPU"],
)
def test_a_changed_machine_does_not_hold(machine: Machine):
    verdict = judge(FIT, again(machine, 3))
    assert not verdict.holds
    assert verdict.mean.value > 1.05
    assert "does not hold" in verdict.sentence("a/b/c")


def test_the_cells_allowed_outside_are_those_of_chance():
    for cells in range(2, 12):
        allowed = _allowed(cells)
        at_most = sum(comb(cells, k) * 0.1**k * 0.9 ** (cells - k) for k in range(allowed + 1))
        fewer = sum(comb(cells, k) * 0.1**k * 0.9 ** (cells - k) for k in range(allowed))
        assert at_most >= 0.9 - 1e-9 > fewer


def test_what_changed_and_what_failed_is_said():
    measured = again(Machine(), 2)
    run = measured.runs[0]
    environment = run.environment.model_copy(update={"packages": {"torch": "2.12.0"}})
    full = Cell(
        width=64, height=64, steps=1, batch=1, run=run.id, status="out_of_memory", reason="full"
    )
    other = measured.model_copy(
        update={
            "runs": (run.model_copy(update={"environment": environment}),),
            "cells": (*measured.cells, full),
        }
    )
    verdict = judge(FIT, other)
    assert verdict.changed == ("torch was 2.11.0, is 2.12.0",)
    assert verdict.failed == ("64x64, 1 steps, batch 1: full",)
    assert not verdict.holds
    with pytest.raises(MissingDataError, match="no cell could be measured again"):
        judge(FIT, other.model_copy(update={"cells": (full,)}))


@pytest.mark.parametrize("count", [1, 99])
def test_a_wrong_number_of_cells_is_refused(count: int):
    with pytest.raises(InputError, match=f"--cells is {count}"):
        most_informative_points(FIT, Protocol(), count)


def request(calibration: str | None) -> CheckRequest:
    return CheckRequest(calibration, TINY_MODEL, "eager-bf16", None, "cpu", 2, 0)


def test_it_measures_for_real(bench: Bench, tmp_path: Path):
    run = describe_run(bench)
    quadruples = [(64, 64, 1, 1), (96, 64, 2, 1), (64, 64, 2, 2)]
    cells = [
        measure_cell(bench, point(each), QUICK, run=run.id, order=order, suites=())
        for order, each in enumerate(quadruples)
    ]
    gpu: GpuIdentity = describe_gpu(bench.device)
    path = tmp_path / "tiny.json"
    Calibration(
        gpu=gpu, model="flux2-klein-tiny", stack=bench.recipe.stack, runs=(run,), cells=tuple(cells)
    ).save(path)
    printed = io.StringIO()
    verdict = check_calibration(request(str(path)), Console(file=printed, width=300), QUICK)
    assert len(verdict.cells) == 2
    for cell in verdict.cells:
        stated = next(each for each in cells if each.label == cell.label)
        assert cell.stated.value == float(np.median(stated.calls_s))
        assert cell.ratio.value == pytest.approx(cell.measured_s / cell.stated.value)
    assert verdict.sentence(f"{gpu.key}/flux2-klein-tiny/eager-bf16") in printed.getvalue()
    assert not verdict.changed


def test_a_calibration_of_something_else_is_refused():
    with pytest.raises(UnknownNameError, match="cpu/flux2-klein-tiny/eager-bf16"):
        check_calibration(request(None), Console(file=io.StringIO()))
    with pytest.raises(InputError, match="is of another GPU, model or stack than cpu"):
        check_calibration(request(H200.alias), Console(file=io.StringIO()))
