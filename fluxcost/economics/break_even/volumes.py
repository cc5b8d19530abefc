"""A month's bill on rented instances, and the volume from which one costs less than an API.

Kept all month, the bill of an instance is a constant, that of a reserved one its share of the term.
Rented by the session it rises in steps, and the last crossing with the API's bill counts. A
serverless offer is billed for the time it works.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.economics.api_bill_curve import ApiBillCurve
from fluxcost.economics.break_even.crossings import Stairs, met
from fluxcost.economics.cost import Timed
from fluxcost.economics.ledger import upfront_usd_per_hour
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, BillingKind, Offer
from fluxcost.economics.rental import (
    ROUNDING_SLACK,
    billed_seconds,
    billing_step_s,
    instances_for,
    session_overhead_s,
)
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import DRAWS, Draws, Estimate, Source, derive
from fluxcost.performance.fit import Fit
from fluxcost.performance.scaling.host_contention import host_efficiency, untimed_note
from fluxcost.workload.shape import Shape

SECONDS_PER_MONTH = HOURS_PER_MONTH * SECONDS_PER_HOUR

InstancesAndBill = tuple[Estimate, Estimate]
"""Instances, and USD of the month."""


def rent_of_fleet(offer: Offer, gpus: int, today: dt.date | None = None) -> Estimate:
    """Return USD of a month for the fewest whole instances that hold so many GPUs, kept all month.

    Args:
        offer: What is rented.
        gpus: GPUs, one a replica.
        today: Day the price is judged on; UTC today unless given.

    Raises:
        InputError: gpus is under 1.
        MissingDataError: The offer has no published price.
    """
    rented = instances_for(offer, gpus) * offer.gpu_count
    return offer.price_estimate(today).scaled(rented * HOURS_PER_MONTH, "USD/month")


def rent_all_month(images: int, image_s: Estimate, usd_per_hour: Estimate) -> InstancesAndBill:
    """Return the bill of as many instances, kept all month, as each draw needs.

    Args:
        images: Images of the month.
        image_s: Seconds an image takes an instance.
        usd_per_hour: USD per instance-hour.
    """
    instances = derive(
        lambda s: np.ceil(images * s / SECONDS_PER_MONTH * (1 - ROUNDING_SLACK)),
        image_s,
        unit="instances",
    )
    rent = derive(
        lambda count, usd: count * HOURS_PER_MONTH * usd, instances, usd_per_hour, unit="USD/month"
    )
    return instances, rent


def rent_by_session(
    images_a_session: float,
    sessions: int,
    offer: Offer,
    startup_s: float,
    image_s: Estimate,
    usd_per_hour: Estimate,
) -> InstancesAndBill:
    """Return the bill of one instance started so often a month, each time for as many images."""
    billed = derive(
        lambda s: billed_seconds(offer, running_s=images_a_session * s, startup_s=startup_s),
        image_s,
        unit="s",
    )
    rent = derive(
        lambda seconds, usd: sessions * seconds / SECONDS_PER_HOUR * usd,
        billed,
        usd_per_hour,
        unit="USD/month",
    )
    return Estimate.exact(1.0, "instances", Source.ASSUMED, "rented by the session"), rent


def rent_by_the_second(
    images: int, offer: Offer, image_s: Estimate, usd_per_hour: Estimate
) -> InstancesAndBill:
    """Return the bill of a serverless offer for the time it works, as one start without cold start.

    Args:
        images: Images of the month.
        offer: Says step, minimum and billed phases.
        image_s: Seconds an image takes an instance.
        usd_per_hour: USD per instance-hour.
    """
    instances, _ = rent_all_month(images, image_s, usd_per_hour)
    _, rent = rent_by_session(images, 1, offer, 0.0, image_s, usd_per_hour)
    return instances, rent


def refuse_over(images: int, capacity: float) -> None:
    """Raise when one instance cannot make so many images a month.

    Raises:
        InfeasibleError: It cannot.
    """
    if images > capacity * (1 + ROUNDING_SLACK):
        raise InfeasibleError(
            f"images is {images:,} and one instance makes at most {capacity:,.0f} a month; "
            "keep instances all month, or plan the volume."
        )


def volumes_up_to(most: int, points: int, step: float) -> tuple[int, ...]:
    """Return volumes evenly spaced from 1 to the most, and both sides of every step between.

    Args:
        most: The last volume, at least 2.
        points: Evenly spaced, at least 2; a step adds two.
        step: Images after which the curve jumps; infinite where it does not.

    Raises:
        InputError: most is under 2, or points is.
    """
    for field, value in (("most", most), ("points", points)):
        if isinstance(value, bool) or value < 2:
            raise InputError(f"{field} is {value!r}; expected at least 2.")
    volumes = {round(volume) for volume in np.linspace(1, most, points)}
    # As many jumps as points would hide each other on any screen.
    jumps = (step * count for count in range(1, points))
    for jump in itertools.takewhile(lambda volume: volume < most, jumps):
        volumes |= {max(1, math.floor(jump)), math.floor(jump) + 1}
    return tuple(sorted(volumes))


@dataclass(frozen=True)
class Sessions:
    """Renting only while there is work.

    Attributes:
        per_month: Times a month an instance is started, each for an equal share of the images.
        startup_s: Seconds from the request for a machine until the first image can start.

    Raises:
        InputError: per_month is under 1 or startup_s is negative.
    """

    per_month: int
    startup_s: float

    def __post_init__(self) -> None:
        if isinstance(self.per_month, bool) or not 1 <= self.per_month <= 100_000:
            raise InputError(f"per_month is {self.per_month!r}; expected 1 to 100000 sessions.")
        if not 0 <= self.startup_s <= SECONDS_PER_MONTH:
            raise InputError(f"startup_s is {self.startup_s!r}; expected seconds within a month.")

    @property
    def usable_s_per_month(self) -> float:
        """Seconds of a month that start-up leaves.

        Raises:
            InputError: Start-up alone fills the month.
        """
        usable_s = SECONDS_PER_MONTH - self.startup_s * self.per_month
        if usable_s <= 0:
            raise InputError(
                f"startup_s is {self.startup_s:g} and per_month {self.per_month}: start-up alone "
                "fills the month; start less often."
            )
        return usable_s


@dataclass(frozen=True, eq=False)
class BreakEvenVolume:
    """A break-even volume that may be infinite, which an estimate may not.

    Attributes:
        point: Images a month at the point estimates.
        draws: The same in each draw.
        inputs: What it rests on.
    """

    point: float
    draws: Draws
    inputs: tuple[Estimate, ...]

    def of_whole_images(self, crossing: Estimate) -> BreakEvenVolume:
        """Return it at an earlier crossing, where the API wins at no whole image after that."""
        if crossing.value >= self.point * (1 - ROUNDING_SLACK):
            return self
        draws = np.where(np.isfinite(self.draws), crossing.draws, np.inf)
        return BreakEvenVolume(crossing.value, draws, self.inputs)

    def within(self, capacity: Estimate) -> Estimate:
        """Return it as an estimate, with the draws cut at the capacity."""
        source = Source.weakest(estimate.source for estimate in self.inputs)
        evidence = dict.fromkeys(line for estimate in self.inputs for line in estimate.evidence)
        draws = np.minimum(self.draws, capacity.draws)
        return Estimate(self.point, "images/month", source, tuple(evidence), draws)


def instance_seconds(
    fit: Timed, offer: Offer, shape: Shape, batch: int, utilization: Estimate
) -> tuple[Estimate, tuple[str, ...]]:
    """Return the seconds an image takes an instance, and what a reader must know of them.

    The replicas of one host lose to each other what `host_efficiency` says, as in a plan.

    Args:
        fit: Timings on the offer's GPU.
        offer: Says how many GPUs an instance has.
        shape: What is asked of the model.
        batch: Images per call.
        utilization: Share of running time in which the GPUs make images.
    """
    notes: tuple[str, ...] = ()
    count = offer.gpu_count
    rate = fit.throughput(shape, batch=batch)
    if count > 1 and isinstance(fit, Fit):
        efficiency = host_efficiency(fit, shape, batch, count)
        if efficiency is None:
            notes = (untimed_note(fit.calibration.alias, count),)
        else:
            rate = derive(lambda alone, share: alone * share, rate, efficiency, unit="images/s")
    seconds = derive(
        lambda per_s, used: 1 / (per_s * used * count), rate, utilization, unit="s/image"
    )
    return seconds, notes


def is_by_the_second(offer: Offer, sessions: Sessions | None) -> bool:
    """Return whether an offer is billed for the time it is used, whoever starts it and when."""
    return sessions is None and offer.kind is BillingKind.SERVERLESS


def is_kept(offer: Offer, sessions: Sessions | None) -> bool:
    """Return whether whole instances are kept all month."""
    return sessions is None and not is_by_the_second(offer, sessions)


def rent_per_hour(offer: Offer, today: dt.date | None) -> Estimate:
    """Return USD per instance-hour, with what a commitment takes up front spread over its term.

    Raises:
        MissingDataError: The vendor publishes no price.
    """
    upfront = upfront_usd_per_hour(offer)
    price = offer.price_estimate(today)
    return derive(lambda usd: usd * offer.gpu_count + upfront, price, unit="USD/h")


def refuse_sessions_of_a_term(offer: Offer, sessions: Sessions | None) -> None:
    """Raise when an offer that is paid for a term is to be rented by the session.

    Raises:
        InputError: It is.
    """
    if sessions is None or offer.kind is not BillingKind.RESERVED:
        return
    term = "" if offer.commitment is None else f" for a term of {offer.commitment.term_hours:,g} h"
    raise InputError(
        f"sessions are given and {offer.id} is reserved{term}, paid whether used or not; leave "
        "sessions out, which keeps it all month, or choose an on-demand offer."
    )


def break_even_volume(
    offer: Offer,
    sessions: Sessions | None,
    stairs: Stairs,
    rent: Estimate,
    seconds: Estimate,
) -> BreakEvenVolume:
    """Return the volume from which renting stays ahead, or, kept all month, first is.

    Where the API sells credits in packs, which step of rent is the last to be crossed is settled
    at the point estimates, as it is for whole months; otherwise each draw has its own.

    Args:
        offer: Says step, minimum and billed phases.
        sessions: How often the instance is started; None when it is kept all month or serverless.
        stairs: The staircase of rent and the API's bill, at the point estimates.
        rent: USD per instance-hour.
        seconds: Seconds an image takes an instance.
    """
    price = stairs.api.price
    if is_kept(offer, sessions):
        volume = met(stairs, instances_at_break_even(stairs) * SECONDS_PER_MONTH, rent)
        return BreakEvenVolume(volume.value, volume.draws, (rent, price))
    inputs = (rent, price, seconds)
    if stairs.api.packs is not None:
        return _with_packs(stairs, rent, seconds)
    draws = _last_crossing(stairs, rent.draws / price.draws, seconds.draws)
    point = float(_last_crossing(stairs, rent.value, seconds.value))
    return BreakEvenVolume(point, draws, inputs)


def instances_at_break_even(stairs: Stairs) -> int:
    """Return how many instances, kept all month, are the fewest to overtake the API; 1 if none."""
    spans = (span_s for becomes, span_s in stairs.crossings() if becomes == "rent")
    return round(next(spans, SECONDS_PER_MONTH) / SECONDS_PER_MONTH)


def stairs_of(
    offer: Offer, sessions: Sessions | None, rent: Estimate, api: ApiBillCurve, seconds: Estimate
) -> Stairs:
    """Return the staircase of rent and the API's bill at the point estimates."""
    kept = is_kept(offer, sessions)
    startup_s = 0.0 if sessions is None else sessions.startup_s
    return Stairs(
        step_s=SECONDS_PER_MONTH if kept else billing_step_s(offer),
        overhead_s=0.0 if kept else session_overhead_s(offer, startup_s),
        minimum_s=0.0 if kept else offer.billing.minimum_s or 0.0,
        sessions=1 if sessions is None else sessions.per_month,
        usd_per_s=rent.value / SECONDS_PER_HOUR,
        image_s=seconds.value,
        api=api,
    )


