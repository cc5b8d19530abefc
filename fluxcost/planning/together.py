"""Fleets whose images are made by several GPUs each: for an objective that no one GPU can meet.

It lowers the latency of an image and raises its price, so nothing of it is looked at while replicas
of one GPU can serve in time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from fluxcost.capacity.least import Sizing
from fluxcost.economics.catalog import Catalog
from fluxcost.economics.offers import Offer
from fluxcost.errors import InfeasibleError
from fluxcost.performance.fit import Fit
from fluxcost.performance.measured.together import Link
from fluxcost.performance.split import SplitFit, split_counts
from fluxcost.planning.arriving import Crew, crews_of, demanded
from fluxcost.planning.assembly import rented
from fluxcost.planning.paces import paces_of
from fluxcost.planning.plans import Plan, Rejected, parted
from fluxcost.planning.recipe import Depth
from fluxcost.planning.search import allowed_offers
from fluxcost.planning.sizing import rent_fleet
from fluxcost.planning.ways import broken_steadiness
from fluxcost.workload import Workload


def out_of_reach(outcomes: Iterable[Plan | Rejected]) -> bool:
    """Tell whether no plan rents GPUs, calls on one of them being too slow."""
    plans, rejected = parted(outcomes)
    slow = any(each.over is not None for each in rejected)
    return slow and not any(plan.gpus for plan in plans)


def serve_together(
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
    demand = demanded(workload)
    splits = [
        fitted.context_parallel(n) for fitted in fits for n in split_counts(fitted.calibration)
    ]
    timings, too_slow = parted(paces_of(demand.mix, workload.constraints, splits))
    yield from too_slow
    simulate = depth == "simulated"
    candidates, too_few = parted(crews_of(workload, demand, timings, simulate=simulate, seed=seed))
    yield from too_few
    offers, _ = parted(allowed_offers(workload, catalog, today))
    for offer in offers:
        if broken_steadiness(offer) is None:
            for candidate in candidates:
                if candidate.timing.gpu == offer.gpu:
                    yield _kept(offer, candidate, demand.images_per_month, today)


def _kept(
    offer: Offer, candidate: Crew[Sizing], images: int, today: dt.date | None
) -> Plan | Rejected:
    try:
        rental = rent_fleet(offer, candidate.serving, today)
    except InfeasibleError as error:
        return Rejected(offer.id, "gpus_per_image", str(error))
    notes = _told(candidate.timing.fit) if isinstance(candidate.timing.fit, SplitFit) else ()
    return rented(
        offer, candidate.timing, "always-on", rental, images, today, candidate.serving, notes
    )


def _told(split: SplitFit) -> tuple[str, ...]:
    """Return what a reader must know of images that several GPUs make."""
    why = (
        f"{split.gpus_per_image} GPUs make each image together, at a higher price, since no "
        f"replica of one GPU meets the objective{_linked(split.calibration.links)}"
    )
    return why, "`python -m measure serve` gives each replica one GPU: joining them is left to you"


def _linked(links: Sequence[Link]) -> str:
    if not links:
        return ""
    slowest = min(links, key=lambda link: link.gb_per_s)
    return f"; timed on GPUs linked at {slowest.gb_per_s:.0f} GB/s"
