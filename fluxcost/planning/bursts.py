"""A base that is kept and a burst that is rented for the busy hours: split, bill and plan."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fluxcost.economics.billing import HOURS_PER_MONTH, billed_seconds
from fluxcost.economics.offers import SECONDS_PER_HOUR, BillingKind, Offer
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.planning.assembly import rented
from fluxcost.planning.hourly import HourlyCrew
from fluxcost.planning.plans import Plan, Rejected
from fluxcost.planning.sizing import Rental, kept_for_month, usd_of_hours
from fluxcost.units import counted, percent, significant, usd


def plan_by_hour(
    base: Offer,
    offers: Iterable[Offer],
    candidate: HourlyCrew,
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
    def of(cls, base: Offer, burst: Offer, kept: int, candidate: HourlyCrew) -> _Split:
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


def _billed_hours(offer: Offer, on: Sequence[bool], candidate: HourlyCrew) -> float:
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


def _planned(split: _Split, candidate: HourlyCrew, images: int, today: dt.date | None) -> Plan:
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


def _burst_share(split: _Split, candidate: HourlyCrew) -> float:
    """Return the share of the images that the burst makes, each hour's by its replicas."""
    return sum(
        share * extra / count
        for share, extra, count in zip(
            candidate.shares, split.extra, candidate.replicas, strict=True
        )
        if count
    )


def _why(split: _Split, candidate: HourlyCrew, base_usd: Estimate, burst_usd: Estimate) -> str:
    serving, least, most = candidate.serving, min(candidate.replicas), max(candidate.replicas)
    busy, met = percent(serving.utilization.value), percent(serving.probability_met)
    return (
        f"{least} to {most} replicas by the hour with {serving.fleet.batching}, {busy} busy, "
        f"answer {serving.objective} in every hour in {met} of timing draws; "
        f"{counted(split.base_gpus, 'GPU')} kept for {usd(base_usd.value)} and "
        f"{significant(split.burst_hours)} billed instance hours of {split.burst.id} for "
        f"{usd(burst_usd.value)}."
    )
