"""What raw samples show: errors of a statistic by bootstrap, and the scatter of calls."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from fluxcost.errors import InputError
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.stats import Array

Statistic = Literal["median", "mean", "p95", "p99"]

QUANTILES: dict[Statistic, float] = {"median": 0.5, "p95": 0.95, "p99": 0.99}
"""The statistics that are quantiles."""

RESAMPLES = 400
"""Bootstrap resamples; the standard error of a standard deviation is then 3.5 %."""

REMEMBERED = 8192
"""Errors kept: a fit asks for those of the same samples over and over, and so do fits of a record
with something left out."""

FEWEST_BOOTSTRAP = 3
"""Fewest samples for a bootstrap; below it `UNKNOWN_SIGMA` is used."""

UNKNOWN_SIGMA = 0.05
"""Relative error taken for a statistic of one or two samples: launch-bound calls vary that much."""


def check_statistic(statistic: object) -> None:
    """Raise InputError unless it is one of the statistics."""
    known = get_args(Statistic)
    if statistic not in known:
        raise InputError(f"statistic is {statistic!r}; expected one of {', '.join(known)}.")


def statistic_of(samples: Array, statistic: Statistic) -> float:
    """Return one statistic of the samples, in their unit."""
    if statistic == "mean":
        return float(np.mean(samples))
    return float(np.quantile(samples, QUANTILES[statistic]))


def sigma_of(samples: Sequence[float] | Array, statistic: Statistic) -> float:
    """Return the standard deviation of the logarithm of a statistic, by seeded bootstrap."""
    values = np.asarray(samples, dtype=np.float64)
    if values.size < FEWEST_BOOTSTRAP:
        return UNKNOWN_SIGMA
    return _resampled_sigma(values.tobytes(), statistic)


@functools.lru_cache(maxsize=REMEMBERED)
def _resampled_sigma(packed: bytes, statistic: Statistic) -> float:
    values = np.frombuffer(packed)
    random = np.random.default_rng(values.size)
    resampled = values[random.integers(0, values.size, (RESAMPLES, values.size))]
    if statistic == "mean":
        found = resampled.mean(axis=1)
    else:
        found = np.quantile(resampled, QUANTILES[statistic], axis=1)
    return float(np.std(np.log(found)))


def median_sigma(samples: Array) -> float:
    """Return the standard deviation of the logarithm of the median."""
    return sigma_of(samples, "median")


FEWEST_SAMPLES: dict[Statistic, int] = {"median": 1, "mean": 1, "p95": 20, "p99": 100}
"""Fewest samples in which a cell shows the statistic itself: one in 20 calls is past p95."""

SCATTER_WIDTH = float(np.log(2))
"""Width of the neighborhood that shares its scatter, in log tokens x batch: launch-bound calls vary
far more than long ones, so scatter is borrowed from cells of about the same amount of work."""


class ResidualScatter:
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
        weights = np.exp(-0.5 * ((np.log(work) - self._work) / SCATTER_WIDTH) ** 2) + 1e-9
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
