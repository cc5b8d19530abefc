"""Break-even: from how many images a month renting a GPU is cheaper than buying from an API.

An instance rented around the clock costs the same whatever it makes. Once it is full, another one
is needed, and the API may be cheaper again over a range of volumes. Rented by the session, the bill
also rises in steps (start-up, billing steps, minimum); a serverless offer is billed for the time it
works. The API's bill is that of `api_bill`, with fees, included use, packs and free quotas. There
can be several break-even volumes:
`crossings` holds all of them, and `images_per_month` the one of a single instance.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from fluxcost.checks import MOST_IMAGES, refuse_bad_batch, refuse_outside
from fluxcost.economics.api_bill import api_bill_curve
from fluxcost.economics.api_bill_curve import ApiBillCurve
from fluxcost.economics.break_even.crossings import (
    Cheaper,
    Crossing,
    CurvePoint,
    Stairs,
    crossings_of,
    stretches,
)
from fluxcost.economics.break_even.volumes import (
    SECONDS_PER_MONTH,
    InstancesAndBill,
    Sessions,
    break_even_volume,
    instance_seconds,
    instances_at_break_even,
    is_by_the_second,
    is_kept,
    refuse_over,
    refuse_sessions_of_a_term,
    rent_all_month,
    rent_by_session,
    rent_by_the_second,
    rent_per_hour,
    stairs_of,
    volumes_up_to,
)
from fluxcost.economics.cost import (
    Timed,
    as_utilization,
    calibration_of,
    refuse_other_gpu,
    refuse_spot,
    shape_dict,
)
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InfeasibleError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.workload.shape import Shape


class CheaperSide(StrEnum):
    """Renting is cheaper above a volume, from the first image, only between volumes, or at none."""

    ABOVE = "above"
    ALWAYS = "always"
    BETWEEN = "between"
    NEVER = "never"


ONE_VOLUME = frozenset({CheaperSide.ABOVE, CheaperSide.ALWAYS})
"""Verdicts that come with one volume."""


def cheaper_side_of(
    volume: float, limit: float, sessions: int | None, sides: Sides, *, kept: bool
) -> CheaperSide:
    """Return which side is cheaper.

    Args:
        volume: Images a month from which renting stays ahead; infinite where it never is.
        limit: Most images that can be made in a month.
        sessions: Sessions a month; None where none are stated.
        sides: Every change of side.
        kept: Whether instances are kept all month.
    """
    ahead = sides.last == "rent" if kept else volume <= limit or sides.only == "rent"
    if not ahead:
        return CheaperSide.NEVER if sides.only == "api" else CheaperSide.BETWEEN
    # Images come whole: when the first of each session already pays, the API wins at no volume.
    first_images = 1 if sessions is None else sessions
    always = sides.only == "rent" or volume <= first_images
    return CheaperSide.ALWAYS if always else CheaperSide.ABOVE


@dataclass(frozen=True, eq=False)
class Sides:
    """Which side is cheaper, from the first image on.

    Attributes:
        first: Before the first crossing.
        crossings: Every change.
    """

    first: Cheaper
    crossings: tuple[Crossing, ...]

    @property
    def last(self) -> Cheaper:
        """Which side is cheaper after the last crossing."""
        return self.crossings[-1].becomes if self.crossings else self.first

    @property
    def only(self) -> Cheaper | None:
        """Which side is cheaper at all volumes; None where that changes."""
        return None if self.crossings else self.first


def cheaper_side_reason(
    verdict: CheaperSide, volume: float, capacity: Estimate, stairs: Stairs, sides: Sides
) -> str:
    """Return the verdict with its numbers, as a sentence."""
    if verdict is CheaperSide.ALWAYS:
        first_usd = float(stairs.api.usd(1.0))
        return f"the first image already costs less than the API's {first_usd:g} USD."
    if verdict is CheaperSide.ABOVE:
        return stretches(sides.crossings)
    if verdict is CheaperSide.BETWEEN:
        # Beyond its capacity an instance makes nothing more, so a stretch may end there.
        end = capacity.value if sides.last == "rent" else None
        return stretches(sides.crossings, end=end)
    if np.isinf(volume):
        each = stairs.api.further_usd_per_image
        return f"GPU time alone costs more per image than the API's {each:g} USD."
    return (
        f"the bills would meet at {volume:,.0f} images a month and one instance makes at most "
        f"{capacity.value:,.0f}; more instances raise rent and output alike."
    )


@dataclass(frozen=True, eq=False)
class BreakEven:
    """From how many images a month renting one instance beats an API.

    Attributes:
        offer: Id of the offer.
        tariff: Id of the tariff.
        shape: What is asked of the model.
        batch: Images per call.
        sessions: How often the instance is started; None when it runs all month, or is serverless.
        verdict: Which is cheaper.
        reason: The verdict with its numbers, as a sentence anyone can read.
        crossings: Every volume at which the cheaper side changes, rising; with several instances
            where they run all month, within the capacity of one where rented by the session. A
            change that lasts less than an image of each session is none.
        required_utilization: Share of rented time that must make images for GPU time alone to cost
            what the API charges; over 1 it cannot.
        tariff_usd_per_image: USD per image at the API, at full use of a subscription and beyond a
            free quota; `at` gives its bill.
        capacity_images_per_month: Most images one instance can make in a month.
        probability: Share of the draws in which renting stays ahead from a volume within
            that capacity on.
        caveats: What a reader must know about the two prices.
    """

    offer: str
    tariff: str
    shape: Shape
    batch: int
    sessions: Sessions | None
    verdict: CheaperSide
    reason: str
    crossings: tuple[Crossing, ...]
    required_utilization: Estimate
    tariff_usd_per_image: Estimate
    capacity_images_per_month: Estimate
    probability: float
    caveats: tuple[str, ...]
    _offer: Offer = field(repr=False)
    _rent: Estimate = field(repr=False)
    _seconds: Estimate = field(repr=False)
    _stairs: Stairs = field(repr=False)
    _volume: Estimate | None = field(repr=False)

    @property
    def images_per_month(self) -> Estimate:
        """Volume from which one instance wins; where renting never does, the draw is its capacity.

        By the session it is the last crossing. What further instances change is in `crossings`.

        Raises:
            InfeasibleError: The verdict is never, or between, which has no single volume.
        """
        if self._volume is None:
            raise InfeasibleError(f"there is no break-even volume: {self.reason}")
        return self._volume

    def at(self, images: int) -> CurvePoint:
        """Return both bills of a month at a volume.

        Kept all month, as many instances as each draw needs; by the session one instance, which
        in a draw slower than the point estimate may be billed for more than a month.

        Raises:
            InputError: images is under 1.
            InfeasibleError: One instance rented by the session cannot make so many.
        """
        refuse_outside("images", images, 1, MOST_IMAGES)
        instances, rent = self._bill(images)
        api = self._stairs.api.estimate(images, "USD/month")
        return CurvePoint(images, instances, rent, api, float(np.mean(rent.draws < api.draws)))

    def curve(self, most: int | None = None, points: int = 100) -> tuple[CurvePoint, ...]:
        """Return both bills over a range of volumes, jumps of the rent on both sides.

        Args:
            most: Largest volume; unless given, twice the first crossing, or the capacity of one
                instance where there is none. By the session it is cut at that capacity.
            points: Volumes evenly spaced, at least 2.

        Raises:
            InputError: most or points is under 2.
        """
        capacity = self.capacity_images_per_month.value
        if most is None:
            first = self.crossings[0].images_per_month.value if self.crossings else capacity / 2
            most = max(2, math.ceil(2 * first))
        if is_by_the_second(self._offer, self.sessions):
            volumes = volumes_up_to(most, points, math.inf)
        elif self.sessions is None:
            volumes = volumes_up_to(most, points, capacity)
        else:
            volumes = volumes_up_to(max(2, min(most, math.floor(capacity))), points, math.inf)
        return tuple(self.at(volume) for volume in volumes)

    def _bill(self, images: int) -> InstancesAndBill:
        if is_by_the_second(self._offer, self.sessions):
            return rent_by_the_second(images, self._offer, self._seconds, self._rent)
        if self.sessions is None:
            return rent_all_month(images, self._seconds, self._rent)
        refuse_over(images, self.capacity_images_per_month.value)
        per_month, startup_s = self.sessions.per_month, self.sessions.startup_s
        each = images / per_month
        return rent_by_session(each, per_month, self._offer, startup_s, self._seconds, self._rent)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values; without a volume when the verdict has none."""
        volume = {} if self._volume is None else {"images_per_month": self._volume.to_dict()}
        sessions = None if self.sessions is None else vars(self.sessions)
        return {
            "offer": self.offer,
            "tariff": self.tariff,
            "shape": shape_dict(self.shape),
            "batch": self.batch,
            "sessions": sessions,
            "verdict": str(self.verdict),
            "reason": self.reason,
            **volume,
            "crossings": [crossing.to_dict() for crossing in self.crossings],
            "required_utilization": self.required_utilization.to_dict(),
            "tariff_usd_per_image": self.tariff_usd_per_image.to_dict(),
            "capacity_images_per_month": self.capacity_images_per_month.to_dict(),
            "probability": self.probability,
            "caveats": list(self.caveats),
        }


