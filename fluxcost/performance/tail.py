"""Residual scatter: how calls scatter about their median, and so their mean and tail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxcost.performance.architecture import Architecture
from fluxcost.performance.kriging import Array
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.sampling import QUANTILES, Statistic

FEWEST_SAMPLES: dict[Statistic, int] = {"median": 1, "mean": 1, "p95": 20, "p99": 100}
"""Fewest samples in which a cell shows the statistic itself: one in 20 calls is past p95."""

NEAR = float(np.log(2))
"""Width of the neighborhood that shares its scatter, in log tokens x batch: launch-bound calls vary
far more than long ones, so scatter is borrowed from cells of about the same amount of work."""


class Scatter:
    """Calls over their cell's median, pooled from cells of about the same work."""

    def __init__(self, cells: Sequence[Cell], architecture: Architecture) -> None:
        walls = [np.array(cell.samples.wall_s) for cell in cells if cell.samples is not None]
        self._ratios = [np.sort(wall / np.median(wall)) for wall in walls]
        self._work = np.array(
            [np.log(architecture.tokens(cell.shape) * cell.batch) for cell in cells]
        )
        self._log_means = np.array([np.log(np.mean(ratio)) for ratio in self._ratios])

    def factor(self, statistic: Statistic, work: float) -> tuple[float, float]:
        """Return statistic over median, and the standard deviation of its logarithm among cells.

        The factor of the mean is one for the whole calibration, so that mean times keep the order
        of median times. No slow call is faster than the mean one, whose factor is borrowed from
        farther away.

        Args:
            statistic: Which.
            work: Tokens times batch.
        """
        if statistic == "median":
            return 1.0, 0.0
        mean = float(np.exp(np.mean(self._log_means)))
        if statistic == "mean":
            return mean, float(np.std(self._log_means))
        weights = np.exp(-0.5 * ((np.log(work) - self._work) / NEAR) ** 2) + 1e-9
        level = QUANTILES[statistic]
        own = np.log([np.quantile(ratio, level) for ratio in self._ratios])
        sigma = np.sqrt(np.average((own - np.average(own, weights=weights)) ** 2, weights=weights))
        return max(1.0, mean, self._pooled_quantile(weights, level)), float(sigma)

    def _pooled_quantile(self, weights: Array, level: float) -> float:
        """Return a quantile of all ratios, each cell weighing as a whole."""
        values = np.concatenate(self._ratios)
        shares = [
            np.full(ratio.size, weight / ratio.size)
            for ratio, weight in zip(self._ratios, weights, strict=True)
        ]
        order = np.argsort(values)
        rising = np.cumsum(np.concatenate(shares)[order])
        index = int(np.searchsorted(rising, level * rising[-1]))
        return float(values[order][min(index, values.size - 1)])
