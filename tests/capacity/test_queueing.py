"""The simulator against queues in closed form, within its own intervals, at loads up to 0.95.

`pytest -rP tests/capacity/test_queueing.py` prints each case beside theory.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import t as student

from fluxcost.capacity.arrivals import Stream, poisson
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service_times import Spread, no_spread
from fluxcost.capacity.simulator.engine import SimulatedRun, run_once
from fluxcost.capacity.simulator.histogram import mean_of
from fluxcost.capacity.simulator.monte_carlo import mean_error
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.stats import NORMAL_90
from tests.capacity import queueing_oracles
from tests.capacity.served import NO_LIMIT, erlang, exponential, runs, service, two_point

LOADS = [0.3, 0.9, *(pytest.param(load, marks=pytest.mark.long) for load in (0.7, 0.95))]


def waits(found: list[SimulatedRun]) -> list[float]:
    return [run.wait_s for run in found]


def check(values: list[float], truth: float, resolution: float = 0.0) -> None:
    """Hold the truth to the 99.9 % interval of the replications; some hundred cases are held."""
    found = np.array(values)
    half = student.ppf(0.9995, found.size - 1) * found.std(ddof=1) / math.sqrt(found.size)
    print(f"theory {truth:.4f}, simulated {found.mean():.4f} ± {half:.4f}")
    assert abs(found.mean() - truth) <= half + resolution * truth


def check_percentile(found: list[SimulatedRun], percentile: float, truth: float) -> None:
    """Percentiles are read off buckets, which are a thousandth wide."""
    check([run.percentile_s(percentile) for run in found], truth, resolution=1e-3)


@pytest.mark.parametrize("limit", [None, NO_LIMIT])
@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("servers", [1, 8])
def test_mmc(servers: int, load: float, limit: int | None):
    found = runs(Stream(load * servers), service(exponential), Rules(servers, queue_limit=limit))
    check(waits(found), queueing_oracles.mmc_wait(load * servers, 1.0, servers))
    check([run.busy_s / run.rented_s for run in found], load)
    if servers == 1:
        check_percentile(found, 95, math.log(20) / (1 - load))


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("servers", [1, 4, 16])
def test_mdc(servers: int, load: float):
    found = runs(Stream(load * servers), service(), Rules(servers))
    for percentile in (95, 99):
        exact = queueing_oracles.mdc_wait_percentile(load * servers, 1.0, servers, percentile)
        check_percentile(found, percentile, 1.0 + exact)
    if servers == 1:
        check(waits(found), queueing_oracles.mg1_wait(load, 1.0, 0.0))


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(("spread", "variation"), [(erlang, 0.5), (two_point, 1.5)])
def test_mg1(spread: Spread, variation: float, load: float):
    found = runs(Stream(load), service(spread), Rules(1))
    check(waits(found), queueing_oracles.mg1_wait(load, 1.0, variation))


@pytest.mark.parametrize("offered", [3.0, 8.0])
def test_a_loss_system_loses_what_erlang_says(offered: float):
    found = runs(Stream(offered), service(exponential), Rules(5, queue_limit=0))
    check([run.lost / run.arrived for run in found], queueing_oracles.erlang_b(5, offered))


def markov_bulk_wait(rate: float, most: int) -> float:
    """Mean wait in M/M^[1,b]/1, where a free server takes up to b; service takes 1 s."""
    # The number waiting while busy decays by the root r of r^(b+1) - (1 + rate) r + rate = 0.
    roots = np.roots([1.0, *([0.0] * (most - 1)), -(1 + rate), rate])
    root = float(next(x.real for x in roots if abs(x.imag) < 1e-9 and 0 < x.real < 1 - 1e-9))
    # p(idle) = 1 / (1 + rate/(1-r)), p(busy, n waiting) = p(idle) rate r^n, mean n by its sum.
    idle = 1 / (1 + rate / (1 - root))
    return idle * rate * root / (1 - root) ** 2 / rate


def steady_bulk_wait(rate: float, most: int) -> float:
    """Mean wait in M/D^[1,b]/1, from the numbers waiting as calls of 1 s end (Bailey 1954)."""
    size = 900
    arrived = np.exp([n * math.log(rate) - rate - math.lgamma(n + 1) for n in range(size)])
    step = np.zeros((size, size))
    for state in range(size):
        left = max(0, state - most)
        step[state, left:] = arrived[: size - left]
        step[state, -1] += 1.0 - step[state].sum()
    equations = step.T - np.eye(size)
    equations[-1] = 1.0
    states = np.linalg.solve(equations, np.eye(size)[-1])
    # While a call runs, those left behind wait, and the newly come half of its length on average.
    left_behind = float(states @ np.maximum(0, np.arange(size) - most))
    between_calls_s = 1 + states[0] / rate
    return float((left_behind + rate / 2) / (rate * between_calls_s))


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(
    ("spread", "theory"), [(exponential, markov_bulk_wait), (no_spread, steady_bulk_wait)]
)
@pytest.mark.parametrize("most", [2, 8])
def test_bulk_service(
    most: int, spread: Spread, theory: Callable[[float, int], float], load: float
):
    rules = Rules(1, Batching(max_batch=most))
    found = runs(Stream(load * most), service(spread, ((1.0,) * most,)), rules)
    check(waits(found), theory(load * most, most))


@pytest.mark.parametrize("load", LOADS)
def test_requests_of_several_images(load: float):
    """M^[k]/D/1: M/D/1 with the k services in one, and half of k - 1 services more."""
    images = 4
    found = runs(Stream(load / images), service(), Rules(1, images=images))
    check(waits(found), queueing_oracles.mg1_wait(load / images, images, 0.0) + (images - 1) / 2)


@pytest.mark.parametrize("load", LOADS)
def test_priorities(load: float):
    """Cobham (1954): nobody is interrupted; who is second also waits for those who come first."""
    first, second = 0.4 * load, 0.6 * load
    rules = Rules(1, queue_limit=NO_LIMIT, priorities=(0, 1))
    stream = Stream(load, poisson, (0.4, 0.6))
    found = runs(stream, service(no_spread, ((1.0,), (1.0,))), rules)
    in_service_s = (first + second) / 2
    for line, expected in enumerate(
        (in_service_s / (1 - first), in_service_s / (1 - first) / (1 - load))
    ):
        # Read off the responses, whose buckets blur the second that service takes.
        blur = 1e-3 * (1 + expected) / expected
        check([mean_of(run.histograms[line]) - 1.0 for run in found], expected, blur)


@pytest.mark.parametrize("bound_s", [0.5, 4.0, 15.0])
def test_the_goodput_is_the_share_that_theory_says(bound_s: float):
    found = runs(Stream(0.8), service(exponential), Rules(1))
    # The response of M/M/1 is exponential at the service rate less the arrival rate.
    check([run.share_within(bound_s) for run in found], -math.expm1(-0.2 * bound_s), 1e-3)


def test_requests_turned_away_are_not_in_the_goodput():
    found = runs(Stream(5.0), service(), Rules(5, queue_limit=0))
    # Whoever is served is served at once: in 1 s, and never sooner.
    check([run.share_within(1.01) for run in found], 1 - queueing_oracles.erlang_b(5, 5.0))
    assert all(run.share_within(0.99) == 0 for run in found)
    assert all(run.images_lost == run.lost for run in found)


@pytest.mark.parametrize(
    ("experiments", "fewest", "most"),
    [(20, 13, 20), pytest.param(100, 80, 98, marks=pytest.mark.long)],
)
@pytest.mark.parametrize("load", [0.7, 0.95])
def test_nine_in_ten_intervals_hold_the_truth(
    load: float, experiments: int, fewest: int, most: int
):
    truth = queueing_oracles.mmc_wait(load, 1.0, 1)
    held = 0
    for experiment in range(experiments):
        found = [
            run_once(
                Stream(load),
                50_000,
                service(exponential),
                Rules(1),
                seed=(experiment, replication),
                warm_up=10_000,
            ).wait_s
            for replication in range(10)
        ]
        held += abs(float(np.mean(found)) - truth) <= NORMAL_90 * mean_error(np.array(found))
    print(f"{held} of {experiments} intervals hold the truth")
    assert fewest <= held <= most  # 99.9 % of binomial draws at nine in ten