def _with_packs(stairs: Stairs, rent: Estimate, seconds: Estimate) -> BreakEvenVolume:
    """Return the last crossing with a bill of packs, its step settled at the point estimates."""
    price = stairs.api.price
    inputs = (rent, price, seconds)
    each = stairs.api.further_usd_per_image
    wins = each * price.draws > rent.draws / SECONDS_PER_HOUR * seconds.draws
    if each <= rent.value / SECONDS_PER_HOUR * seconds.value:
        return BreakEvenVolume(math.inf, np.full(DRAWS, math.inf), inputs)
    becomes, span_s = stairs.first_side, 0.0
    for becomes, span_s in stairs.crossings():  # noqa: B007 - the last of them counts
        pass
    if becomes == "api":
        return BreakEvenVolume(math.inf, np.full(DRAWS, math.inf), inputs)
    volume = met(stairs, span_s, rent)
    return BreakEvenVolume(volume.value, np.where(wins, volume.draws, np.inf), inputs)


def _last_crossing(stairs: Stairs, usd_per_hour: Any, seconds: Any) -> Draws:  # noqa: ANN401 - floats or draws
    """Return the last crossing of the API's bill with the staircase of session bills.

    Just after the jump to step k the API's bill is still lower iff it is for both of its lines, see
    `crossings`: for one that rises faster than GPU time costs up to a step, for a slower one from a
    step on. The largest such k is the last step on which the API starts out cheaper; on its flat
    top the bill catches up. A minimum is one more flat top. Where no line is faster, never.

    Args:
        stairs: Steps, sessions and the API's bill.
        usd_per_hour: Rent of an instance over the draw of the API's price.
        seconds: Seconds of an image.
    """
    usd_per_s = np.asarray(usd_per_hour / SECONDS_PER_HOUR)
    up_to = np.full(usd_per_s.shape, np.inf)
    beyond = np.full(usd_per_s.shape, -np.inf)
    for base, each in stairs.api.lines:
        margin = np.asarray(each - usd_per_s * seconds)
        value = each * (stairs.step_s + stairs.overhead_s) - base * seconds / stairs.sessions
        bound = value / (stairs.step_s * np.where(margin == 0, 1.0, margin))
        up_to = np.where(margin > 0, np.minimum(up_to, bound), up_to)
        beyond = np.where(margin < 0, np.maximum(beyond, bound), beyond)
    wins = np.isfinite(up_to)
    last_step = np.ceil(np.where(wins, up_to, 0.0) * (1 - ROUNDING_SLACK)) - 1
    last_step = np.where(last_step > beyond, np.maximum(last_step, 0.0), 0.0)
    billed_s = np.maximum(last_step * stairs.step_s, stairs.minimum_s)
    images = stairs.api.images_at(usd_per_s * billed_s * stairs.sessions)
    return np.where(wins, images, np.inf)
