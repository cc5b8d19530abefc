"""Break-even: from how many images a month renting a GPU is cheaper than buying from an API.

An instance rented around the clock costs the same whatever it makes. Once it is full, another one
is needed, and the API may be cheaper again over a range of volumes. Rented by the session, the bill
also rises in steps (start-up, billing steps, minimum). There can be several break-even volumes:
`crossings` holds all of them, and `images_per_month` the one of a single instance.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from fluxcost.checks import MOST_IMAGES, refuse_bad_batch, refuse_outside
from fluxcost.economics.break_even.crossings import Crossing, CurvePoint, crossings_of, stretches
from fluxcost.economics.break_even.volumes import (
    SECONDS_PER_MONTH,
    InstancesAndBill,
    Sessions,
    break_even_volume,
    refuse_over,
    rent_all_month,
    rent_by_session,
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
from fluxcost.estimate import Estimate, derive
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
    volume: float, capacity: float, sessions: int | None, crossings: tuple[Crossing, ...]
) -> CheaperSide:
    """Return which side is cheaper.

    Args:
        volume: Images a month from which one instance stays ahead; infinite where it never is.
        capacity: Most images one instance can make in a month.
        sessions: Sessions a month; None where the instance is kept all month.
        crossings: Every change of side.
    """
    if volume > capacity:
        return CheaperSide.BETWEEN if crossings else CheaperSide.NEVER
    # Images come whole: when the first of each session already pays, the API wins at no volume.
    first_images = 1 if sessions is None else sessions
    return CheaperSide.ALWAYS if volume <= first_images else CheaperSide.ABOVE


def cheaper_side_reason(
    verdict: CheaperSide,
    volume: float,
    capacity: float,
    usd_per_image: float,
    crossings: tuple[Crossing, ...],
) -> str:
    """Return the verdict with its numbers, as a sentence."""
    if verdict is CheaperSide.ALWAYS:
        return f"the first image already costs less than the API's {usd_per_image:g} USD."
    if verdict is CheaperSide.ABOVE:
        return stretches(crossings)
    if verdict is CheaperSide.BETWEEN:
        # Beyond its capacity an instance makes nothing more, so a stretch may end there.
        return stretches(crossings, end=capacity)
    if np.isinf(volume):
        return f"GPU time alone costs more per image than the API's {usd_per_image:g} USD."
    return (
        f"the bills would meet at {volume:,.0f} images a month and one instance makes at most "
        f"{capacity:,.0f}; more instances raise rent and output alike."
    )


@dataclass(frozen=True, eq=False)
class BreakEven:
    """From how many images a month renting one instance beats an API.

    Attributes:
        offer: Id of the offer.
        tariff: Id of the tariff.
        shape: What is asked of the model.
        batch: Images per call.
        sessions: How often the instance is started; None when it runs all month.
        verdict: Which is cheaper.
        reason: The verdict with its numbers, as a sentence anyone can read.
        crossings: Every volume at which the cheaper side changes, rising; with several instances
            where they run all month, within the capacity of one where rented by the session. A
            change that lasts less than an image of each session is none.
        required_utilization: Share of rented time that must make images for GPU time alone to cost
            what the API charges; over 1 it cannot.
        tariff_usd_per_image: USD per image at the API.
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
        api = self.tariff_usd_per_image.scaled(images, "USD/month")
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
        if self.sessions is None:
            volumes = volumes_up_to(most, points, capacity)
        else:
            volumes = volumes_up_to(max(2, min(most, math.floor(capacity))), points, math.inf)
        return tuple(self.at(volume) for volume in volumes)

    def _bill(self, images: int) -> InstancesAndBill:
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
        sessions: None keeps the instance all month; otherwise it is rented while there is work.
        today: Day the prices are judged on; UTC today unless given.

    Raises:
        InputError: utilization or batch is out of range, the fit is of another GPU, the offer may
            be interrupted, the API does not make this shape, or start-up alone fills the month.
        MissingDataError: A price is not published.
    """
    refuse_other_gpu(fit, offer)
    refuse_spot(offer)
    refuse_bad_batch(batch)
    api = tariff.usd_per_image(shape, today)
    used = as_utilization(utilization)
    seconds = derive(
        lambda per_s, share: 1 / (per_s * share * offer.gpu_count),
        fit.throughput(shape, batch=batch),
        used,
        unit="s/image",
    )
    usable_s = SECONDS_PER_MONTH if sessions is None else sessions.usable_s_per_month
    capacity = derive(lambda s: usable_s / s, seconds, unit="images/month")
    rent = offer.price_estimate(today).scaled(offer.gpu_count, "USD/h")
    volume = break_even_volume(offer, sessions, rent, api, seconds)
    most = None if sessions is None else capacity.value
    crossings = crossings_of(
        stairs_of(offer, sessions, rent, api, seconds), rent, api, seconds, most
    )
    count = None if sessions is None else sessions.per_month
    verdict = cheaper_side_of(volume.point, capacity.value, count, crossings)
    single = volume.within(capacity) if verdict in ONE_VOLUME else None
    if single is not None and len(crossings) == 1:
        # The only crossing is that volume, whose draws may cross on other steps of rent.
        crossings = (Crossing("rent", single),)
    return BreakEven(
        offer=offer.id,
        tariff=tariff.id,
        shape=shape,
        batch=batch,
        sessions=sessions,
        verdict=verdict,
        reason=cheaper_side_reason(verdict, volume.point, capacity.value, api.value, crossings),
        crossings=crossings,
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
        probability=float(np.mean(volume.draws <= capacity.draws)),
        caveats=(*_other_model(fit, tariff), *offer.caveats(today), *tariff.caveats(today)),
        _offer=offer,
        _rent=rent,
        _seconds=seconds,
        _volume=single,
    )


def _other_model(fit: Timed, tariff: Tariff) -> tuple[str, ...]:
    calibration = calibration_of(fit)
    if calibration is None or calibration.model == tariff.model:
        return ()
    return (f"{tariff.id}: pictures of {tariff.model}, compared with {calibration.model}",)