def break_even(
    fit: Timed,
    offer: Offer,
    tariff: Tariff,
    shape: Shape,
    *,
    batch: int = 1,
    utilization: float | Estimate,
    sessions: Sessions | None = None,
    today: dt.date | None = None,
) -> BreakEven:
    """Return from how many images a month one rented instance beats an API.

    Args:
        fit: Timings on the offer's GPU.
        offer: What is rented, one whole instance.
        tariff: What the API charges.
        shape: What is asked of the model.
        batch: Images per call.
        utilization: Largest share of running time, start-up aside, in which the GPUs make
            images. It has no default.
        sessions: None keeps the instance all month, a reserved one for its share of the term, or
            bills a serverless one for the time it works; otherwise it is rented while there is
            work, with a start-up each.
        today: Day the prices are judged on; UTC today unless given.

    Raises:
        InputError: utilization or batch is out of range, the fit is of another GPU, the offer may
            be interrupted or is reserved and sessions are given, the API does not make this shape,
            or start-up alone fills the month.
        MissingDataError: A price is not published.
    """
    refuse_other_gpu(fit, offer)
    refuse_spot(offer)
    refuse_bad_batch(batch)
    refuse_sessions_of_a_term(offer, sessions)
    api = tariff.usd_per_image(shape, today)
    curve = api_bill_curve(tariff, ((shape, 1.0),), today=today)
    used = as_utilization(utilization)
    seconds, untimed = instance_seconds(fit, offer, shape, batch, used)
    usable_s = SECONDS_PER_MONTH if sessions is None else sessions.usable_s_per_month
    capacity = derive(lambda s: usable_s / s, seconds, unit="images/month")
    rent = rent_per_hour(offer, today)
    stairs = stairs_of(offer, sessions, rent, curve, seconds)
    volume = break_even_volume(offer, sessions, stairs, rent, seconds)
    most = None if sessions is None else capacity.value
    sides = Sides(stairs.first_side, crossings_of(stairs, rent, seconds, most))
    limit = _limit(offer, sessions, stairs, capacity)
    count = None if sessions is None else sessions.per_month
    kept = is_kept(offer, sessions)
    verdict = cheaper_side_of(volume.point, limit.value, count, sides, kept=kept)
    if sides.only == "rent":
        volume = replace(volume, point=0.0)
    elif not kept and sides.last == "rent" and verdict in ONE_VOLUME:
        volume = volume.of_whole_images(sides.crossings[-1].images_per_month)
    single = volume.within(limit) if verdict in ONE_VOLUME else None
    if single is not None and [each.becomes for each in sides.crossings] == ["rent"]:
        # The only crossing is that volume, whose draws may cross on other steps of rent.
        sides = replace(sides, crossings=(Crossing("rent", single),))
    return BreakEven(
        offer=offer.id,
        tariff=tariff.id,
        shape=shape,
        batch=batch,
        sessions=sessions,
        verdict=verdict,
        reason=cheaper_side_reason(verdict, volume.point, capacity, stairs, sides),
        crossings=sides.crossings,
        required_utilization=derive(
            lambda usd, used, s, each: usd / SECONDS_PER_HOUR * s * used / each,
            rent,
            used,
            seconds,
            api,
            unit="1",
        ),
        tariff_usd_per_image=api,
        capacity_images_per_month=capacity,
        probability=float(np.mean(volume.draws <= limit.draws)),
        caveats=(
            *_other_model(fit, tariff),
            *untimed,
            *_billed_as(offer, sessions),
            *_bought_as(tariff, curve),
            *offer.caveats(today),
            *tariff.caveats(today),
        ),
        _offer=offer,
        _rent=rent,
        _seconds=seconds,
        _stairs=stairs,
        _volume=single,
    )


