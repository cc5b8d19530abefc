"""Replicas that follow the hours of a profile: as many as each of them takes.

How a rate changes is known from the workload's profile, so replicas are started ahead of the hour
that needs them rather than when requests already wait: the start is paid for, not waited for. Each
hour is sized as if it lasted, and around a change the larger of the two counts is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fluxcost.capacity.cold_start import measured_cold_start_s
from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.least import Sizing
from fluxcost.capacity.load import steady
from fluxcost.capacity.serving import Serving
from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.estimate import Estimate, derive
from fluxcost.planning.arriving import Crew
from fluxcost.planning.paces import Pace
from fluxcost.planning.plans import Rejected
from fluxcost.units import seconds
from fluxcost.workload import Workload

LEVELS = 12
"""Rates that hours are sized at, where more of them differ: each at the next one up."""


@dataclass(frozen=True, eq=False)
class HourlyCrew:
    """A timing with as many replicas as each hour takes.

    Attributes:
        timing: Stack and batch.
        replicas: Of each hour of the profile.
        shares: Of the requests, by hour.
        serving: How they serve: the response of the hour that is least sure, on the most replicas.
        startup_s: From asking for a replica until it serves.
        startup_note: Where that comes from.
    """

    timing: Pace
    replicas: tuple[int, ...]
    shares: tuple[float, ...]
    serving: Serving
    startup_s: float
    startup_note: str

    @property
    def keep_s(self) -> float:
        """Seconds that a replica stays after its hours, for those who still wait."""
        return self.serving.objective.within_s


def crews_by_hour(
    workload: Workload, candidates: Iterable[Crew[Sizing]], seed: int
) -> Iterator[HourlyCrew | Rejected]:
    """Yield the first candidate of each GPU type at the size of every hour, or why it cannot be.

    Args:
        workload: With a profile; nothing is yielded without.
        candidates: Of all GPU types, most promising first.
        seed: Of the simulation.
    """
    if workload.arrivals is None or workload.arrivals.hourly_weights is None:
        return
    least = min(workload.arrivals.hourly_weights)
    seen: set[str] = set()
    for candidate in candidates:
        if candidate.timing.gpu in seen or (candidate.serving.fleet.replicas == 1 and least > 0):
            continue
        name = f"{candidate.timing.calibration}, by the hour"
        if workload.objective is not None and workload.objective.may_reject:
            reason = "the length of queue that turns requests away would change by the hour."
            yield Rejected(name, "may_reject", reason)
            continue
        try:
            found = _by_hour(workload, candidate, seed)
        except MissingDataError:
            reason = (
                f"{candidate.timing.calibration} measured no cold start; state startup_minutes in "
                "the workload to rent by the hour."
            )
            yield Rejected(name, "cold start", reason)
        except InfeasibleError as error:
            yield Rejected(name, "objective", str(error))
        else:
            seen.add(candidate.timing.gpu)
            yield found


def _by_hour(workload: Workload, candidate: Crew[Sizing], seed: int) -> HourlyCrew:
    assert workload.arrivals is not None  # noqa: S101 - narrows the type
    assert workload.arrivals.hourly_weights is not None  # noqa: S101 - narrows the type
    startup_s, note = _startup(workload, candidate.timing)
    weights = np.array(workload.arrivals.hourly_weights)
    mean_per_s = demand_of(workload).rate_per_s
    assert mean_per_s is not None  # noqa: S101 - a profile has a rate
    rates = _levels(weights / weights.mean() * mean_per_s)
    servings = {
        rate: _sized(steady(workload, rate), candidate, seed) for rate in sorted(set(rates)) if rate
    }
    replicas = tuple(servings[rate].fleet.replicas if rate else 0 for rate in rates)
    shares = weights / weights.sum()
    busiest = servings[max(servings)]
    least_sure = min(servings.values(), key=lambda each: each.probability_met)
    serving = replace(
        busiest,
        response=least_sure.response,
        probability_met=least_sure.probability_met,
        utilization=_mean_use(servings, rates, replicas),
        why_not_fewer=f"in the busiest hour, {busiest.why_not_fewer}",
    )
    return HourlyCrew(candidate.timing, replicas, tuple(shares.tolist()), serving, startup_s, note)


def _startup(workload: Workload, timing: Pace) -> tuple[float, str]:
    if workload.startup_minutes is not None:
        stated_s = workload.startup_minutes * 60
        return stated_s, f"{seconds(stated_s)} of start-up, stated in the workload"
    measured_s = measured_cold_start_s(timing.fit.calibration, workload.compile_cache)
    note = f"{seconds(measured_s)} of start-up as measured: weights loaded and the first call made"
    return measured_s, f"{note}, finding a GPU and fetching the weights not in it"


def _levels(rates_per_s: np.typing.NDArray[np.float64]) -> list[float]:
    """Return the rate each hour is sized at: its own, or the next of a few where they are many."""
    if np.unique(rates_per_s).size <= LEVELS:
        return [float(rate) for rate in rates_per_s]
    step = rates_per_s.max() / LEVELS
    return [float(math.ceil(rate / step - 1e-9) * step) for rate in rates_per_s]


def _sized(hour: Workload, candidate: Crew[Sizing], seed: int) -> Serving:
    made = candidate.sizing
    return Sizing(
        hour,
        demand_of(hour),
        made.service,
        calibration=made.calibration,
        batching=made.batching,
        seed=seed,
    ).simulated()


def _mean_use(
    servings: dict[float, Serving], rates: Sequence[float], replicas: Sequence[int]
) -> Estimate:
    """Return the share of the replicas' time that calls take, over all hours."""
    weights = [
        sum(count for rate, count in zip(rates, replicas, strict=True) if rate == level)
        / sum(replicas)
        for level in servings
    ]
    return derive(
        lambda *each: sum(weight * busy for weight, busy in zip(weights, each, strict=True)),
        *(serving.utilization for serving in servings.values()),
        unit="1",
    )
