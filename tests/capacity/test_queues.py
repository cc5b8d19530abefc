"""Closed forms against each other, and approximations against what is exact."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.capacity import queues
from fluxcost.errors import InfeasibleError, InputError


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
    ends = np.linspace(0, 40 / servers, 600)
    slower = [1 - queues.mdc_wait_within(load * servers, 1.0, servers, end) for end in ends]
    return float(np.trapezoid(slower, ends))


@pytest.mark.parametrize(("servers", "load"), [(2, 0.5), (4, 0.7), (8, 0.8)])
def test_the_stated_errors_of_the_approximations_hold(servers: int, load: float):
    rate = load * servers
    assert queues.mdc_wait(rate, 1.0, servers) == pytest.approx(exact_mean(load, servers), rel=0.03)
    if load >= 0.7:
        exact = queues.mdc_wait_percentile(rate, 1.0, servers, 95)
        about = queues.mgc_wait_percentile(rate, 1.0, servers, 0.0, 95)
        assert about == pytest.approx(exact, rel=0.11)


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