def _limit(offer: Offer, sessions: Sessions | None, stairs: Stairs, capacity: Estimate) -> Estimate:
    """Return the most images of those instances that the break-even volume is asked for."""
    if is_kept(offer, sessions):
        return capacity.scaled(instances_at_break_even(stairs), "images/month")
    if is_by_the_second(offer, sessions):
        evidence = "workers are started as they are needed"
        return Estimate.exact(MOST_IMAGES, "images/month", Source.ASSUMED, evidence)
    return capacity


def _billed_as(offer: Offer, sessions: Sessions | None) -> tuple[str, ...]:
    if is_by_the_second(offer, sessions):
        return (
            f"{offer.id}: billed for the time it works, without cold starts; sessions add theirs",
        )
    if offer.commitment is not None:
        hours = offer.commitment.term_hours
        return (f"{offer.id}: bought for a term of {hours:,g} h, billed whole, used or not",)
    return ()


def _bought_as(tariff: Tariff, curve: ApiBillCurve) -> tuple[str, ...]:
    if curve.is_proportional:
        return ()
    return (f"{tariff.id}: billed with its fee, packs and free quota, not by the image alone",)


def _other_model(fit: Timed, tariff: Tariff) -> tuple[str, ...]:
    calibration = calibration_of(fit)
    if calibration is None or calibration.model == tariff.model:
        return ()
    return (f"{tariff.id}: pictures of {tariff.model}, compared with {calibration.model}",)
