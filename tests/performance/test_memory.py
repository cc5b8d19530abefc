"""Which reading of memory decides, and how it grows."""

import pytest

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration.measured_cell import Memory
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.workload.shape import Shape


def with_memory(calibration: Calibration, memory: Memory | None) -> Fit:
    cells = tuple(cell.model_copy(update={"memory": memory}) for cell in calibration.cells)
    return fit(calibration.model_copy(update={"cells": cells}))


def test_what_the_allocator_merely_holds_does_not_count(calibration: Calibration):
    memory = Memory(allocated_gib=43.1, reserved_gib=82.1, device_gib=83.4)
    gib = with_memory(calibration, memory).memory(Shape(1024, 1024, 4), 16)
    assert gib.value == pytest.approx(44.4)
    assert "plus the driver's own" in gib.evidence[0]


def test_memory_given_back_within_a_call_is_not_missed(calibration: Calibration):
    """A full device: the allocator once held more than the device shows after the call."""
    roomy = Memory(allocated_gib=20.0, reserved_gib=25.0, device_gib=26.2)
    full = Memory(allocated_gib=43.1, reserved_gib=74.1, device_gib=49.5)
    cells = tuple(
        cell.model_copy(
            update={"memory": full if cell.shape.pixels * cell.batch > 1.6e7 else roomy}
        )
        for cell in calibration.cells
    )
    gib = fit(calibration.model_copy(update={"cells": cells})).memory(Shape(1024, 1024, 4), 16)
    assert gib.value == pytest.approx(43.1 + 1.2)


@pytest.mark.parametrize(
    ("memory", "reading"),
    [
        (Memory(device_gib=20.0), "used on the device"),
        (Memory(reserved_gib=20.0), "held by the allocator"),
        (Memory(allocated_gib=20.0), "handed out by the allocator"),
    ],
)
def test_one_reading_is_enough(calibration: Calibration, memory: Memory, reading: str):
    gib = with_memory(calibration, memory).memory(Shape(512, 512, 4))
    assert gib.value == 20.0
    assert reading in gib.evidence[0]


def test_replicas_without_a_reading_do_not_outvote_the_cells_that_have_one(
    calibration: Calibration,
):
    memory = Memory(allocated_gib=43.1, reserved_gib=82.1, device_gib=83.4)
    told = [cell.model_copy(update={"memory": memory}) for cell in calibration.cells]
    silent = [cell.model_copy(update={"memory": None}) for cell in calibration.cells]
    mixed = fit(calibration.model_copy(update={"cells": (*told, *silent, *silent)}))
    assert mixed.memory(Shape(1024, 1024, 4), 16).value == pytest.approx(44.4)


def test_without_a_reading_latency_still_answers(calibration: Calibration):
    blind = with_memory(calibration, None)
    assert blind.latency(Shape(896, 896, 4)).value > 0
    with pytest.raises(MissingDataError, match="no peak memory"):
        blind.memory(Shape(512, 512, 4))


def test_a_batch_never_needs_less(fitted: Fit):
    shape = Shape(768, 768, 4)
    peaks = [fitted.memory(shape, batch).value for batch in range(1, 17)]
    assert peaks == sorted(peaks)
