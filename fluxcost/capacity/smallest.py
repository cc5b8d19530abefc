"""The fewest replicas that answer in time: at one rate, and hour by hour of a day's profile."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import MOST_REPLICAS, Fleet
from fluxcost.capacity.load import REPLICATIONS, REQUESTS, SURE, full_rate, steady
from fluxcost.capacity.simulate import fitted_for, simulate
from fluxcost.capacity.simulation import Simulation
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.units import seconds
from fluxcost.workload import Workload

SAME_RESPONSE = 0.005
"""Relative change of the percentile, on doubling the fleet, under which nobody waits any more."""


@dataclass(frozen=True, eq=False)
class HourFleet:
    """The fleet of one hour of a profile.

    Attributes:
        hour: From 0.
        requests_per_s: The hour's rate.
        replicas: The fewest that meet the objective at that rate, kept steady; 0 where nobody asks.
        simulation: What requests of a steady hour at that rate see; None where nobody asks.
    """

    hour: int
    requests_per_s: float
    replicas: int
    simulation: Simulation | None

    def to_dict(self) -> dict[str, Any]:
        """Return the hour as plain values."""
        return {
            "hour": self.hour,
            "requests_per_s": self.requests_per_s,
            "replicas": self.replicas,
            "simulation": self.simulation and self.simulation.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class HourlyFleets:
    """A fleet that follows a profile, beside one that is kept at the size of its busiest hour.

    Attributes:
        hours: One fleet an hour.
    """

    hours: tuple[HourFleet, ...]

    @property
    def most(self) -> int:
        """Replicas of the busiest hour."""
        return max(hour.replicas for hour in self.hours)

    @property
    def replica_hours(self) -> int:
        """Replica hours of the profile where the fleet follows it, start-up left out."""
        return sum(hour.replicas for hour in self.hours)

    @property
    def kept_replica_hours(self) -> int:
        """Replica hours where the fleet is kept at the busiest hour's size."""
        return self.most * len(self.hours)

    @property
    def saved_share(self) -> float:
        """Share of the kept fleet's replica hours that following saves."""
        return 1 - self.replica_hours / self.kept_replica_hours

    def to_dict(self) -> dict[str, Any]:
        """Return the hours and their sums as plain values."""
        return {
            "hours": [hour.to_dict() for hour in self.hours],
            "most": self.most,
            "replica_hours": self.replica_hours,
            "kept_replica_hours": self.kept_replica_hours,
            "saved_share": self.saved_share,
        }


def smallest_fleet(
    workload: Workload,
    fleet: Fleet,
    *,
    seed: int = 0,
    requests: int = REQUESTS,
    replications: int = REPLICATIONS,
    calibration: Calibration | Fit | None = None,
) -> Simulation:
    """Return the simulation of the fewest replicas that meet the workload's objective.

    Met means in 95 of 100 timing worlds. More replicas with the same arrivals never answer later,
    so the count is found by doubling and halving.

    Args:
        workload: With arrivals and an objective.
        fleet: Its batching and queue limit are kept; its replicas are not looked at.
        seed: Of arrivals and of the spread of calls.
        requests: Counted in one replication.
        replications: Runs with their own arrivals.
        calibration: Timings, fitted already or not; the shipped ones that the fleet names unless
            given.

    Raises:
        InputError: There is no objective, or replicas come and go.
        InfeasibleError: No number of replicas meets it: a call alone takes too long.
    """
    if workload.objective is None or workload.arrivals is None:
        raise InputError(
            f"{workload.name}: no objective says how soon to answer; add `arrivals` and "
            "`objective`, such as {percentile: 95, within_s: 2}."
        )
    if fleet.scaling is not None:
        raise InputError("the fleet has scaling; expected a fixed one, whose size is to be found.")

    timed = fitted_for(fleet, calibration)

    @functools.cache
    def at(replicas: int) -> Simulation:
        return simulate(
            workload,
            fleet.model_copy(update={"replicas": replicas}),
            seed=seed,
            requests=requests,
            replications=replications,
            calibration=timed,
        )

    one = fleet.model_copy(update={"replicas": 1})
    rate_per_s = demand_of(workload).rate_per_s
    assert rate_per_s is not None  # noqa: S101 - arrivals have a rate
    least = math.floor(rate_per_s / full_rate(workload, one, timed)) + 1
    return at(_fewest(at, workload, least))


def _fewest(at: Callable[[int], Simulation], workload: Workload, least: int) -> int:
    enough = least
    while not _met(at(enough)):
        _refuse_hopeless(at, workload, enough, least)
        enough = min(2 * enough, MOST_REPLICAS)
    short = max(least - 1, enough // 2) if enough > least else least - 1
    while enough - short > 1:
        middle = (short + enough) // 2
        if _met(at(middle)):
            enough = middle
        else:
            short = middle
    return enough


def _met(simulation: Simulation) -> bool:
    return (simulation.probability_met or 0.0) >= SURE


def _refuse_hopeless(
    at: Callable[[int], Simulation], workload: Workload, replicas: int, least: int
) -> None:
    objective = workload.objective
    assert objective is not None  # noqa: S101 - smallest_fleet refuses a workload without
    name = f"p{objective.percentile:g}"
    now = at(replicas).response[name]
    before = at(max(least, replicas // 2)).response[name]
    settled = replicas > least and before.value - now.value <= SAME_RESPONSE * now.value
    if settled or replicas >= MOST_REPLICAS:
        raise InfeasibleError(
            f"{workload.name}: {name} within {seconds(objective.within_s)} is not met by "
            f"{replicas} replicas, which answer in {seconds(now.value)} (up to "
            f"{seconds(now.high)}) and more do not help; allow more time, a smaller image, fewer "
            "steps or a faster stack."
        )


def fleet_by_hour(
    workload: Workload,
    fleet: Fleet,
    *,
    seed: int = 0,
    calibration: Calibration | Fit | None = None,
) -> HourlyFleets:
    """Return the fewest replicas of each hour of the workload's profile.

    Each hour is taken as steady, as if it lasted: good where a profile changes little within the
    time that requests wait and replicas start; what a change costs is for `simulate` to show.

    Args:
        workload: With arrivals, `hourly_weights` and an objective.
        fleet: Its batching is kept; its replicas are not looked at.
        seed: Of arrivals and of the spread of calls.
        calibration: Timings, fitted already or not; the shipped ones that the fleet names unless
            given.

    Raises:
        InputError: There is no profile, or no objective.
        InfeasibleError: No number of replicas meets the objective.
    """
    weights = workload.arrivals.hourly_weights if workload.arrivals is not None else None
    if weights is None:
        raise InputError(f"{workload.name}: no hourly_weights in arrivals; add 24 or 168 of them.")
    mean_per_s = demand_of(workload).rate_per_s
    assert mean_per_s is not None  # noqa: S101 - arrivals with a profile have a rate
    mean_weight = sum(weights) / len(weights)
    timed = fitted_for(fleet, calibration)

    @functools.cache
    def sized(weight: float) -> Simulation | None:
        if weight == 0:
            return None
        hour = steady(workload, mean_per_s * weight / mean_weight)
        return smallest_fleet(hour, fleet, seed=seed, calibration=timed)

    found = []
    for hour, weight in enumerate(weights):
        simulation = sized(weight)
        replicas = 0 if simulation is None else simulation.fleet.replicas
        found.append(HourFleet(hour, mean_per_s * weight / mean_weight, replicas, simulation))
    return HourlyFleets(tuple(found))
