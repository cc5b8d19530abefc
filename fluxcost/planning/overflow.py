"""Fewer GPUs than an objective takes, and an API for what they cannot answer in time.

A request that would wait too long goes to the API at once. How soon the API answers nobody has
measured, so such a plan is made only where the workload accepts that (`allow_untimed`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fluxcost.capacity.least import MET, Sizing
from fluxcost.capacity.serving import Serving
from fluxcost.economics.offers import Offer
from fluxcost.estimate import Estimate, derive
from fluxcost.planning.arriving import Crew
from fluxcost.planning.assembly import per_image, rented
from fluxcost.planning.paces import Pace
from fluxcost.planning.plans import Plan
from fluxcost.planning.sizing import rent_fleet
from fluxcost.units import percent, usd

SHARES = (0.25, 0.5, 0.75)
"""Replicas tried, over those the objective takes, besides one and all but one."""


@dataclass(frozen=True, eq=False)
class Short:
    """A fleet too small for all requests.

    Attributes:
        timing: Stack and batch.
        serving: How it answers those it takes.
        over: Share of the requests that it does not take.
    """

    timing: Pace
    serving: Serving
    over: Estimate


def shorts_of(candidates: Iterable[Crew[Sizing]]) -> Iterator[Short]:
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
                    yield Short(candidate.timing, serving, over)


def overflow_plan(
    offer: Offer, shorts: Iterable[Short], api: Plan, images: int, today: dt.date | None
) -> Plan:
    """Return the cheapest plan of an offer with an API for the rest.

    Args:
        offer: What is rented.
        shorts: Fleets on its GPU type, at least one.
        api: The plan that buys all images.
        images: Of a month.
        today: Day the price is judged on.
    """
    made = [_joined(offer, short, api, images, today) for short in shorts]
    return min(made, key=lambda plan: plan.total.high)


def _joined(offer: Offer, short: Short, api: Plan, images: int, today: dt.date | None) -> Plan:
    rental = rent_fleet(offer, short.serving, today)
    own = rented(offer, short.timing, "overflow", rental, images, today, short.serving)
    rest = derive(lambda share, all_usd: share * all_usd, short.over, api.total, unit="USD/month")
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
