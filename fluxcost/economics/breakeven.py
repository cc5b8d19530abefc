"""Break-even: from how many images a month renting a GPU is cheaper than buying from an API.

Rented around the clock, an instance costs the same whatever it makes, so the volumes divide; once
it is full, another is needed and the API may be cheaper again for a while. Rented by the session,
the bill is a staircase too (start-up, billing steps, minimum). So there can be several break-even
volumes: `crossings` has all of them, `images_per_month` the one of a single instance.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from fluxcost.economics.billing import (
    HOURS_PER_MONTH,
    ROUNDING_SLACK,
    billing_step_s,
    session_overhead_s,
)
from fluxcost.economics.cost import (
    Timed,
    as_utilization,
    calibration_of,
    refuse_bad_batch,
    refuse_other_gpu,
    shape_dict,
)
from fluxcost.economics.curve import Crossing, CurvePoint, Stairs, crossings_of, stretches
from fluxcost.economics.monthly import (
    SECONDS_PER_MONTH,
    Bill,
    kept_all_month,
    one_by_the_session,
    refuse_over,
    volumes_up_to,
)
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import Draws, Estimate, Source, derive
from fluxcost.workload import Shape


class Verdict(StrEnum):
    """Renting is cheaper above a volume, from the first image, only between volumes, or at none."""

    ABOVE = "above"
    ALWAYS = "always"
    BETWEEN = "between"
    NEVER = "never"


SINGLE = frozenset({Verdict.ABOVE, Verdict.ALWAYS})
"""Verdicts that come with one volume."""


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
        probability: Share of the worlds drawn in which renting stays ahead from a volume within
            that capacity on.
        caveats: What a reader must know about the two prices.
    """

    offer: str
    tariff: str
    shape: Shape
    batch: int
    sessions: Sessions | None
    verdict: Verdict
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

        Kept all month, as many instances as each world needs; by the session one instance, which
        in a world slower than the point estimate may be billed for more than a month.

        Raises:
            InputError: images is under 1.
            InfeasibleError: One instance rented by the session cannot make so many.
        """
        if isinstance(images, bool) or images < 1:
            raise InputError(f"images is {images!r}; expected at least 1.")
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

    def _bill(self, images: int) -> Bill:
        if self.sessions is None:
            return kept_all_month(images, self._seconds, self._rent)
        refuse_over(images, self.capacity_images_per_month.value)
        per_month, startup_s = self.sessions.per_month, self.sessions.startup_s
        each = images / per_month
        return one_by_the_session(
            each, per_month, self._offer, startup_s, self._seconds, self._rent
        )

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
        InputError: utilization or batch is out of range, the fit is of another GPU, the API does
            not make this shape, or start-up alone fills the month.
        MissingDataError: A price is not published.
    """
    refuse_other_gpu(fit, offer)
    refuse_bad_batch(batch)
    api = tariff.usd_per_image(shape, today)
    used = as_utilization(utilization)
    seconds = derive(
        lambda per_s, share: 1 / (per_s * share * offer.gpu_count),
        fit.throughput(shape, batch=batch),
        used,
        unit="s/image",
    )
    usable_s = _usable_s_per_month(sessions)
    capacity = derive(lambda s: usable_s / s, seconds, unit="images/month")
    rent = offer.price_estimate(today).scaled(offer.gpu_count, "USD/h")
    volume = _volume(offer, sessions, rent, api, seconds)
    most = None if sessions is None else capacity.value
    crossings = crossings_of(_stairs(offer, sessions, rent, api, seconds), rent, api, seconds, most)
    verdict = _verdict(volume.point, capacity.value, sessions, crossings)
    return BreakEven(
        offer=offer.id,
        tariff=tariff.id,
        shape=shape,
        batch=batch,
        sessions=sessions,
        verdict=verdict,
        reason=_reason(verdict, volume.point, capacity.value, api.value, crossings),
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
        probability=float(np.mean(volume.worlds <= capacity.draws)),
        caveats=(*_other_model(fit, tariff), *offer.caveats(today), *tariff.caveats(today)),
        _offer=offer,
        _rent=rent,
        _seconds=seconds,
        _volume=volume.within(capacity) if verdict in SINGLE else None,
    )


@dataclass(frozen=True, eq=False)
class _Volume:
    """A break-even volume that may be infinite, which an estimate may not."""

    point: float
    worlds: Draws
    inputs: tuple[Estimate, ...]

    def within(self, capacity: Estimate) -> Estimate:
        """Return it as an estimate, with the draws cut at the capacity."""
        source = Source.weakest(estimate.source for estimate in self.inputs)
        evidence = dict.fromkeys(line for estimate in self.inputs for line in estimate.evidence)
        draws = np.minimum(self.worlds, capacity.draws)
        return Estimate(self.point, "images/month", source, tuple(evidence), draws)


