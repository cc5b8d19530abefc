"""Drift within a long call: the time it loses when the board first meets its power limit.

On an H200 (2026-11-23, eager klein-4B) the steps about 0.9 s into a call took 10 to 25 ms longer
than those before and after, whatever the image size and batch, and shorter calls never did: the
power regulator answers the load about that late. A formula in which all steps take the same time
would spread these milliseconds over the steps and misread how time grows with tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.sampling import REMEMBERED

FEWEST_LATER_STEPS = 2
"""Later steps needed to tell a slow one from the others."""

FEWEST_CELLS = 3
"""Cells needed on either side of the onset."""

CLEAR = 4.0
"""Standard errors by which calls past the onset must be slower for the drift to be accepted."""


class Pause:
    """A loss of `seconds` in calls that last past `onset_s`, whole from `full_s`.

    Args:
        cells: Cells with samples; with too few, or no clear onset, the loss is 0.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.seconds, self.onset_s, self.full_s = 0.0, np.inf, np.inf
        telling = [cell for cell in cells if cell.steps > FEWEST_LATER_STEPS]
        rows = sorted((_wall_s(cell), _excess_s(cell)) for cell in telling)
        walls = np.array([wall for wall, _ in rows])
        excess = np.array([late for _, late in rows])
        splits = range(FEWEST_CELLS, len(rows) - FEWEST_CELLS + 1)
        if not splits:
            return
        split = min(splits, key=lambda at: _scatter(excess[:at]) + _scatter(excess[at:]))
        short, long = excess[:split], excess[split:]
        error = np.sqrt(np.var(short) / short.size + np.var(long) / long.size)
        more = float(np.mean(long) - np.mean(short))
        if more > CLEAR * error:
            self.seconds = more
            self.onset_s, self.full_s = float(walls[split - 1]), float(walls[split])

    def after(self, seconds: float) -> float:
        """Return the part of the loss in a call that lasts `seconds` without it."""
        if seconds <= self.onset_s:
            return 0.0
        reached = (seconds - self.onset_s) / max(self.full_s - self.onset_s, 1e-9)
        return self.seconds * min(1.0, reached)

    def inside(self, cell: Cell) -> float:
        """Return the seconds lost in the later steps of a measured cell."""
        if cell.steps <= FEWEST_LATER_STEPS or _wall_s(cell) <= self.onset_s:
            return 0.0
        return min(_excess_s(cell), 2 * self.seconds)


def _wall_s(cell: Cell) -> float:
    assert cell.samples is not None  # noqa: S101 - callers give cells with samples
    return _median_s(cell.samples.wall_s)


@functools.lru_cache(maxsize=REMEMBERED)
def _median_s(spans_s: tuple[float, ...]) -> float:
    return float(np.median(spans_s))


def _excess_s(cell: Cell) -> float:
    """Return how much longer the later steps took than if each had been the quickest of them."""
    assert cell.samples is not None  # noqa: S101 - callers give cells with samples
    return _later_excess_s(cell.samples.denoise_step_s)


@functools.lru_cache(maxsize=REMEMBERED)
def _later_excess_s(steps_s: tuple[tuple[float, ...], ...]) -> float:
    later = np.median(np.array(steps_s), axis=0)[1:]
    return float(np.sum(later - later.min()))


def _scatter(values: np.typing.NDArray[np.float64]) -> float:
    return float(np.sum((values - values.mean()) ** 2))
