"""What the tests of the simulator serve, and how they run it."""

import numpy as np

from fluxcost.capacity.arrivals import ArrivalProcess
from fluxcost.capacity.service_times import ServiceTimes, Spread, no_spread
from fluxcost.capacity.simulator.engine import SimulatedRun, run_once
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.stats import Array

NO_LIMIT = 10**9
"""A queue bound nobody reaches: the general kernel then does what the quick one does."""


def exponential(random: np.random.Generator, count: int) -> Array:
    return random.standard_exponential(count)


def erlang(random: np.random.Generator, count: int) -> Array:
    """Mean 1, squared variation a quarter."""
    return random.standard_gamma(4.0, count) / 4.0


def two_point(random: np.random.Generator, count: int) -> Array:
    """Mean 1, squared variation 2.25: nine in ten calls take half, one takes 5.5."""
    return np.where(random.random(count) < 0.9, 0.5, 5.5)


def service(spread: Spread = no_spread, seconds: tuple[tuple[float, ...], ...] = ((1.0,),)):
    times = np.array(seconds)
    return ServiceTimes(times, times, spread)


def runs(
    arrivals: ArrivalProcess,
    served: ServiceTimes,
    rules: Rules,
    requests: int = 250_000,
    count: int = 16,
) -> list[SimulatedRun]:
    return [
        run_once(arrivals, requests, served, rules, seed=(7, index), warm_up=requests // 4)
        for index in range(count)
    ]
