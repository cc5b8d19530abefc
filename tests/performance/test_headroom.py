"""The largest batch that fits, against the peaks themselves, and a machine whose edge is known."""

import pytest

from fluxcost.errors import InfeasibleError, InputError, MissingDataError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.headroom import largest_batch
from fluxcost.workload.shape import Shape
from tests.synthetic import Machine

SHAPE = Shape(1024, 1024, 4)
H200 = fit(load_calibration("h200-sxm/flux2-klein-4b/eager-bf16"))


def of_memory(calibration: Calibration, memory_gib: float) -> Fit:
    gpu = calibration.gpu.model_copy(update={"memory_gib": memory_gib})
    return fit(calibration.model_copy(update={"gpu": gpu}))


@pytest.mark.parametrize("memory_gib", [24.0, 40.0, 60.0])
@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_the_edge_is_where_the_machine_has_it(
    calibration: Calibration, memory_gib: float, margin: float
):
    """The imagined machine needs 1.03 x allocated + 0.6 GiB on the device."""
    room = largest_batch(of_memory(calibration, memory_gib), SHAPE, margin=margin)
    need = [1.03 * Machine().memory_gib(SHAPE.pixels, batch) + 0.6 for batch in range(1, 33)]
    true = sum(gib <= memory_gib * (1 - margin) for gib in need)
    assert true - 1 <= room.batch <= true
    assert room.peak_gib <= memory_gib * (1 - margin)
    assert room.limited_by == ("memory" if true < 32 else "reach")


def test_another_gpu_has_its_datasheets_memory():
    here, small = largest_batch(H200, SHAPE), largest_batch(H200, SHAPE, gpu="rtx-4090")
    assert small.memory_gib == pytest.approx(24e9 / 2**30)
    assert small.batch < here.batch
    assert small.limited_by == "memory"
    assert largest_batch(H200, Shape(512, 512, 4), gpu="rtx-4090").batch > small.batch


def test_a_measured_edge_stands(calibration: Calibration):
    full = Cell(
        width=768, height=768, steps=4, batch=6, run="run-1", status="out_of_memory", reason="full"
    )
    edged = fit(calibration.model_copy(update={"cells": (*calibration.cells, full)}))
    room = largest_batch(edged, SHAPE)
    assert (room.batch, room.limited_by) == (5, "out-of-memory cell")
    assert largest_batch(edged, Shape(512, 512, 4)).batch > 6


def test_what_cannot_be_said_is_refused(fitted: Fit, calibration: Calibration):
    with pytest.raises(InputError, match="margin is 1"):
        largest_batch(fitted, SHAPE, margin=1)
    with pytest.raises(InfeasibleError, match=r"not one image of 1024x1024.* fits .* 5% left free"):
        largest_batch(of_memory(calibration, 12.0), SHAPE)
    with pytest.raises(MissingDataError, match="no datasheet rates for GPU 'toaster'"):
        largest_batch(fitted, SHAPE, gpu="toaster")
    with pytest.raises(MissingDataError, match="twice what was measured"):
        largest_batch(fitted, Shape(8192, 8192, 1))
