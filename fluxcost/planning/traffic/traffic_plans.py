"""Serving requests as they arrive: fleets, context parallelism, APIs for all or for overflow.

Overflow: a fleet smaller than the objective needs, and an API for the requests that would wait too
long. The latency of an API is not measured, so such a plan is made only where the workload accepts
that (`allow_untimed`). Context parallelism, several GPUs for each image, lowers latency and raises
the price; it is searched only where no replica of one GPU meets the objective.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fluxcost.capacity.results import Serving
from fluxcost.capacity.sizing import MET, Sizing
from fluxcost.economics.api_bill import api_bill_curve
from fluxcost.economics.api_bill_curve import ApiBillCurve
from fluxcost.economics.catalog import Catalog
from fluxcost.economics.offers import Offer
from fluxcost.errors import InfeasibleError
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.calibration.extra_measurements import GpuLink
from fluxcost.performance.fit import Fit
from fluxcost.performance.scaling.context_parallel import (
    ContextParallelFit,
    context_parallel_counts,
)
from fluxcost.planning.candidates import ServiceTime, allowed_offers, no_timing, service_times_of
from fluxcost.planning.plan_records import Depth
from fluxcost.planning.plans import Plan, Rejected, rank_key, split_rejected
from fluxcost.planning.purchase_modes import api_plans, broken_steadiness, per_image, rented
from fluxcost.planning.rental_sizing import rent_fleet
from fluxcost.planning.traffic.fleet_candidates import (
    FleetCandidate,
    demand_with_objective,
    fleet_candidates,
)
from fluxcost.planning.traffic.hourly_fleets import hourly_candidates, plan_by_hour
from fluxcost.units import percent, usd
from fluxcost.workload.workload import Workload

SHARES = (0.25, 0.5, 0.75)
"""Replicas tried, over those the objective takes, besides one and all but one."""


@dataclass(frozen=True, eq=False)
class UndersizedFleet:
    """A fleet too small for all requests.

    Attributes:
        timing: Stack and batch.
        serving: How it answers those it takes.
        over: Share of the requests that it does not take.
    """

    timing: ServiceTime
    serving: Serving
    over: Estimate


def undersized_fleets(candidates: Iterable[FleetCandidate[Sizing]]) -> Iterator[UndersizedFleet]:
    """Yield smaller fleets than the first of each GPU type that answer what they take in time."""
    seen: set[str] = set()
    for candidate in candidates:
        if candidate.timing.gpu in seen:
            continue
        seen.add(candidate.timing.gpu)
        most = candidate.serving.fleet.replicas
        counts = {1, most - 1, *(round(most * share) for share in SHARES)}
        for replicas in sorted(counts):
            if 1 <= replicas < most:
                serving, over = candidate.sizing.overflowing(replicas)
                if serving.probability_met >= MET:
                    yield UndersizedFleet(candidate.timing, serving, over)


def overflow_plan(
    offer: Offer,
    shorts: Iterable[UndersizedFleet],
    api: Plan,
    curve: ApiBillCurve,
    images: int,
    today: dt.date | None,
) -> Plan:
    """Return the cheapest plan of an offer with an API for the rest.

    Args:
        offer: What is rented.
        shorts: Fleets on its GPU type, at least one.
        api: The plan that buys all images.
        curve: The bill of that API, by images of a month.
        images: Of a month.
        today: Day the price is judged on.
    """
    made = [_overflow_plan_of(offer, short, api, curve, images, today) for short in shorts]
    return min(made, key=lambda plan: plan.total.high)


def _overflow_plan_of(
    offer: Offer,
    short: UndersizedFleet,
    api: Plan,
    curve: ApiBillCurve,
    images: int,
    today: dt.date | None,
) -> Plan:
    rental = rent_fleet(offer, short.serving, today)
    own = rented(offer, short.timing, "overflow", rental, images, today, short.serving)
    rest = curve.estimate(short.over.scaled(images, "images/month"), "USD/month")
    total = derive(lambda kept, more: kept + more, own.total, rest, unit="USD/month")
    usd_per_image, images_per_usd = per_image(total, images)
    share = short.over.value
    components = (
        replace(own.components[0], share=1 - share),
        replace(api.components[0], mode="overflow", share=share, total=rest),
    )
    return replace(
        own,
        total=total,
        usd_per_image=usd_per_image,
        images_per_usd=images_per_usd,
        why=(
            f"{own.why[:-1]}; {percent(share)} of the requests would wait too long and go to "
            f"{api.option} for {usd(rest.value)}."
        ),
        caveats=(*own.caveats, *api.caveats, f"{api.option}: its latency is not measured"),
        components=components,
    )


def out_of_reach(outcomes: Iterable[Plan | Rejected]) -> bool:
    """Tell whether no plan rents GPUs, calls on one of them being too slow."""
    plans, rejected = split_rejected(outcomes)
    slow = any(each.over is not None for each in rejected)
    return slow and not any(plan.gpus for plan in plans)


def serve_context_parallel(
    workload: Workload,
    catalog: Catalog,
    fits: Sequence[Fit],
    today: dt.date | None,
    depth: Depth,
    seed: int,
) -> Iterator[Plan | Rejected]:
    """Yield the fleets kept around the clock whose images are made by several GPUs each.

    Only shapes, steps and batches that were timed so are planned; see `ContextParallelFit`.
    """
    demand = demand_with_objective(workload)
    splits = [
        fitted.context_parallel(n)
        for fitted in fits
        for n in context_parallel_counts(fitted.calibration)
    ]
    timings, too_slow = split_rejected(service_times_of(demand.mix, workload.constraints, splits))
    yield from too_slow
    simulate = depth == "simulated"
    candidates, too_few = split_rejected(
        fleet_candidates(workload, demand, timings, simulate=simulate, seed=seed)
    )
    yield from too_few
    offers, _ = split_rejected(allowed_offers(workload, catalog, today))
    for offer in offers:
        if broken_steadiness(offer) is None:
            for candidate in candidates:
                if candidate.timing.gpu == offer.gpu:
                    yield _always_on_context_parallel(
                        offer, candidate, demand.images_per_month, today
                    )


def _always_on_context_parallel(
    offer: Offer, candidate: FleetCandidate[Sizing], images: int, today: dt.date | None
) -> Plan | Rejected:
    try:
        rental = rent_fleet(offer, candidate.serving, today)
    except InfeasibleError as error:
        return Rejected(offer.id, "gpus_per_image", str(error))
    notes = (
        _context_parallel_notes(candidate.timing.fit)
        if isinstance(candidate.timing.fit, ContextParallelFit)
        else ()
    )
    return rented(
        offer, candidate.timing, "always-on", rental, images, today, candidate.serving, notes
    )


def _context_parallel_notes(split: ContextParallelFit) -> tuple[str, ...]:
    """Return what a reader must know of images that several GPUs make."""
    why = (
        f"{split.gpus_per_image} GPUs make each image together, at a higher price, since no "
        f"replica of one GPU meets the objective{_linked(split.calibration.links)}"
    )
    return why, "`python -m measure serve` gives each replica one GPU: joining them is left to you"


def _linked(links: Sequence[GpuLink]) -> str:
    if not links:
        return ""
    slowest = min(links, key=lambda link: link.gb_per_s)
    return f"; timed on GPUs linked at {slowest.gb_per_s:.0f} GB/s"


FleetCandidates = Sequence[FleetCandidate[Sizing]]


def serve(
    workload: Workload,
    catalog: Catalog,
    fits: Sequence[Fit],
    today: dt.date | None,
    depth: Depth,
    seed: int,
) -> Iterator[Plan | Rejected]:
    """Yield the plans that serve a workload's requests, and why the other candidates are rejected.

    Raises:
        InputError: The workload has no objective.
        DocumentError: Its trace cannot be used.
    """
    outcomes = list(_by_replicas(workload, catalog, fits, today, depth, seed))
    yield from outcomes
    if out_of_reach(outcomes):
        yield from serve_context_parallel(workload, catalog, fits, today, depth, seed)


def _by_replicas(
    workload: Workload,
    catalog: Catalog,
    fits: Sequence[Fit],
    today: dt.date | None,
    depth: Depth,
    seed: int,
) -> Iterator[Plan | Rejected]:
    """Yield the plans with replicas of one GPU each, and with APIs."""
    demand = demand_with_objective(workload)
    images = demand.images_per_month
    timings, too_slow = split_rejected(service_times_of(demand.mix, workload.constraints, fits))
    yield from too_slow
    candidates, too_few = split_rejected(
        fleet_candidates(workload, demand, timings, simulate=depth == "simulated", seed=seed)
    )
    yield from too_few
    offers, not_allowed = split_rejected(allowed_offers(workload, catalog, today))
    yield from not_allowed
    for offer in offers:
        yield from _always_on(offer, candidates, timings, workload, images, today)
    steady = [offer for offer in offers if broken_steadiness(offer) is None]
    if depth == "simulated":
        yield from _by_hour(steady, candidates, workload, images, today, seed)
    bought, not_bought = split_rejected(
        api_plans(workload, catalog, demand.mix, images, "USD/month", today)
    )
    yield from not_bought
    yield from bought
    if bought and depth == "simulated":
        # An API is planned beside an objective only where the workload allows what is untimed.
        api = min(bought, key=rank_key)
        curve = api_bill_curve(catalog.tariff(api.option), demand.mix, today=today)
        yield from _overflowing(steady, candidates, api, curve, images, today)


def _always_on(
    offer: Offer,
    candidates: FleetCandidates,
    timings: Sequence[ServiceTime],
    workload: Workload,
    images: int,
    today: dt.date | None,
) -> Iterator[Plan | Rejected]:
    """Yield the fleets kept around the clock on an offer."""
    here = [candidate for candidate in candidates if candidate.timing.gpu == offer.gpu]
    if unsteady := broken_steadiness(offer):
        yield unsteady
    elif not here:
        yield _no_candidate(offer, workload, timings)
    else:
        for candidate in here:
            rental = rent_fleet(offer, candidate.serving, today)
            yield rented(
                offer, candidate.timing, "always-on", rental, images, today, candidate.serving
            )


def _by_hour(
    steady: Sequence[Offer],
    candidates: FleetCandidates,
    workload: Workload,
    images: int,
    today: dt.date | None,
    seed: int,
) -> Iterator[Plan | Rejected]:
    """Yield the fleets that follow the hours of the workload's profile."""
    by_hour, never = split_rejected(hourly_candidates(workload, candidates, seed))
    yield from never
    for candidate in by_hour:
        for offer in steady:
            if offer.gpu == candidate.timing.gpu:
                yield plan_by_hour(offer, steady, candidate, images, today)


def _overflowing(
    steady: Sequence[Offer],
    candidates: FleetCandidates,
    api: Plan,
    curve: ApiBillCurve,
    images: int,
    today: dt.date | None,
) -> Iterator[Plan]:
    """Yield the fleets too small for all requests, with an API for the rest."""
    shorts = list(undersized_fleets(candidates))
    for offer in steady:
        here = [short for short in shorts if short.timing.gpu == offer.gpu]
        if here:
            yield overflow_plan(offer, here, api, curve, images, today)


def _no_candidate(offer: Offer, workload: Workload, timings: Sequence[ServiceTime]) -> Rejected:
    if all(timing.gpu != offer.gpu for timing in timings):
        return no_timing(offer, workload)
    return Rejected(offer.id, "objective", f"no stack and batch meets it on {offer.gpu}.")
