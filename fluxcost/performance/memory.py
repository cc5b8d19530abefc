"""Peak device memory: a constant for the weights and a share of every pixel in flight."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration import Cell, Memory
from fluxcost.performance.groups import groups_of
from fluxcost.performance.kriging import Array, Kriged, Observations
from fluxcost.workload import Shape

Reader = Callable[[Memory, float | None], float | None]
"""Returns GiB of one cell's memory, given what the driver itself takes; None where not recorded."""


def _needed(memory: Memory, driver_gib: float | None) -> float | None:
    """Return what the allocator handed out plus the driver's own, GiB.

    The allocator holds on to more while there is room (82 GiB for 43 handed out, eager klein-4B,
    1024x1024, batch 16, H200, 2026-11-23) and gives it back when there is not.
    """
    if memory.allocated_gib is None or driver_gib is None:
        return None
    return memory.allocated_gib + driver_gib


READINGS: dict[str, Reader] = {
    "handed out by the allocator plus the driver's own": _needed,
    "used on the device": lambda memory, _: memory.device_gib,
    "held by the allocator": lambda memory, _: memory.reserved_gib,
    "handed out by the allocator": lambda memory, _: memory.allocated_gib,
}
"""What a peak may be a reading of, the one that decides whether a batch fits first."""

READING_SIGMA = 0.002
"""Relative error of a peak: repeated calls reach the same peak to within a few allocator blocks."""


class MemoryPhysics:
    """theta = log GiB whatever the batch (weights, context), log GiB of one megapixel in flight."""

    def __init__(self) -> None:
        self.prior_mean = np.log([15.0, 2.0])
        self.prior_sigma = np.array([1.5, 1.5])

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log GiB; the name is that of the protocol, which knows stage times."""
        return np.asarray(np.logaddexp(theta[0], theta[1] + np.log(pixels * 1e-6 * batch)))


class PeakMemory:
    """Peak GiB over pixels and batch, from the one reading most cells carry."""

    def __init__(self, alias: str, cells: Sequence[Cell], key: str) -> None:
        self._key = key
        driver_gib = _driver_gib(cells)
        self.reading = _common_reading(alias, cells, driver_gib)
        read = functools.partial(_read, reading=self.reading, driver_gib=driver_gib)
        groups = groups_of(cell for cell in cells if read(cell) is not None)
        peaks = [max(read(cell) or 0.0 for cell in group.cells) for group in groups]
        self._measured = {group.key: peak for group, peak in zip(groups, peaks, strict=True)}
        self._kriged = Kriged(
            MemoryPhysics(),
            Observations(
                pixels=np.array([float(group.pixels) for group in groups]),
                batch=np.array([float(group.batch) for group in groups]),
                log_seconds=np.log(peaks),
                noise=np.full(len(peaks), READING_SIGMA),
            ),
        )

    def measured(self, shape: Shape, batch: int) -> float | None:
        """Return the peak of this size and batch if it was measured; steps do not matter."""
        return self._measured.get((shape.width, shape.height, batch))

    def gib(self, pixels: int, batch: int) -> float:
        """Return the peak in GiB."""
        return self._kriged.predict(pixels, batch).seconds

    def sigmas(self, pixels: int, batch: int) -> dict[str, float]:
        """Return the relative errors of the peak by error source."""
        part = self._kriged.predict(pixels, batch)
        shared = {
            f"{self._key}/memory/parameter {index}": float(sigma)
            for index, sigma in enumerate(part.shared)
        }
        return shared | {f"{self._key}/memory/{pixels} px x {batch}": part.local}


def _driver_gib(cells: Sequence[Cell]) -> float | None:
    """Return what the driver and its kernels take beside the allocator, GiB; None if not recorded.

    The median over cells: an allocator short of room gives memory back within a call, and then held
    more at its peak than the device shows after it (74 GiB against 50 in use, eager klein-4B,
    1024x1024, batch 16, H100 80GB, 2026-11-24).
    """
    beside = [
        cell.memory.device_gib - cell.memory.reserved_gib
        for cell in cells
        if cell.memory is not None
        and cell.memory.device_gib is not None
        and cell.memory.reserved_gib is not None
    ]
    return max(0.0, float(np.median(beside))) if beside else None


def _read(cell: Cell, reading: str, driver_gib: float | None) -> float | None:
    return None if cell.memory is None else READINGS[reading](cell.memory, driver_gib)


def _common_reading(alias: str, cells: Sequence[Cell], driver_gib: float | None) -> str:
    """Return the first reading that at least half of the cells carry.

    Raises:
        MissingDataError: No cell carries any.
    """
    for reading in READINGS:
        told = sum(_read(cell, reading, driver_gib) is not None for cell in cells)
        if 2 * told >= max(1, len(cells)):
            return reading
    raise MissingDataError(f"{alias}: no peak memory was recorded; measure its cells again.")
