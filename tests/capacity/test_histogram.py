"""Buckets against the numbers they hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.capacity.simulator.histogram import (
    BUCKETS,
    count_within,
    mean_of,
    percentile_of,
    tally,
)

TIMES = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60)


def counted(times: list[float]):
    values = np.array(times)
    found = np.zeros((1, BUCKETS), dtype=np.int64)
    tally(values.view(np.int64), np.zeros(values.size, dtype=np.int64), values.size, found)
    return found[0]


@given(TIMES, st.floats(0.1, 100.0))
def test_percentiles_and_means_are_within_a_thousandth(times: list[float], percentile: float):
    exact = sorted(times)[max(1, math.ceil(percentile / 100 * len(times))) - 1]
    assert percentile_of(counted(times), percentile) == pytest.approx(exact, rel=1e-3)
    assert mean_of(counted(times)) == pytest.approx(np.mean(times), rel=1e-3)


@given(TIMES, st.floats(1e-7, 1e7), st.integers(1, 100))
def test_a_percentile_is_within_a_bound_where_that_share_is(
    times: list[float], bound: float, percentile: int
):
    counts = counted(times)
    needed = max(1, math.ceil(percentile / 100 * len(times)))
    assert (percentile_of(counts, percentile) <= bound) == (count_within(counts, bound) >= needed)


@given(TIMES, st.floats(1e-7, 1e7))
def test_those_within_a_bound_are_counted_to_a_thousandth_of_it(times: list[float], bound: float):
    found = count_within(counted(times), bound)
    assert sum(time < bound * 0.998 for time in times) <= found
    assert found <= sum(time <= bound * 1.002 for time in times)


@pytest.mark.parametrize("bound", [1e-300, 1e-12, 1e12, 1e300])
def test_bounds_beyond_all_buckets_count_none_or_all(bound: float):
    assert count_within(counted([0.5, 2.0]), bound) == (2 if bound > 1 else 0)
