"""Memory headroom: how many images fit in a GPU's memory at once, with a margin left free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fluxcost.errors import InfeasibleError, InputError
from fluxcost.performance.fit import Fit
from fluxcost.performance.memory import gib_at
from fluxcost.performance.roofline import rates_of
from fluxcost.workload.shape import Shape

MARGIN = 0.05
"""Share of the memory left free unless asked: what the peaks of cells left out miss by, and other
users of the board (a display, a second context)."""


@dataclass(frozen=True)
class MemoryHeadroom:
    """The largest batch of a shape.

    Attributes:
        batch: Images a call.
        peak_gib: What such a call needs at its peak, upper end of the interval.
        memory_gib: What the GPU has.
        margin: Share of it left free.
        limited_by: "memory", an "out-of-memory cell" of a larger batch, or "reach" where more would
            be past twice the measured tokens x batch and is not answered.
    """

    batch: int
    peak_gib: float
    memory_gib: float
    margin: float
    limited_by: Literal["memory", "out-of-memory cell", "reach"]


def largest_batch(
    fitted: Fit, shape: Shape, *, gpu: str | None = None, margin: float = MARGIN
) -> MemoryHeadroom:
    """Return the largest batch whose peak, upper end of its interval, fits with a margin.

    Args:
        fitted: Of a calibration with memory readings.
        shape: What is asked.
        gpu: Key of another GPU in data/gpus.yaml; the measured one unless given. Its memory is the
            datasheet's GB read as decimal, the least they can mean.
        margin: Share of the memory left free, 0 to 0.9.

    Raises:
        InputError: margin is out of range.
        InfeasibleError: Not even one image fits.
        MissingDataError: No memory was recorded, one image is past reach, or the GPU is unknown.
    """
    if not 0 <= margin <= 0.9:
        raise InputError(f"margin is {margin!r}; expected a share of the memory from 0 to 0.9.")
    fitted.region.require_within_reach(shape, 1)
    memory_gib = rates_of(gpu).memory_gib if gpu else fitted.calibration.gpu.memory_gib
    room_gib = memory_gib * (1 - margin)
    ran_out = fitted.region.fewest_out_of_memory(shape) if gpu is None else None
    batch, peak_gib = 0, 0.0
    limited_by: Literal["memory", "out-of-memory cell", "reach"] = "reach"
    for more in range(1, fitted.region.farthest_batch(shape) + 1):
        if ran_out is not None and more >= ran_out:
            limited_by = "out-of-memory cell"
            break
        needed_gib = gib_at(fitted.peak, shape, more)
        if needed_gib > room_gib:
            limited_by = "memory"
            break
        batch, peak_gib = more, needed_gib
    if batch == 0:
        where = gpu or fitted.calibration.gpu.key
        raise InfeasibleError(
            f"{fitted.calibration.alias}: not one image of {shape} fits {where} "
            f"({memory_gib:.1f} GiB, {margin:.0%} left free); use a smaller image or a larger GPU."
        )
    return MemoryHeadroom(batch, peak_gib, memory_gib, margin, limited_by)