def _volume(
    offer: Offer, sessions: Sessions | None, rent: Estimate, api: Estimate, seconds: Estimate
) -> _Volume:
    crossing = _whole_month if sessions is None else _staircase(offer, sessions)
    worlds = crossing(rent.draws, api.draws, seconds.draws)
    point = float(crossing(rent.value, api.value, seconds.value))
    inputs = (rent, api) if sessions is None else (rent, api, seconds)
    return _Volume(point, worlds, inputs)


def _stairs(
    offer: Offer, sessions: Sessions | None, rent: Estimate, api: Estimate, seconds: Estimate
) -> Stairs:
    return Stairs(
        step_s=SECONDS_PER_MONTH if sessions is None else billing_step_s(offer),
        overhead_s=0.0 if sessions is None else session_overhead_s(offer, sessions.startup_s),
        minimum_s=0.0 if sessions is None else offer.billing.minimum_s or 0.0,
        sessions=1 if sessions is None else sessions.per_month,
        usd_per_s=rent.value / SECONDS_PER_HOUR,
        image_s=seconds.value,
        usd_per_image=api.value,
    )


def _other_model(fit: Timed, tariff: Tariff) -> tuple[str, ...]:
    calibration = calibration_of(fit)
    if calibration is None or calibration.model == tariff.model:
        return ()
    return (f"{tariff.id}: pictures of {tariff.model}, compared with {calibration.model}",)


def _usable_s_per_month(sessions: Sessions | None) -> float:
    if sessions is None:
        return SECONDS_PER_MONTH
    usable_s = SECONDS_PER_MONTH - sessions.startup_s * sessions.per_month
    if usable_s <= 0:
        raise InputError(
            f"startup_s is {sessions.startup_s:g} and per_month {sessions.per_month}: start-up "
            "alone fills the month; start less often."
        )
    return usable_s


def _whole_month(usd_per_hour: Any, usd_per_image: Any, seconds: Any) -> Any:  # noqa: ANN401 - a float or draws
    """Images a month at which a month's rent equals the API's bill."""
    return HOURS_PER_MONTH * usd_per_hour / usd_per_image


def _staircase(offer: Offer, sessions: Sessions) -> Callable[..., Any]:
    """Return the last crossing of the API's line with the staircase of session bills.

    In one session, n images are billed ceil((overhead + n x seconds) / step) steps. Just after the
    jump to step k the API's bill is still lower iff k < c (g + s) / (g (c - p t)), with c USD per
    image at the API, p USD per second rented, t seconds per image, g the step and s the overhead.
    The largest such k is the last step on which the API starts out cheaper; on its flat top the
    line catches up where c n = p g k. A minimum is one more flat top. Where c <= p t, never.
    """
    step_s = billing_step_s(offer)
    overhead_s = session_overhead_s(offer, sessions.startup_s)
    minimum_s = offer.billing.minimum_s or 0.0

    def crossing(usd_per_hour: Any, usd_per_image: Any, seconds: Any) -> Draws:  # noqa: ANN401 - floats or draws
        usd_per_s = np.asarray(usd_per_hour / SECONDS_PER_HOUR)
        margin = np.asarray(usd_per_image - usd_per_s * seconds)
        wins = margin > 0
        bound = usd_per_image * (step_s + overhead_s) / (step_s * np.where(wins, margin, 1.0))
        last_step = np.ceil(bound * (1 - ROUNDING_SLACK)) - 1
        billed_s = np.maximum(last_step * step_s, minimum_s)
        images = usd_per_s * billed_s / usd_per_image * sessions.per_month
        return np.where(wins, images, np.inf)

    return crossing


def _verdict(
    volume: float, capacity: float, sessions: Sessions | None, crossings: tuple[Crossing, ...]
) -> Verdict:
    if volume > capacity:
        return Verdict.BETWEEN if crossings else Verdict.NEVER
    # Images come whole: when the first of each session already pays, the API wins at no volume.
    first_images = 1 if sessions is None else sessions.per_month
    return Verdict.ALWAYS if volume <= first_images else Verdict.ABOVE


def _reason(
    verdict: Verdict,
    volume: float,
    capacity: float,
    usd_per_image: float,
    crossings: tuple[Crossing, ...],
) -> str:
    if verdict is Verdict.ALWAYS:
        return f"the first image already costs less than the API's {usd_per_image:g} USD."
    if verdict is Verdict.ABOVE:
        return stretches(crossings)
    if verdict is Verdict.BETWEEN:
        # Beyond its capacity an instance makes nothing more, so a stretch may end there.
        return stretches(crossings, end=capacity)
    if np.isinf(volume):
        return f"GPU time alone costs more per image than the API's {usd_per_image:g} USD."
    return (
        f"the bills would meet at {volume:,.0f} images a month and one instance makes at most "
        f"{capacity:,.0f}; more instances raise rent and output alike."
    )
