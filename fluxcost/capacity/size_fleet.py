"""The fewest replicas that answer in time: at one rate, and hour by hour of a day's profile."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.load_sweep import steady
from fluxcost.capacity.results import Simulation
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.simulate import fitted_for, one_gpu_fit
from fluxcost.capacity.sizing import Sizing
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.workload.workload import Workload


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


def size_fleet(
    workload: Workload,
    fleet: Fleet,
    *,
    seed: int = 0,
    calibration: Calibration | Fit | None = None,
) -> Simulation:
    """Return the simulation of the fewest replicas that meet the workload's objective.

    Met means in 90 of 100 timing draws, as it does for a plan: both ask `least.Sizing`.

    Args:
        workload: With arrivals and an objective.
        fleet: Its batching is kept; its replicas are not looked at.
        seed: Of arrivals and of the spread of calls.
        calibration: Timings, fitted already or not; the shipped ones that the fleet names unless
            given.

    Raises:
        InputError: There is no objective, or the fleet states what is not sized: scaling, failures,
            a reserve, or a queue limit, which follows from the objective's `may_reject`.
        InfeasibleError: No number of replicas meets it: a call alone takes too long.
    """
    if workload.objective is None or workload.arrivals is None:
        raise InputError(
            f"{workload.name}: no objective says how soon to answer; add `arrivals` and "
            "`objective`, such as {percentile: 95, within_s: 2}."
        )
    if reason := _not_sized(fleet):
        raise InputError(
            f"the fleet has {reason}; expected a fixed one, whose size is to be found."
        )
    demand = demand_of(workload)
    sizing = Sizing(
        workload,
        demand,
        service_times(fitted_for(fleet, calibration), demand.mix, fleet.batching.max_batch),
        calibration=fleet.calibration,
        batching=fleet.batching,
        seed=seed,
    )
    try:
        return sizing.fewest()
    except InfeasibleError as error:
        held = ", less waiting for company" if fleet.batching.max_wait_s else ""
        raise InfeasibleError(
            f"{workload.name}: {error} Allow more time{held}, a smaller image, fewer steps or a "
            "faster stack."
        ) from None


def _not_sized(fleet: Fleet) -> str | None:
    if fleet.scaling is not None:
        return "scaling"
    if fleet.failures is not None:
        return "failures"
    if fleet.reserve:
        return "a reserve"
    return None if fleet.queue_limit is None else "a queue_limit"


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
    timed = one_gpu_fit(fleet, calibration)

    @functools.cache
    def sized(weight: float) -> Simulation | None:
        if weight == 0:
            return None
        hour = steady(workload, mean_per_s * weight / mean_weight)
        return size_fleet(hour, fleet, seed=seed, calibration=timed)

    found = []
    for hour, weight in enumerate(weights):
        simulation = sized(weight)
        replicas = 0 if simulation is None else simulation.fleet.replicas
        found.append(HourFleet(hour, mean_per_s * weight / mean_weight, replicas, simulation))
    return HourlyFleets(tuple(found))
