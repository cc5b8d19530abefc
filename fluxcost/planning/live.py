"""Ways to serve requests as they arrive: fleets kept or by the hour, APIs for all or the rest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from fluxcost.capacity.least import Sizing
from fluxcost.economics.catalog import Catalog
from fluxcost.economics.offers import Offer
from fluxcost.performance.fit import Fit
from fluxcost.planning.arriving import Crew, crews_of, demanded
from fluxcost.planning.assembly import rented
from fluxcost.planning.bursts import plan_by_hour
from fluxcost.planning.hourly import crews_by_hour
from fluxcost.planning.overflow import overflow_plan, shorts_of
from fluxcost.planning.paces import Pace, paces_of
from fluxcost.planning.plans import Plan, Rejected, parted
from fluxcost.planning.recipe import Depth
from fluxcost.planning.search import allowed_offers, buy_all, dearness, no_timing
from fluxcost.planning.sizing import rent_fleet
from fluxcost.planning.together import out_of_reach, serve_together
from fluxcost.planning.ways import broken_steadiness
from fluxcost.workload import Workload

Crews = Sequence[Crew[Sizing]]


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
        yield from serve_together(workload, catalog, fits, today, depth, seed)


def _by_replicas(
    workload: Workload,
    catalog: Catalog,
    fits: Sequence[Fit],
    today: dt.date | None,
    depth: Depth,
    seed: int,
) -> Iterator[Plan | Rejected]:
    """Yield the plans with replicas of one GPU each, and with APIs."""
    demand = demanded(workload)
    images = demand.images_per_month
    timings, too_slow = parted(paces_of(demand.mix, workload.constraints, fits))
    yield from too_slow
    candidates, too_few = parted(
        crews_of(workload, demand, timings, simulate=depth == "simulated", seed=seed)
    )
    yield from too_few
    offers, not_allowed = parted(allowed_offers(workload, catalog, today))
    yield from not_allowed
    for offer in offers:
        yield from _kept(offer, candidates, timings, workload, images, today)
    steady = [offer for offer in offers if broken_steadiness(offer) is None]
    if depth == "simulated":
        yield from _by_hour(steady, candidates, workload, images, today, seed)
    bought, not_bought = parted(buy_all(workload, catalog, demand.mix, images, "USD/month", today))
    yield from not_bought
    yield from bought
    if bought and depth == "simulated":
        # An API is planned beside an objective only where the workload allows what is untimed.
        yield from _overflowing(steady, candidates, min(bought, key=dearness), images, today)


def _kept(
    offer: Offer,
    candidates: Crews,
    timings: Sequence[Pace],
    workload: Workload,
    images: int,
    today: dt.date | None,
) -> Iterator[Plan | Rejected]:
    """Yield the fleets kept around the clock on an offer."""
    here = [candidate for candidate in candidates if candidate.timing.gpu == offer.gpu]
    if unsteady := broken_steadiness(offer):
        yield unsteady
    elif not here:
        yield _no_crew(offer, workload, timings)
    else:
        for candidate in here:
            rental = rent_fleet(offer, candidate.serving, today)
            yield rented(
                offer, candidate.timing, "always-on", rental, images, today, candidate.serving
            )


def _by_hour(
    steady: Sequence[Offer],
    candidates: Crews,
    workload: Workload,
    images: int,
    today: dt.date | None,
    seed: int,
) -> Iterator[Plan | Rejected]:
    """Yield the fleets that follow the hours of the workload's profile."""
    by_hour, never = parted(crews_by_hour(workload, candidates, seed))
    yield from never
    for candidate in by_hour:
        for offer in steady:
            if offer.gpu == candidate.timing.gpu:
                yield plan_by_hour(offer, steady, candidate, images, today)


def _overflowing(
    steady: Sequence[Offer], candidates: Crews, api: Plan, images: int, today: dt.date | None
) -> Iterator[Plan]:
    """Yield the fleets too small for all requests, with an API for the rest."""
    shorts = list(shorts_of(candidates))
    for offer in steady:
        here = [short for short in shorts if short.timing.gpu == offer.gpu]
        if here:
            yield overflow_plan(offer, here, api, images, today)


def _no_crew(offer: Offer, workload: Workload, timings: Sequence[Pace]) -> Rejected:
    if all(timing.gpu != offer.gpu for timing in timings):
        return no_timing(offer, workload)
    return Rejected(offer.id, "objective", f"no stack and batch meets it on {offer.gpu}.")
