"""Closed forms against each other, and approximations against what is exact."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import Stream, gamma
from fluxcost.capacity.service_times import ServiceTimes, Spread
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.errors import InfeasibleError, InputError
from tests.capacity import queueing_oracles
from tests.capacity.served import runs


def test_erlang_b_is_the_ratio_of_its_definition():
    terms = [5.0**n / math.factorial(n) for n in range(8)]
    assert queueing_oracles.erlang_b(7, 5.0) == pytest.approx(terms[-1] / sum(terms))


def test_one_server_waits_as_mm1():
    assert queueing_oracles.erlang_c(1, 0.8) == pytest.approx(0.8)
    assert queueing_oracles.mmc_wait(0.8, 1.0, 1) == pytest.approx(0.8 / 0.2)
    waits = queueing_oracles.mmc_wait_percentile(0.8, 1.0, 1, 95)
    assert 0.8 * math.exp(-0.2 * waits) == pytest.approx(0.05)


@given(st.integers(1, 200), st.floats(0.01, 0.99))
def test_more_servers_at_one_load_wait_less(servers: int, load: float):
    assert queueing_oracles.erlang_c(
        servers + 1, load * (servers + 1)
    ) <= queueing_oracles.erlang_c(servers, load * servers)


@pytest.mark.parametrize("load", [0.3, 0.7, 0.95])
def test_md1_is_exact(load: float):
    assert queueing_oracles.mdc_wait_within(load, 1.0, 1, 0.0) == pytest.approx(1 - load)
    # Erlang's own sum (1909) for the first service time: (1 - load) e^(load t).
    assert queueing_oracles.mdc_wait_within(load, 1.0, 1, 0.5) == pytest.approx(
        (1 - load) * math.exp(load * 0.5)
    )
    assert queueing_oracles.mdc_wait(load, 1.0, 1) == pytest.approx(
        queueing_oracles.mg1_wait(load, 1.0, 0.0)
    )


def exact_mean(load: float, servers: int) -> float:
    """Little's law on the exact number waiting."""
    waiting = float((1 - queueing_oracles._queue_at_most(load * servers, servers)).sum())
    return waiting / (load * servers)


@pytest.mark.parametrize("load", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("servers", [1, 2, 4, 8, 16])
def test_the_stated_errors_beside_the_exact_mdc_hold(servers: int, load: float):
    rate = load * servers
    assert queueing_oracles.mdc_wait(rate, 1.0, servers) == pytest.approx(
        exact_mean(load, servers), rel=0.02
    )
    for percentile in (95, 99) if load >= 0.7 else ():
        exact = queueing_oracles.mdc_wait_percentile(rate, 1.0, servers, percentile)
        about = queueing_oracles.mgc_wait_percentile(rate, 1.0, servers, 0.0, percentile)
        assert about == pytest.approx(exact, rel=0.12)


def lognormal_service(variation: float) -> Spread:
    spread = math.log1p(variation**2)
    return lambda random, count: random.lognormal(-spread / 2, math.sqrt(spread), count)


def two_point_service(variation: float) -> Spread:
    """Nine in ten calls are short, one is long."""
    short = 1 - variation / 3
    long = 10 - 9 * short
    return lambda random, count: np.where(random.random(count) < 0.9, short, long)


@pytest.mark.parametrize(
    ("servers", "load"),
    [
        (2, 0.9),
        (16, 0.95),
        pytest.param(4, 0.7, marks=pytest.mark.long),
        pytest.param(16, 0.7, marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize(
    ("spread", "variation", "error", "p95_error"),
    [
        (gamma, 0.25, 0.06, 0.12),
        (gamma, 0.5, 0.06, 0.12),
        (lognormal_service, 0.5, 0.06, 0.12),
        (two_point_service, 0.5, 0.06, 0.12),
        (lognormal_service, 1.0, 0.15, None),
        (two_point_service, 1.0, 0.15, None),
        (lognormal_service, 2.0, 0.65, None),
    ],
)
def test_the_stated_errors_beside_the_simulator_hold(
    spread: Callable[[float], Spread],
    variation: float,
    error: float,
    p95_error: float | None,
    servers: int,
    load: float,
):
    # Calls whose images are there at once: the response is the wait.
    served = ServiceTimes(np.ones((1, 1)), np.full((1, 1), 1e-9), spread(variation))
    found = runs(Stream(load * servers), served, Rules(servers))
    values = np.array([run.wait_s for run in found])
    sampling = 3 * values.std(ddof=1) / math.sqrt(values.size) / values.mean()
    about = queueing_oracles.mgc_wait(load * servers, 1.0, servers, variation)
    assert about == pytest.approx(values.mean(), rel=error + sampling)
    if p95_error is not None:
        p95_s = np.mean([run.percentile_s(95) for run in found])
        guess = queueing_oracles.mgc_wait_percentile(load * servers, 1.0, servers, variation, 95)
        assert guess == pytest.approx(p95_s, rel=p95_error + sampling)


@given(st.floats(0.05, 0.98), st.floats(0.0, 3.0))
def test_mgc_of_one_server_is_mg1(load: float, variation: float):
    assert queueing_oracles.mgc_wait(load, 1.0, 1, variation) == pytest.approx(
        queueing_oracles.mg1_wait(load, 1.0, variation)
    )


def test_mgc_of_exponential_service_is_mmc():
    assert queueing_oracles.mgc_wait(7.0, 1.0, 8, 1.0) == pytest.approx(
        queueing_oracles.mmc_wait(7.0, 1.0, 8)
    )


def test_saturation_is_named():
    assert queueing_oracles.least_servers(4.0, 1.0) == 5
    assert queueing_oracles.least_servers(3.9, 1.0) == 4
    with pytest.raises(InfeasibleError, match=r"the load is 1 of what the servers can do"):
        queueing_oracles.erlang_c(4, 4.0)
    with pytest.raises(InputError, match=r"rate is 0.0; expected a finite number over 0"):
        queueing_oracles.mg1_wait(0.0, 1.0, 0.0)
