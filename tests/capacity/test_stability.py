"""A fleet that cannot keep up is never called stable, whatever hides it; one that can, is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import Gaps, RecordedArrivals, Stream, constant, gamma, poisson
from fluxcost.capacity.demand import Demand, RequestClass
from fluxcost.capacity.fleet import Batching, Failures, Fleet, Scaling
from fluxcost.capacity.service_times import ServiceTimes, no_spread
from fluxcost.capacity.simulator.engine import Trial
from fluxcost.capacity.stability import stability_of
from fluxcost.workload.shape import Shape
from tests.capacity.served import service, two_point
from tests.examples import examples

SHAPE = Shape(512, 512, 4)


def demand(
    rate: float, shares: tuple[float, ...] = (1.0,), images: int = 1, gaps: Gaps = poisson
) -> Demand:
    lines = tuple(
        RequestClass(SHAPE, priority, share, images) for priority, share in enumerate(shares)
    )
    return Demand(lines, rate, Stream(rate, gaps, shares), None)


def fleet(replicas: int, batch: int = 1, wait_s: float = 0.0, **fields) -> Fleet:
    batching = Batching(max_batch=batch, max_wait_s=wait_s)
    return Fleet(calibration="made", replicas=replicas, batching=batching, **fields)


def verdict(asked: Demand, served: ServiceTimes, by: Fleet, requests: int = 20_000):
    trial = Trial(asked, served, by, requests=requests)
    return stability_of(trial, [trial.run(index) for index in range(3)])


ANY_FLEET = st.builds(
    fleet,
    st.integers(1, 9),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.5, 30.0]),
    queue_limit=st.sampled_from([None, 0, 50]),
    scaling=st.sampled_from([None, Scaling(cold_start_s=20.0, idle_timeout_s=60.0)]),
)


@settings(max_examples=examples(60), deadline=None)
@given(
    load=st.one_of(st.just(1.0), st.floats(1.0, 3.0)),
    by=ANY_FLEET,
    images=st.integers(1, 3),
    gaps=st.sampled_from([poisson, constant, gamma(0.3), gamma(4.0)]),
    requests=st.integers(100, 3000),
)
def test_more_work_than_the_replicas_can_do_is_overload(
    load: float, by: Fleet, images: int, gaps: Gaps, requests: int
):
    batch = by.batching.max_batch
    times = tuple(0.5 + 0.3 * size for size in range(1, batch + 1))
    rate = load * by.replicas * batch / times[-1] / images
    asked = demand(rate * (1 + 1e-12), images=images, gaps=gaps)
    assert verdict(asked, service(two_point, (times,)), by, requests)[0] == "overloaded"


@pytest.mark.parametrize("over", [1.0, 1.01, 1.05, 1.3])
def test_calls_kept_small_by_priorities_are_overload_though_full_calls_would_do(over: float):
    """Calls take 1 s, whatever they hold; the first line comes at 0.5/s and keeps its calls small.

    Where the second always waits, a call serves the first if one of it came during the call before.
    The second gets the others, 8 e^-0.5 a second.
    """
    rate = 8 * math.exp(-0.5) * over
    asked = demand(0.5 + rate, (0.5 / (0.5 + rate), rate / (0.5 + rate)))
    found, reason, load = verdict(asked, service(no_spread, ((1.0,) * 8,) * 2), fleet(1, 8), 50_000)
    assert load < 0.9
    assert (found, "idle" in reason or "left" in reason) == ("overloaded", True)


@pytest.mark.parametrize("over", [1.0, 1.02, 1.5])
def test_calls_that_failures_make_anew_are_overload_though_up_time_would_do(over: float):
    """Failing every 2 s on average, a call of 1 s takes (e^0.5 - 1) (2 + 0.1) s in all."""
    failures = Failures(between_failures_s=2.0, recovery_s=0.1)
    rate = 4 * over / (math.expm1(0.5) * 2.1)
    found, _, load = verdict(demand(rate), service(), fleet(4, failures=failures), 50_000)
    assert (found, load < 1 or over > 1.1) == ("overloaded", True)


def test_a_large_batch_that_pays_off_badly_is_overload():
    # One by one a replica makes 1 image a second, four together take 8 s: that is what crowds get.
    found, _, load = verdict(demand(0.7), service(no_spread, ((1.0, 2.0, 4.0, 8.0),)), fleet(1, 4))
    assert (found, load) == ("overloaded", pytest.approx(1.4))


def test_failures_and_a_reserve_count_in_the_load():
    failures = Failures(between_failures_s=300.0, recovery_s=100.0)
    by = fleet(3, failures=failures, reserve=1)
    assert verdict(demand(1.5), service(), by)[2] == pytest.approx(0.5)
    assert verdict(demand(1.5), service(), fleet(3, reserve=1))[2] == pytest.approx(0.5)


@pytest.mark.parametrize("count", [40, 400, 40_000])
def test_a_trace_that_comes_too_fast_is_overload(count: int):
    times = np.arange(count) / 2.2
    asked = Demand(
        (RequestClass(SHAPE, 0, 1.0),),
        2.2,
        RecordedArrivals(times, np.zeros(count, dtype=np.int64)),
        count,
    )
    assert verdict(asked, service(), fleet(2))[0] == "overloaded"


@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
@pytest.mark.parametrize(("replicas", "batch"), [(1, 1), (8, 1), (2, 8), (40, 4)])
def test_a_fleet_that_keeps_up_is_stable(replicas: int, batch: int, load: float):
    times = tuple(0.5 + 0.3 * size for size in range(1, batch + 1))
    rate = load * replicas * batch / times[-1]
    found, reason, shown = verdict(
        demand(rate), service(no_spread, (times,)), fleet(replicas, batch)
    )
    assert (found, shown) == ("stable", pytest.approx(load))
    assert reason == f"{load:.0%} of what the replicas can do arrives.".replace("%", " %")


def test_a_fleet_that_scales_as_far_as_needed_is_stable():
    scaling = Scaling(cold_start_s=5.0, idle_timeout_s=30.0)
    assert verdict(demand(3.0), service(), fleet(8, scaling=scaling))[0] == "stable"
    assert verdict(demand(7.99), service(), fleet(8, scaling=scaling))[0] == "overloaded"
