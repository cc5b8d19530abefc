"""Peak device memory: a constant for the weights and a share of every pixel in flight."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.estimate import Estimate, Source
from fluxcost.performance.architecture import Vae
from fluxcost.performance.calibration.measured_cell import Cell, Memory
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.flops import BYTES_PER_VALUE
from fluxcost.performance.gaussian_process import GaussianProcess, Observations
from fluxcost.performance.observations import groups_of
from fluxcost.stats import NORMAL_90, Array
from fluxcost.workload.shape import Shape

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

LIVE_COPIES = 3
"""Tensors of the decoder's widest layer that are there at once: input, norm and activation
(diffusers, ResnetBlock2D.forward)."""

PICTURE_BYTES = 12
"""Bytes a pixel of a finished picture takes: three channels of float32."""


class MemoryFormula:
    """theta = log GiB whatever the batch, log GiB of one megapixel in flight, log of batch 1's own.

    An image alone takes more a megapixel than one of several: convolutions choose other workspaces
    (2.27 GiB against 1.94, eager klein-4B, H200, 2026-11-23). One of them copies the decoder's
    widest layer at full size, which PyTorch makes in parts of at most 2^31 values: past that it
    stops growing (43.1 GiB at 1024x1024, batch 16, where 47.5 would follow from batches 2 to 8).
    """

    def __init__(self, vae: Vae) -> None:
        widest = vae.decoder_channels[min(1, len(vae.decoder_channels) - 1)]
        self._copy_gib = widest * 1e6 * BYTES_PER_VALUE / 2**30
        self._part_gib = 2**31 * BYTES_PER_VALUE / 2**30
        self._least_gib = LIVE_COPIES * self._copy_gib + PICTURE_BYTES * 1e6 / 2**30
        self.prior_mean = np.log([15.0, 2.0, 1.0])
        self.prior_sigma = np.array([1.5, 1.5, 0.15])

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log GiB; the name is that of the protocol, which knows stage times."""
        megapixels = pixels * 1e-6 * batch
        each = np.exp(theta[1] + theta[2] * np.maximum(0.0, 2.0 - batch))
        spared = np.maximum(0.0, np.minimum(self._copy_gib, each) * megapixels - self._part_gib)
        return np.asarray(np.log(np.exp(theta[0]) + each * megapixels - spared))

    def least_gib(self, theta: Array, pixels: int, batch: int) -> float:
        """Return the least GiB a decoder makes do with that runs layer by layer.

        Short of memory, convolutions take no workspace. Then only the widest layer's input, its
        norm and its activation are there at once, and the pictures. So klein-4B's eager calls take
        1.511 GiB a 1024x1024 image from batch 39 on an H100 and from 67 on an H200, and this names
        the largest batch that ran on either, at two sizes (2026-11-28; the H100's was seen first).
        """
        return float(np.exp(theta[0]) + self._least_gib * pixels * 1e-6 * batch)


