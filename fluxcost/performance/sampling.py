"""Bootstrap errors of the median, mean and tail of raw samples."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from fluxcost.errors import InputError
from fluxcost.performance.kriging import Array

Statistic = Literal["median", "mean", "p95", "p99"]

QUANTILES: dict[Statistic, float] = {"median": 0.5, "p95": 0.95, "p99": 0.99}
"""The statistics that are quantiles."""

RESAMPLES = 400
"""Bootstrap resamples; the standard error of a standard deviation is then 3.5 %."""

REMEMBERED = 8192
"""Errors kept: a fit asks for those of the same samples over and over, and so do fits of a record
with something left out."""

FEWEST = 3
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
    if values.size < FEWEST:
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
