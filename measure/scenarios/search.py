"""The largest rate that holds a bound, found by halving an interval."""

from __future__ import annotations

from collections.abc import Callable


def largest_rate(
    holds: Callable[[float], bool], low_per_s: float, high_per_s: float, tolerance: float
) -> float:
    """Return the largest rate found to hold, within a share of it; the low end where none does.

    LoadGen's schedules of one seed are the same arrivals at another pace, so that a rate which
    holds does so at every lower one, but for the noise of the calls themselves.

    Args:
        holds: Tries a rate.
        low_per_s: Taken to hold; not tried.
        high_per_s: Taken not to hold; not tried.
        tolerance: Share of the rate at which to stop.
    """
    while high_per_s - low_per_s > tolerance * high_per_s:
        middle_per_s = (low_per_s + high_per_s) / 2
        if holds(middle_per_s):
            low_per_s = middle_per_s
        else:
            high_per_s = middle_per_s
    return low_per_s
