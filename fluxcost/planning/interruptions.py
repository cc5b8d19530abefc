"""What a plan on interruptible GPUs adds to the time of an image.

An interruption loses the call in progress, since finished images are kept, and costs the start-up
of another GPU. Both are taken at their mean, at the rate the workload states.
"""

from __future__ import annotations

from dataclasses import replace

from fluxcost.economics.offers import Offer
from fluxcost.economics.uses.spot import lost_per_second
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.planning.paces import Pace
from fluxcost.planning.sizing import Terms


def with_interruptions(timing: Pace, offer: Offer, per_hour: float | None, terms: Terms) -> Pace:
    """Return the timing of images that are finished on an offer, however often it is interrupted.

    Raises:
        InfeasibleError: Hardly any call would be finished.
    """
    if per_hour is None or not offer.is_interruptible:
        return timing
    evidence = f"{per_hour:g} interruptions an hour, stated in the workload"
    rate = Estimate.exact(per_hour, "1/h", Source.ASSUMED, evidence)
    image_s = derive(
        lambda s, used, _rate: (
            s * (1 + lost_per_second(timing.batch * s / used, terms.startup.value, per_hour))
        ),
        timing.image_s,
        terms.utilization,
        rate,
        unit="s",
    )
    return replace(timing, image_s=image_s)


def told_of_interruptions(offer: Offer, per_hour: float | None) -> tuple[str, ...]:
    """Return what a reader of a plan on an offer must know of its interruptions."""
    if per_hour is None or not offer.is_interruptible:
        return ()
    note = (
        f"{offer.id}: the time of an image holds {per_hour:g} interruptions an hour, each a lost "
        "call and a new start, as a mean; a run of bad luck takes longer"
    )
    return (note,)
