"""What repeats, soaks and long calls show: drift, and the pause at the power limit."""

import numpy as np
import pytest

from fluxcost.performance.calibration.extra_measurements import Soak
from fluxcost.performance.calibration.measured_cell import Cell, Samples
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from fluxcost.performance.noise.drift import WithinRunDrift
from fluxcost.performance.noise.run_effects import RUN_SIGMAS
from fluxcost.performance.observations import WithinCallDrift, fitted_cells, groups_of
from fluxcost.workload.shape import Shape
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
    pause = WithinCallDrift(cells)
    assert pause.seconds == pytest.approx(0.03, rel=0.05)
    assert pause.onset_s < 1.08 < pause.full_s * 1.1
    assert pause.after(0.5) == 0
    assert pause.after(3.0) == pause.seconds
    paused = fit(calibration.model_copy(update={"cells": tuple(cells)}))
    shape = Shape(1152, 896, 12)
    plain = fit(calibration).latency(shape)
    assert paused.latency(shape).value - plain.value == pytest.approx(0.03, abs=0.01)


def test_steps_alike_make_no_pause(calibration: Calibration):
    pause = WithinCallDrift(fitted_cells(calibration))
    assert pause.seconds < 0.001
    assert WithinCallDrift([]).after(100.0) == 0


def test_drift_between_cells_counts_more_than_scatter_within(calibration: Calibration):
    steady = groups_of(fitted_cells(calibration))
    moody = groups_of(moody_text(cell) for cell in fitted_cells(calibration))
    pause = WithinCallDrift([])
    assert WithinRunDrift(steady, pause).factors["text_encode"] < 3
    drift = WithinRunDrift(moody, pause)
    assert drift.factors["text_encode"] > 10
    waits = np.ones(len(moody))
    assert drift.near("text_encode", 1024**2, 1, 1.0, waits) == pytest.approx(0.2, rel=0.5)
    assert drift.factors["vae_decode"] == WithinRunDrift(steady, pause).factors["vae_decode"]


def test_noise_is_taken_from_what_waits_alike(calibration: Calibration):
    """Of two groups as far away, the one that waits for the CPU as the point does tells it."""
    cells = [cell for cell in fitted_cells(calibration) if cell.batch == 1 and cell.steps == 4]
    cells = [cell for cell in cells if cell.width in {512, 1024}]
    drift = WithinRunDrift(groups_of(cells), WithinCallDrift([]))
    small, large = (float(each) for each in drift._cell["later_step"])
    assert small > 3 * large
    between = 512 * 1024
    near = [drift.near("later_step", between, 1, share, np.array([1.0, 0.0])) for share in (1, 0)]
    assert near == pytest.approx([small, large], rel=0.01)


WALLS = np.repeat(np.tile([0.9, 1.1], 10), 20)
"""Blocks of 20 calls, each a tenth above or below the middle: their logs scatter by 10.3 %."""


def soak(side: int, walls: np.ndarray) -> Soak:
    wall_s = tuple(map(float, walls))
    return Soak(width=side, height=side, steps=4, batch=1, run="run-1", wall_s=wall_s)


def test_a_soak_of_waiting_calls_tells_of_every_call_by_its_share(calibration: Calibration):
    """At 384x384 all stages wait for the CPU; at 2048x2048 text and host do, of a long call."""
    times = fit(calibration.model_copy(update={"soaks": (soak(384, WALLS),)})).times
    assert times.waiting.gpu == 0
    for side, share in ((384, 0.95), (2048, 0.05)):
        waited = times.waiting.of_call(side**2, 1, 4)
        assert waited == pytest.approx(share, abs=0.05)
        assert times.moment(side**2, 1, 4) == pytest.approx(times.waiting.cpu * waited)
    scatters = [each.scatter for each in times.drift.repeats]
    assert scatters[0] == pytest.approx(0.103, rel=0.01)
    freedoms = [each.freedom for each in times.drift.repeats]
    scatters[0] /= times.waiting.of_call(384**2, 1, 4)  # encodings wait whole
    assert times.waiting.cpu**2 == pytest.approx(np.average(np.square(scatters), weights=freedoms))
    shares = [times.waiting.of_call(side**2, 1, 4) for side in range(384, 2049, 64)]
    assert shares == sorted(shares, reverse=True)


def test_a_soak_of_a_busy_gpu_sets_the_least_error_of_every_call(calibration: Calibration):
    busy = soak(2048, 1 + 0.2 * (WALLS - 1))
    times = fit(calibration.model_copy(update={"soaks": (busy,)})).times
    assert times.waiting.cpu < times.waiting.gpu
    assert times.waiting.gpu == pytest.approx(0.0205, rel=0.02)
    assert times.moment(384**2, 1, 4) == times.moment(2048**2, 1, 4) == times.waiting.gpu


def test_soaks_widen_what_was_measured_too(calibration: Calibration):
    soaked = fit(calibration.model_copy(update={"soaks": (soak(512, WALLS),)}))
    half_width = soaked.latency(Shape(512, 512, 4)).relative_half_width
    share = soaked.times.waiting.of_call(512**2, 1, 4)
    start_sigmas = np.sqrt(2) * RUN_SIGMAS * [share, 1 - share]
    moment = soaked.times.moment(512**2, 1, 4)
    assert moment > 3 * fit(calibration).times.moment(512**2, 1, 4)
    expected = np.sqrt(moment**2 + np.sum(start_sigmas**2))
    assert half_width == pytest.approx(1.645 * expected, rel=0.1)


def test_too_short_a_soak_says_nothing(calibration: Calibration):
    short = calibration.model_copy(update={"soaks": (soak(512, np.ones(5)),)})
    times, alone = fit(short).times, fit(calibration).times
    assert times.moment(512**2, 1, 4) == alone.moment(512**2, 1, 4)


def test_one_step_cells_have_no_later_step():
    cells = fitted_cells(make_calibration(grid=[(512, 512, 1, 1)]))
    drift = WithinRunDrift(groups_of(cells), WithinCallDrift(cells))
    assert drift.near("later_step", 512**2, 1, 1.0, np.ones(1)) == 0
    assert drift.call(cells[0]) > 0
