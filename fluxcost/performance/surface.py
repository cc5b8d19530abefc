"""A stage's time as a surface over pixels and batch that never falls as either grows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Self

import numpy as np

from fluxcost.performance.kriging import Array, Kriged

PIXEL_STEPS_PER_OCTAVE = 8
BATCH_STEPS_PER_OCTAVE = 8
"""Lattice density; log-linear interpolation between steps then errs by about 0.1 %."""

LEAST_PIXELS = 256
"""One token."""


class Surface:
    """A fitted stage made monotone on a lattice: the running maximum along pixels and batch.

    The discrepancy may dip where two cells disagree by their noise. A planner that searches
    sizes and batches needs more work never to take less time, so each lattice point takes the
    largest value at or below it. Measured sizes and small batches are lattice points themselves.

    Args:
        process: The stage.
        most_pixels: Of an image, at the lattice's end.
        most_batch: Images, at the lattice's other end.
        fitted: Log seconds of the stage at the lattice's points, where they are known.
    """

    def __init__(
        self,
        process: Kriged,
        most_pixels: float,
        most_batch: float,
        fitted: Array | None = None,
    ) -> None:
        seen = process.observations
        self._pixels = _axis(LEAST_PIXELS, most_pixels, PIXEL_STEPS_PER_OCTAVE, seen.pixels)
        whole = np.arange(1.0, min(most_batch, 32.0) + 1)
        self._batch = _axis(1.0, most_batch, BATCH_STEPS_PER_OCTAVE, whole)
        pixels, batch = np.meshgrid(self._pixels, self._batch, indexing="ij")
        self._process = process
        self._points = np.exp(pixels.ravel()), np.exp(batch.ravel())
        self.fitted = process.log_seconds(*self._points) if fitted is None else fitted
        self._log_seconds = self._rising(self.fitted)

    def moved(self, moves: Callable[[Array, Array], Array]) -> Self:
        """Return the same stage with the effects of one run: the lattice is not fitted again.

        Args:
            moves: How far the run effects move points given as pixels and batch.
        """
        other = copy.copy(self)
        shift = self._process.shift(moves(*self._points))
        other._log_seconds = self._rising(self.fitted + shift)  # noqa: SLF001 - a copy of this
        return other

    def _rising(self, log_seconds: Array) -> Array:
        values = log_seconds.reshape(self._pixels.size, self._batch.size)
        return np.maximum.accumulate(np.maximum.accumulate(values, axis=0), axis=1)

    def seconds(self, pixels: float, batch: float) -> float:
        """Return the stage's median time of one call."""
        left, across = _locate(self._pixels, np.log(pixels))
        low, along = _locate(self._batch, np.log(batch))
        corner = self._log_seconds[left : left + 2, low : low + 2]
        weights = np.outer([1 - across, across], [1 - along, along])
        return float(np.exp(np.sum(weights * corner)))


def _axis(least: float, most: float, per_octave: int, exact: Array) -> Array:
    """Return rising log coordinates from least to most, with the exact ones among them."""
    count = max(2, int(np.ceil(np.log2(most / least) * per_octave)) + 1)
    regular = np.linspace(np.log(least), np.log(most), count)
    return np.unique(np.concatenate([regular, np.log(exact)]).round(9))


def _locate(axis: Array, at: float) -> tuple[int, float]:
    """Return the cell's left index and the position in it from 0 to 1; the ends hold flat."""
    left = int(np.clip(np.searchsorted(axis, at, side="right") - 1, 0, axis.size - 2))
    position = (at - axis[left]) / (axis[left + 1] - axis[left])
    return left, float(np.clip(position, 0.0, 1.0))
