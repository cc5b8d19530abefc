"""More work never takes less time: stage surfaces made monotone, and measured cells as bounds.

A call of more pixels, a larger batch or more steps never takes less time, so a cell that asks
less of the GPU bounds an answer from below and one that asks more bounds it from above. At a
cell both meet, which makes the answer the measured one. Noise can order two cells wrongly, so
bounds are taken after pooling and a lower bound never exceeds an upper one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.gaussian_process import (
    GaussianProcess,
)
from fluxcost.performance.noise.sampling import Statistic, statistic_of
from fluxcost.stats import Array


class Bounds:
    """Bounds from cells; `demands` has one row a cell: pixels, batch, steps."""

    def __init__(self, demands: Array, seconds: Array) -> None:
        self._demands = demands
        below = _at_most(demands, demands)
        running = np.where(below, seconds[None, :], -np.inf).max(axis=1)
        ceiling = np.where(below.T, seconds[None, :], np.inf).min(axis=1)
        # Halfway between the largest below and the least above is monotone wherever the cells
        # disagree, and the cell's own time wherever they agree.
        self._seconds = np.sqrt(running * ceiling)

    def clamp(self, pixels: float, batch: float, steps: float, seconds: float) -> float:
        """Return the time, moved into the bounds of the cells below and above."""
        at = np.array([[pixels, batch, steps]])
        below = _at_most(at, self._demands)[0]
        above = _at_most(self._demands, at)[:, 0]
        low = float(np.max(self._seconds[below], initial=0.0))
        high = float(np.min(self._seconds[above], initial=np.inf))
        return min(max(seconds, low), high)


def _at_most(rows: Array, others: Array) -> npt.NDArray[np.bool_]:
    """Return whether other j asks at most as much as row i, shape (rows, others)."""
    return np.asarray(np.all(others[None, :, :] <= rows[:, None, :], axis=2))


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
        process: GaussianProcess,
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


def cell_bounds(cells: Sequence[Cell], statistic: Statistic) -> Bounds:
    """Return the bounds that a statistic of the cells' calls sets."""
    walls: dict[tuple[float, float, float], list[float]] = {}
    for cell in cells:
        demand = (float(cell.shape.pixels), float(cell.batch), float(cell.steps))
        walls.setdefault(demand, []).extend(cell.samples.wall_s if cell.samples else ())
    seconds = [statistic_of(np.array(wall), statistic) for wall in walls.values()]
    return Bounds(np.array(list(walls)), np.array(seconds))
