"""A month's bill on rented instances, and the volume from which one costs less than an API.

Kept all month, the bill of an instance is a constant. Rented by the session it rises in steps, and
the last crossing with the API's bill counts.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.economics.break_even.crossings import Stairs
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, Offer
from fluxcost.economics.rental import (
    ROUNDING_SLACK,
    billed_seconds,
    billing_step_s,
    instances_for,
    session_overhead_s,
)
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import Draws, Estimate, Source, derive

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

    def within(self, capacity: Estimate) -> Estimate:
        """Return it as an estimate, with the draws cut at the capacity."""
        source = Source.weakest(estimate.source for estimate in self.inputs)
        evidence = dict.fromkeys(line for estimate in self.inputs for line in estimate.evidence)
        draws = np.minimum(self.draws, capacity.draws)
        return Estimate(self.point, "images/month", source, tuple(evidence), draws)


def break_even_volume(
    offer: Offer, sessions: Sessions | None, rent: Estimate, api: Estimate, seconds: Estimate
) -> BreakEvenVolume:
    """Return the volume from which one instance stays ahead.

    Args:
        offer: Says step, minimum and billed phases.
        sessions: How often the instance is started; None when it is kept all month.
        rent: USD per instance-hour.
        api: USD per image.
        seconds: Seconds an image takes an instance.
    """
    crossing = _whole_month if sessions is None else _staircase(offer, sessions)
    draws = crossing(rent.draws, api.draws, seconds.draws)
    point = float(crossing(rent.value, api.value, seconds.value))
    inputs = (rent, api) if sessions is None else (rent, api, seconds)
    return BreakEvenVolume(point, draws, inputs)


def stairs_of(
    offer: Offer, sessions: Sessions | None, rent: Estimate, api: Estimate, seconds: Estimate
) -> Stairs:
    """Return the staircase of rent and the line of the API at the point estimates."""
    return Stairs(
        step_s=SECONDS_PER_MONTH if sessions is None else billing_step_s(offer),
        overhead_s=0.0 if sessions is None else session_overhead_s(offer, sessions.startup_s),
        minimum_s=0.0 if sessions is None else offer.billing.minimum_s or 0.0,
        sessions=1 if sessions is None else sessions.per_month,
        usd_per_s=rent.value / SECONDS_PER_HOUR,
        image_s=seconds.value,
        usd_per_image=api.value,
    )


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
