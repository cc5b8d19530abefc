"""Fleets that follow the hours of a profile: an always-on base and a burst for busy hours."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fluxcost.capacity.cold_start import measured_cold_start_s
from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.load_sweep import steady
from fluxcost.capacity.results import Serving
from fluxcost.capacity.sizing import Sizing
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, BillingKind, Offer
from fluxcost.economics.rental import billed_seconds
from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.planning.candidates import ServiceTime
from fluxcost.planning.plans import Plan, Rejected
from fluxcost.planning.purchase_modes import rented
from fluxcost.planning.rental_sizing import Rental, kept_for_month, usd_of_hours
from fluxcost.planning.traffic.fleet_candidates import FleetCandidate
from fluxcost.units import counted, percent, seconds, significant, usd
from fluxcost.workload.workload import Workload

LEVELS = 12
"""Rates that hours are sized at, where more of them differ: each at the next one up."""


@dataclass(frozen=True, eq=False)
class HourlyCandidate:
    """A timing with as many replicas as each hour takes.

    Attributes:
        timing: Stack and batch.
        replicas: Of each hour of the profile.
        shares: Of the requests, by hour.
        serving: How they serve: the response of the hour that is least sure, on the most replicas.
        startup_s: From asking for a replica until it serves.
        startup_note: Where that comes from.
    """

    timing: ServiceTime
    replicas: tuple[int, ...]
    shares: tuple[float, ...]
    serving: Serving
    startup_s: float
    startup_note: str

    @property
    def keep_s(self) -> float:
        """Seconds that a replica stays after its hours, for those who still wait."""
        return self.serving.objective.within_s


def hourly_candidates(
    workload: Workload, candidates: Iterable[FleetCandidate[Sizing]], seed: int
) -> Iterator[HourlyCandidate | Rejected]:
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


def _by_hour(workload: Workload, candidate: FleetCandidate[Sizing], seed: int) -> HourlyCandidate:
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
    return HourlyCandidate(
        candidate.timing, replicas, tuple(shares.tolist()), serving, startup_s, note
    )


def _startup(workload: Workload, timing: ServiceTime) -> tuple[float, str]:
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


def _sized(hour: Workload, candidate: FleetCandidate[Sizing], seed: int) -> Serving:
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


def plan_by_hour(
    base: Offer,
    offers: Iterable[Offer],
    candidate: HourlyCandidate,
    images: int,
    today: dt.date | None,
) -> Plan | Rejected:
    """Return the cheapest plan that keeps some of an offer and bursts by the hour, or why none is.

    A burst is on the same provider's on-demand offers; a reservation may burst on anyone's.

    Args:
        base: What is kept; where nothing is, what bursts.
        offers: Those allowed, all of them.
        candidate: How many replicas each hour takes.
        images: Of a month.
        today: Day the prices are judged on.
    """
    name = f"{base.id}, by the hour"
    reserved = base.kind is BillingKind.RESERVED
    bursts = [
        each
        for each in offers
        if each.gpu == base.gpu
        and each.kind is BillingKind.ON_DEMAND
        and (reserved or each.provider == base.provider)
    ]
    if not bursts:
        reason = f"no on-demand offer of {base.gpu} to burst on."
        return Rejected(name, "volume", reason)
    splits = [
        _Split.of(base, burst, kept, candidate)
        for burst in bursts
        for kept in range(math.ceil(max(candidate.replicas) / base.gpu_count) + 1)
        if kept or burst is base
    ]
    # At the same cost, what is needed all the time is kept.
    best = min(splits, key=lambda split: (round(split.usd, 6), -split.kept))
    if not best.burst_hours:
        return Rejected(name, "cost", "renting for the busy hours alone saves nothing.")
    return _planned(best, candidate, images, today)


@dataclass(frozen=True, eq=False)
class _Split:
    """How many instances are kept and how long the others are rented.

    Attributes:
        base: What is kept.
        burst: What is rented by the hour.
        kept: Instances of the base.
        extra: Replicas of the burst, by hour.
        burst_hours: Billed instance hours a month, over all instances of the burst.
    """

    base: Offer
    burst: Offer
    kept: int
    extra: tuple[int, ...]
    burst_hours: float

    @classmethod
    def of(cls, base: Offer, burst: Offer, kept: int, candidate: HourlyCandidate) -> _Split:
        extra = tuple(max(0, count - kept * base.gpu_count) for count in candidate.replicas)
        hours = sum(
            _billed_hours(burst, [count > held for count in extra], candidate)
            for held in range(0, max(extra), burst.gpu_count)
        )
        return cls(base, burst, kept, extra, hours)

    @property
    def usd(self) -> float:
        """USD a month, at the quoted prices."""
        kept_usd = self.kept * self.base.usd_per_instance_hour * HOURS_PER_MONTH
        return kept_usd + self.burst_hours * self.burst.usd_per_instance_hour

    @property
    def base_gpus(self) -> int:
        """GPUs kept."""
        return self.kept * self.base.gpu_count

    @property
    def burst_gpus(self) -> int:
        """GPUs rented by the hour, the most at once."""
        return math.ceil(max(self.extra) / self.burst.gpu_count) * self.burst.gpu_count


def _billed_hours(offer: Offer, on: Sequence[bool], candidate: HourlyCandidate) -> float:
    """Return the billed hours a month of one instance that is on in some hours of a period."""
    if all(on):
        return HOURS_PER_MONTH
    billed_s = sum(
        billed_seconds(
            offer,
            running_s=hours * SECONDS_PER_HOUR + candidate.keep_s,
            startup_s=candidate.startup_s,
        )
        for hours in runs_of(on)
    )
    return min(HOURS_PER_MONTH, billed_s / SECONDS_PER_HOUR * HOURS_PER_MONTH / len(on))


def runs_of(on: Sequence[bool]) -> list[int]:
    """Return the lengths of the runs of hours that are on, in a period that repeats.

    Args:
        on: Of each hour; at least one is off.
    """
    off = on.index(False)
    runs, length = [], 0
    for each in (*on[off:], *on[:off], False):
        if each:
            length += 1
        elif length:
            runs.append(length)
            length = 0
    return runs


def _planned(split: _Split, candidate: HourlyCandidate, images: int, today: dt.date | None) -> Plan:
    base, burst, serving = split.base, split.burst, candidate.serving
    gpus = split.base_gpus + split.burst_gpus
    instances = split.burst_gpus // burst.gpu_count
    burst_hours = derive(
        lambda rests: split.burst_hours / instances + 0 * rests, serving.response, unit="h"
    )
    burst_usd = usd_of_hours(burst, burst_hours, split.burst_gpus, today)
    _, base_usd = kept_for_month(base, split.base_gpus, today, serving.response)
    total = derive(lambda kept, more: kept + more, base_usd, burst_usd, unit="USD/month")
    hours = derive(
        lambda more: (split.base_gpus * HOURS_PER_MONTH + split.burst_gpus * more) / gpus,
        burst_hours,
        unit="h",
    )
    rental = Rental(gpus, hours, total, _why(split, candidate, base_usd, burst_usd))
    notes = (f"{candidate.startup_note}, before each hour that takes more",)
    own = rented(base, candidate.timing, "scheduled", rental, images, today, serving, notes)
    share = _burst_share(split, candidate)
    component = own.components[0]
    burst_component = replace(
        component,
        option=burst.id,
        gpus=split.burst_gpus,
        replicas=max(split.extra),
        hourly_replicas=split.extra,
        share=share,
        total=burst_usd,
    )
    base_component = replace(
        component,
        mode="always-on",
        gpus=split.base_gpus,
        replicas=min(split.base_gpus, max(candidate.replicas)),
        share=1 - share,
        total=base_usd,
    )
    return replace(
        own,
        components=(base_component, burst_component) if split.kept else (burst_component,),
        price_source=Source.weakest((base.trust(today), burst.trust(today))),
        caveats=tuple(dict.fromkeys((*own.caveats, *burst.caveats(today)))),
    )


def _burst_share(split: _Split, candidate: HourlyCandidate) -> float:
    """Return the share of the images that the burst makes, each hour's by its replicas."""
    return sum(
        share * extra / count
        for share, extra, count in zip(
            candidate.shares, split.extra, candidate.replicas, strict=True
        )
        if count
    )


def _why(split: _Split, candidate: HourlyCandidate, base_usd: Estimate, burst_usd: Estimate) -> str:
    serving, least, most = candidate.serving, min(candidate.replicas), max(candidate.replicas)
    busy, met = percent(serving.utilization.value), percent(serving.probability_met)
    return (
        f"{least} to {most} replicas by the hour with {serving.fleet.batching}, {busy} busy, "
        f"answer {serving.objective} in every hour in {met} of timing draws; "
        f"{counted(split.base_gpus, 'GPU')} kept for {usd(base_usd.value)} and "
        f"{significant(split.burst_hours)} billed instance hours of {split.burst.id} for "
        f"{usd(burst_usd.value)}."
    )
