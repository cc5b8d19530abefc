"""Measured cells as bounds: an answer between two cells lies between their times.

More pixels, a larger batch or more steps never take less time, so a cell that asks less of the GPU
bounds an answer from below and one that asks more bounds it from above. At a cell both meet, which
makes the answer the measured one. Noise can order two cells wrongly; bounds are therefore taken
after pooling, so that a lower bound never exceeds an upper one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fluxcost.performance.kriging import Array


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
