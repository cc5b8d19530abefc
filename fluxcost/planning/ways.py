"""Purchase modes for a volume: one job by a deadline, always on, or only while there is work.

To add one, state how it sizes and bills a rental, and which billing kinds cannot be bought in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from fluxcost.economics.billing import HOURS_PER_MONTH
from fluxcost.economics.offers import SECONDS_PER_HOUR, BillingKind, Offer
from fluxcost.planning.legs import Mode
from fluxcost.planning.paces import Pace
from fluxcost.planning.plans import Rejected
from fluxcost.planning.sizing import Job, Rental, Terms, rent_for_job, rent_for_month
from fluxcost.workload import Workload

KEPT_FOR_MONTHS = frozenset({BillingKind.RESERVED, BillingKind.SERVERLESS_ALWAYS_ON})
"""Never rented for a single job."""

SCALED_TO_ZERO = frozenset({BillingKind.SERVERLESS})
"""Bills each start; kept up around the clock, it is sold under another kind."""


def broken_steadiness(offer: Offer) -> Rejected | None:
    """Return why an offer cannot hold replicas that are kept around the clock, or None."""
    if offer.kind in SCALED_TO_ZERO:
        reason = f"sold as {offer.kind}, which is not kept around the clock."
        return Rejected(offer.id, "volume", reason)
    if offer.is_interruptible:
        reason = f"sold as {offer.kind}: replicas that vanish are not sized for an objective."
        return Rejected(offer.id, "objective", reason)
    return None


@dataclass(frozen=True)
class Way:
    """One purchase mode.

    Attributes:
        mode: Its name.
        rent: Sizes and bills it; raises InfeasibleError when time does not suffice.
        not_for: Billing kinds that cannot be bought in this mode.
    """

    mode: Mode
    rent: Callable[[Offer, Pace, Terms], Rental]
    not_for: frozenset[BillingKind]


def ways_for(offer: Offer, workload: Workload) -> tuple[Way, ...]:
    """Return the purchase modes in which an offer can be rented for a workload."""
    return tuple(purchase for purchase in _ways(workload) if offer.kind not in purchase.not_for)


def _ways(workload: Workload) -> tuple[Way, ...]:
    if workload.deadline is not None:
        job = Job(workload.images, workload.deadline.hours * SECONDS_PER_HOUR)
        return (Way("deadline", _by(job), KEPT_FOR_MONTHS),)
    kept = Way("always-on", _around_the_clock(workload.images), SCALED_TO_ZERO)
    if workload.on_demand is None:
        return (kept,)
    starts = workload.on_demand.starts_per_month
    month_s = HOURS_PER_MONTH * SECONDS_PER_HOUR
    job = Job(math.ceil(workload.images / starts), month_s / starts, sessions=starts)
    return kept, Way("on-demand", _by(job), KEPT_FOR_MONTHS)


def _by(job: Job) -> Callable[[Offer, Pace, Terms], Rental]:
    return lambda offer, timing, terms: rent_for_job(
        offer, timing.image_s, timing.batch, job, terms
    )


def _around_the_clock(images: int) -> Callable[[Offer, Pace, Terms], Rental]:
    return lambda offer, timing, terms: rent_for_month(offer, timing.image_s, images, terms)
