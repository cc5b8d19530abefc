"""What repeats, soaks and long calls show: drift, and the pause at the power limit."""

import numpy as np
import pytest

from fluxcost.performance.calibration import Calibration, Cell, Samples, Soak
from fluxcost.performance.drift import Drift
from fluxcost.performance.fit import fit
from fluxcost.performance.groups import fitted_cells, groups_of
from fluxcost.performance.pause import Pause
from fluxcost.workload import Shape
from tests.synthetic import make_calibration


def slow_late_steps(cell: Cell) -> Cell:
    """Return the cell with 30 ms more in its last step, if its calls last over a second."""
    samples = cell.samples
    assert samples is not None
    if np.median(samples.wall_s) < 1:
        return cell
    later = [(*steps[:-1], steps[-1] + 0.03) for steps in samples.denoise_step_s]
    walls = [wall + 0.03 for wall in samples.wall_s]
    changed = Samples.model_validate(
        samples.model_dump() | {"denoise_step_s": later, "wall_s": walls}
    )
    return cell.model_copy(update={"samples": changed})


def moody_text(cell: Cell) -> Cell:
    """Return the cell with its text stage 20 % slower or quicker by its steps, calls alike."""
    samples = cell.samples
    assert samples is not None
    factor = {4: 0.8, 8: 1.0, 12: 1.2}[cell.steps]
    text = [factor * span for span in samples.text_encode_s]
    changed = Samples.model_validate(samples.model_dump() | {"text_encode_s": text})
    return cell.model_copy(update={"samples": changed})


def test_a_pause_is_found_and_kept_out_of_the_steps(calibration: Calibration):
    cells = [slow_late_steps(cell) for cell in fitted_cells(calibration)]
    pause = Pause(cells)
    assert pause.seconds == pytest.approx(0.03, rel=0.05)
    assert pause.onset_s < 1.08 < pause.full_s * 1.1
    assert pause.after(0.5) == 0
    assert pause.after(3.0) == pause.seconds
    paused = fit(calibration.model_copy(update={"cells": tuple(cells)}))
    shape = Shape(1152, 896, 12)
    plain = fit(calibration).latency(shape)
    assert paused.latency(shape).value - plain.value == pytest.approx(0.03, abs=0.01)


def test_steps_alike_make_no_pause(calibration: Calibration):
    pause = Pause(fitted_cells(calibration))
    assert pause.seconds < 0.001
    assert Pause([]).after(100.0) == 0


def test_drift_between_cells_counts_more_than_scatter_within(calibration: Calibration):
    steady = groups_of(fitted_cells(calibration))
    moody = groups_of(moody_text(cell) for cell in fitted_cells(calibration))
    pause = Pause([])
    assert Drift(steady, pause).factors["text_encode"] < 3
    drift = Drift(moody, pause)
    assert drift.factors["text_encode"] > 10
    assert drift.near("text_encode", 1024**2, 1) == pytest.approx(0.2, rel=0.5)
    assert drift.factors["vae_decode"] == Drift(steady, pause).factors["vae_decode"]


def test_a_soak_sets_the_least_error_near_its_size(calibration: Calibration):
    walls = np.repeat(np.tile([0.9, 1.1], 10), 20)
    soaks = [(1000.0, walls), (64000.0, 1 + 0.01 * (walls - 1))]
    drift = Drift(groups_of(fitted_cells(calibration)), Pause([]), soaks)
    assert drift.moment(1000) == pytest.approx(0.103, rel=0.02)
    assert drift.moment(10) == drift.moment(1000)
    assert drift.moment(8000) == pytest.approx(0.0103, rel=0.02)
    soak = Soak(
        width=512, height=512, steps=4, batch=1, run="run-1", wall_s=tuple(map(float, walls))
    )
    soaked = fit(calibration.model_copy(update={"soaks": (soak,)}))
    assert soaked.latency(Shape(512, 512, 4)).relative_half_width == pytest.approx(0.17, rel=0.15)
    larger = soaked.latency(Shape(640, 640, 4)).relative_half_width
    assert larger == pytest.approx(0.17 * 1536 / 2112, rel=0.15)


def test_too_short_a_soak_says_nothing(calibration: Calibration):
    groups = groups_of(fitted_cells(calibration))
    assert Drift(groups, Pause([]), [(1000.0, np.ones(5))]).moment(1000) == 0


def test_one_step_cells_have_no_later_step():
    cells = fitted_cells(make_calibration(grid=[(512, 512, 1, 1)]))
    drift = Drift(groups_of(cells), Pause(cells))
    assert drift.near("later_step", 512**2, 1) == 0
    assert drift.call(cells[0]) > 0