class PeakMemory:
    """Peak GiB over pixels and batch, from the one reading most cells carry.

    Args:
        alias: Of the calibration.
        cells: Some of which carry a reading.
        vae: The model's, whose decoder makes the peak.
        key: Name of the calibration in the keys of error draws.
        by_layer: Whether the decoder runs layer by layer, as PyTorch does unless it is compiled.
    """

    def __init__(
        self, alias: str, cells: Sequence[Cell], vae: Vae, key: str, *, by_layer: bool = False
    ) -> None:
        self._key = key
        self._by_layer = by_layer
        driver_gib = _driver_gib(cells)
        self.reading = _common_reading(alias, cells, driver_gib)
        read = functools.partial(_read, reading=self.reading, driver_gib=driver_gib)
        self._read = read
        groups = groups_of(cell for cell in cells if read(cell) is not None)
        peaks = [max(read(cell) or 0.0 for cell in group.cells) for group in groups]
        self._measured = {group.key: peak for group, peak in zip(groups, peaks, strict=True)}
        self._physics = MemoryFormula(vae)
        self._process = GaussianProcess(
            self._physics,
            Observations(
                pixels=np.array([float(group.pixels) for group in groups]),
                batch=np.array([float(group.batch) for group in groups]),
                log_seconds=np.log(peaks),
                noise=np.full(len(peaks), READING_SIGMA),
            ),
        )

    def read(self, cells: Sequence[Cell]) -> list[float | None]:
        """Return the peaks of other cells, GiB, by the reading that was fitted."""
        driver_gib = _driver_gib(cells)
        return [_read(cell, self.reading, driver_gib) for cell in cells]

    def fits(self, pixels: int, memory_gib: float) -> int:
        """Return the largest batch that runs within the memory, however slowly; 0 if none does."""
        batch = 0
        while self._least_gib(pixels, batch + 1) <= memory_gib:
            batch += 1
        return batch

    def _least_gib(self, pixels: int, batch: int) -> float:
        fitted = self.gib(pixels, batch)
        if not self._by_layer:
            return fitted
        return min(fitted, self._physics.least_gib(self._process.theta, pixels, batch))

    def measured(self, shape: Shape, batch: int) -> float | None:
        """Return the peak of this size and batch if it was measured; steps do not matter."""
        return self._measured.get((shape.width, shape.height, batch))

    def of_size(self, shape: Shape, batch: int, calibration: Calibration) -> Estimate | None:
        """Return the peak of this size and batch as measured, GiB, reference images aside."""
        known = self.measured(shape, batch)
        if known is None or shape.reference_images:
            return None
        size = f"{shape.width}x{shape.height}, batch {batch}"
        sigmas = {f"{self._key}/memory/{size}": READING_SIGMA}
        evidence = f"{calibration.alias} ({self._key}): {size}, peak {self.reading}"
        return Estimate.spread(known, sigmas, "GiB", calibration.source, evidence)

    def of_cells(self, cells: Sequence[Cell], calibration: Calibration) -> Estimate:
        """Return the highest peak of cells of one shape and batch, GiB.

        Raises:
            MissingDataError: None of them carries the reading.
        """
        label = cells[0].label
        peaks = [read for cell in cells if (read := self._read(cell)) is not None]
        if not peaks:
            raise MissingDataError(f"{calibration.alias}: {label}: no peak memory was recorded.")
        sigmas = {f"{self._key}/memory/{label}": READING_SIGMA}
        evidence = f"{calibration.alias} ({self._key}): {label}, peak {self.reading}"
        return Estimate.spread(max(peaks), sigmas, "GiB", calibration.source, evidence)

    def fitted(self, shape: Shape, batch: int, source: Source, evidence: str) -> Estimate:
        """Return the peak by the formula, GiB."""
        peak_gib, sigmas = self.gib(shape.pixels, batch), self.sigmas(shape.pixels, batch)
        evidence = f"{evidence}, peak {self.reading}"
        return Estimate.spread(peak_gib, sigmas, "GiB", source, evidence)

    def gib(self, pixels: int, batch: int) -> float:
        """Return the peak in GiB."""
        return float(
            np.exp(
                self._process.log_seconds(np.array([float(pixels)]), np.array([float(batch)]))[0]
            )
        )

    def sigmas(self, pixels: int, batch: int) -> dict[str, float]:
        """Return the relative errors of the peak by error source."""
        part = self._process.predict(pixels, batch)
        shared = {
            f"{self._key}/memory/parameter {index}": float(sigma)
            for index, sigma in enumerate(part.shared)
        }
        return shared | {f"{self._key}/memory/{pixels} px x {batch}": part.local}


def gib_at(peak: PeakMemory, shape: Shape, batch: int) -> float:
    """Return the peak of a size and batch, GiB: measured, or the upper end of what is predicted."""
    known = peak.measured(shape, batch)
    if known is not None:
        return known
    sigmas = peak.sigmas(shape.pixels, batch)
    return peak.gib(shape.pixels, batch) * float(
        np.exp(NORMAL_90 * np.hypot.reduce([*sigmas.values()]))
    )


def _driver_gib(cells: Sequence[Cell]) -> float | None:
    """Return what the driver and its kernels take beside the allocator, GiB; None if not recorded.

    The most over cells: an allocator that gives memory back within a call held more at its peak
    than the device shows after it (74 GiB against 50 in use, eager klein-4B, 1024x1024, batch 16,
    H100 80GB, 2026-11-24), which only makes the difference smaller.
    """
    beside = [
        cell.memory.device_gib - cell.memory.reserved_gib
        for cell in cells
        if cell.memory is not None
        and cell.memory.device_gib is not None
        and cell.memory.reserved_gib is not None
    ]
    return max(0.0, *beside) if beside else None


def _read(cell: Cell, reading: str, driver_gib: float | None) -> float | None:
    return None if cell.memory is None else READINGS[reading](cell.memory, driver_gib)


def _common_reading(alias: str, cells: Sequence[Cell], driver_gib: float | None) -> str:
    """Return the first reading that at least half of the cells with any reading carry.

    Cells of several replicas have none: their memory was not read while they ran together.

    Raises:
        MissingDataError: No cell carries any.
    """
    recorded_any = sum(cell.memory is not None for cell in cells)
    for reading in READINGS:
        recorded = sum(_read(cell, reading, driver_gib) is not None for cell in cells)
        if 2 * recorded >= max(1, recorded_any):
            return reading
    raise MissingDataError(f"{alias}: no peak memory was recorded; measure its cells again.")
