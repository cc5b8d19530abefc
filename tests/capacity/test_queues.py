"""Closed forms against each other, and approximations against what is exact."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.capacity import queues
from fluxcost.capacity.arrivals import Stream, gamma
from fluxcost.capacity.servers import Rules
from fluxcost.capacity.service import Service, Spread
from fluxcost.errors import InfeasibleError, InputError
from tests.capacity.served import runs


def test_erlang_b_is_the_ratio_of_its_definition():
    terms = [5.0**n / math.factorial(n) for n in range(8)]
    assert queues.erlang_b(7, 5.0) == pytest.approx(terms[-1] / sum(terms))


def test_one_server_waits_as_mm1():
    assert queues.erlang_c(1, 0.8) == pytest.approx(0.8)
    assert queues.mmc_wait(0.8, 1.0, 1) == pytest.approx(0.8 / 0.2)
    waits = queues.mmc_wait_percentile(0.8, 1.0, 1, 95)
    assert 0.8 * math.exp(-0.2 * waits) == pytest.approx(0.05)


@given(st.integers(1, 200), st.floats(0.01, 0.99))
def test_more_servers_at_one_load_wait_less(servers: int, load: float):
    assert queues.erlang_c(servers + 1, load * (servers + 1)) <= queues.erlang_c(
        servers, load * servers
    )


@pytest.mark.parametrize("load", [0.3, 0.7, 0.95])
def test_md1_is_exact(load: float):
    assert queues.mdc_wait_within(load, 1.0, 1, 0.0) == pytest.approx(1 - load)
    # Erlang's own sum (1909) for the first service time: (1 - load) e^(load t).
    assert queues.mdc_wait_within(load, 1.0, 1, 0.5) == pytest.approx(
        (1 - load) * math.exp(load * 0.5)
    )
    assert queues.mdc_wait(load, 1.0, 1) == pytest.approx(queues.mg1_wait(load, 1.0, 0.0))


def exact_mean(load: float, servers: int) -> float:
    """Little's law on the exact number waiting."""
    waiting = float((1 - queues._queue_at_most(load * servers, servers)).sum())
    return waiting / (load * servers)


@pytest.mark.parametrize("load", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("servers", [1, 2, 4, 8, 16])
def test_the_stated_errors_beside_the_exact_mdc_hold(servers: int, load: float):
    rate = load * servers
    assert queues.mdc_wait(rate, 1.0, servers) == pytest.approx(exact_mean(load, servers), rel=0.02)
    for percentile in (95, 99) if load >= 0.7 else ():
        exact = queues.mdc_wait_percentile(rate, 1.0, servers, percentile)
        about = queues.mgc_wait_percentile(rate, 1.0, servers, 0.0, percentile)
        assert about == pytest.approx(exact, rel=0.12)


def lognormal_service(variation: float) -> Spread:
    spread = math.log1p(variation**2)
    return lambda random, count: random.lognormal(-spread / 2, math.sqrt(spread), count)


def two_point_service(variation: float) -> Spread:
    """Nine in ten calls are short, one is long."""
    short = 1 - variation / 3
    long = 10 - 9 * short
    return lambda random, count: np.where(random.random(count) < 0.9, short, long)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.9), (4, 0.7), (16, 0.7), (16, 0.95)])
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
    served = Service(np.ones((1, 1)), np.full((1, 1), 1e-9), spread(variation))
    found = runs(Stream(load * servers), served, Rules(servers))
    values = np.array([run.wait_s for run in found])
    sampling = 3 * values.std(ddof=1) / math.sqrt(values.size) / values.mean()
    about = queues.mgc_wait(load * servers, 1.0, servers, variation)
    assert about == pytest.approx(values.mean(), rel=error + sampling)
    if p95_error is not None:
        p95_s = np.mean([run.percentile_s(95) for run in found])
        guess = queues.mgc_wait_percentile(load * servers, 1.0, servers, variation, 95)
        assert guess == pytest.approx(p95_s, rel=p95_error + sampling)


@given(st.floats(0.05, 0.98), st.floats(0.0, 3.0))
def test_mgc_of_one_server_is_mg1(load: float, variation: float):
    assert queues.mgc_wait(load, 1.0, 1, variation) == pytest.approx(
        queues.mg1_wait(load, 1.0, variation)
    )


def test_mgc_of_exponential_service_is_mmc():
    assert queues.mgc_wait(7.0, 1.0, 8, 1.0) == pytest.approx(queues.mmc_wait(7.0, 1.0, 8))


def test_saturation_is_named():
    assert queues.least_servers(4.0, 1.0) == 5
    assert queues.least_servers(3.9, 1.0) == 4
    with pytest.raises(InfeasibleError, match=r"the load is 1 of what the servers can do"):
        queues.erlang_c(4, 4.0)
    with pytest.raises(InputError, match=r"rate is 0.0; expected a finite number over 0"):
        queues.mg1_wait(0.0, 1.0, 0.0)
