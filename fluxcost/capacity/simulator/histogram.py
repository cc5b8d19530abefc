"""Response times counted in buckets: a run of any length in a quarter of a megabyte per line.

A bucket is a range of doubles that share their exponent and the first bits of their fraction, so
its number is a shift of the double's bits and its width is at most 1/512 of its values.
"""

from __future__ import annotations

import numpy as np

from fluxcost.capacity.simulator.compiling import compiled
from fluxcost.errors import InfeasibleError
from fluxcost.stats import Array

Counts = np.typing.NDArray[np.int64]

RESOLUTION_BITS = 9
"""Bits of a response time's fraction that choose its bucket: a bucket is 1/512 wide or less."""

SHIFT = 52 - RESOLUTION_BITS
FIRST = (1023 - 30) << RESOLUTION_BITS
"""Number of the bucket at 2^-30 s, a nanosecond."""

BUCKETS = 64 << RESOLUTION_BITS
"""Up to 2^34 s, five centuries."""


@compiled
def tally(bits: Counts, lines: Counts, count: int, histograms: Counts) -> None:
    """Add response times, given as the bits of their doubles, to the histogram of each's line."""
    for index in range(count):
        bucket = (bits[index] >> SHIFT) - FIRST
        histograms[lines[index], min(max(bucket, 0), BUCKETS - 1)] += 1


def percentile_of(counts: Counts, percentile: float) -> float:
    """Return a percentile of a histogram's response times, seconds: the middle of its bucket.

    The middle is within 0.1 % of every time in the bucket; 100 is the slowest.

    Raises:
        InfeasibleError: It holds none.
    """
    return percentile_under(np.cumsum(counts), percentile)


def percentile_under(rising: Counts, percentile: float) -> float:
    """Return a percentile likewise, of how many times are in each bucket or below it.

    Raises:
        InfeasibleError: It holds none.
    """
    _refuse_empty(rising[-1:])
    place = max(1, int(np.ceil(percentile / 100 * rising[-1])))
    return float(_middles(np.array([np.searchsorted(rising, place)]))[0])


def mean_of(counts: Counts) -> float:
    """Return the mean of a histogram's response times, seconds, within 0.1 %.

    Raises:
        InfeasibleError: It holds none.
    """
    _refuse_empty(counts)
    filled = np.flatnonzero(counts)
    return float(np.dot(counts[filled], _middles(filled)) / counts.sum())


def count_within(counts: Counts, seconds: float) -> int:
    """Return how many response times have a bucket whose middle is at most so many seconds.

    So a percentile is within a bound exactly where that share of the times is.
    """
    bucket = int(np.array([seconds]).view(np.int64)[0] >> SHIFT) - FIRST
    last = min(max(bucket, -1), BUCKETS - 1)
    if last >= 0 and _middles(np.array([last]))[0] > seconds:
        last -= 1
    return int(counts[: last + 1].sum())


def _refuse_empty(counts: Counts) -> None:
    if not counts.any():
        raise InfeasibleError(
            "no request was answered; expected a fleet that answers some: add replicas or let more "
            "wait."
        )


def _middles(buckets: Counts) -> Array:
    edges = [((buckets + more + FIRST) << SHIFT).view(np.float64) for more in (0, 1)]
    middles: Array = (edges[0] + edges[1]) / 2
    return middles
