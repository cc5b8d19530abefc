"""Stages of a call beside their floors, and latency over size with the cells on it."""

import json

import numpy as np
import pytest

from fluxcost.errors import InputError, MissingDataError
from fluxcost.performance.breakdown import breakdown, size_curve
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.workload.shape import Shape
from tests.synthetic import Machine

MEASURED, BETWEEN = Shape(1024, 1024, 4), Shape(896, 896, 6)


@pytest.mark.parametrize("shape", [MEASURED, BETWEEN])
def test_stages_make_up_the_call_and_none_is_under_its_floor(fitted: Fit, shape: Shape):
    found = breakdown(fitted, shape)
    assert [part.stage for part in found.stages] == ["text_encode", "denoise", "vae_decode", "host"]
    assert found.latency is fitted.latency(shape)
    total = sum(part.seconds.value for part in found.stages)
    assert total == pytest.approx(found.latency.value, rel=0.05)
    floors = [part.floor_s for part in found.stages]
    assert floors[-1] is None
    assert sum(floor for floor in floors if floor) == pytest.approx(found.floor.total_s)
    assert found.floor_share.value == pytest.approx(found.floor.total_s / found.latency.value)
    assert found.floor_share.low < found.floor_share.value < found.floor_share.high
    assert json.loads(json.dumps(found.to_dict()))["floor"]["basis"] == found.floor.basis


def test_the_floor_is_at_the_run_s_ceilings_or_else_the_datasheet_s(
    calibration: Calibration, fitted: Fit
):
    assert breakdown(fitted, MEASURED).floor == fitted.floor(MEASURED, 1, "ceilings")
    runs = tuple(run.model_copy(update={"ceilings": None}) for run in calibration.runs)
    bare = fit(calibration.model_copy(update={"runs": runs}))
    assert breakdown(bare, MEASURED).floor == bare.floor(MEASURED, 1, "peak")


def test_a_published_table_has_no_stages():
    table = fit(load_calibration("published/h100-sxm/flux2-klein-4b/diffusers-bf16"))
    with pytest.raises(MissingDataError, match="answers only the latency of the cells it gives"):
        breakdown(table, MEASURED)


def test_a_curve_is_the_fit_at_rising_sizes_and_passes_near_the_truth(fitted: Fit):
    found = size_curve(fitted, steps=4)
    pixels = [point.shape.pixels for point in found.points]
    assert pixels == sorted(set(pixels))
    assert (min(pixels), max(pixels)) == (384**2, 2048**2)
    assert all(point.latency is fitted.latency(point.shape) for point in found.points)
    for point in found.points:
        truth = Machine().wall_s(point.shape.pixels, 4, 1)
        assert point.latency.value == pytest.approx(truth, rel=0.06)
    assert {384, 512, 768, 1024, 2048} <= {point.shape.width for point in found.points}


def test_measured_points_are_the_cells_calls(calibration: Calibration, fitted: Fit):
    found = size_curve(fitted, steps=4, batch=4)
    cells = [cell for cell in calibration.ok_cells if (cell.steps, cell.batch) == (4, 4)]
    assert [point.shape for point in found.measured] == [cell.shape for cell in cells]
    for point, cell in zip(found.measured, cells, strict=True):
        assert point.calls == len(cell.calls_s)
        assert point.median_s == pytest.approx(np.median(cell.calls_s))
        assert point.low_s < point.median_s < point.high_s
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_published_table_is_points_of_its_own(fitted: Fit):
    table = fit(load_calibration("published/h100-sxm/flux2-klein-4b/diffusers-bf16"))
    found = size_curve(table, steps=4)
    assert {point.shape.width for point in found.points} == {512, 768, 1024}
    assert found.measured == ()
    with pytest.raises(MissingDataError, match="nothing answers at 5 steps and batch 1"):
        size_curve(table, steps=5)
    with pytest.raises(InputError, match="steps is 0"):
        size_curve(fitted, steps=0)
