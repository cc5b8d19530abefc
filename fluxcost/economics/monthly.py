"""What a month's images cost on rented instances, and at which volumes a curve of that is drawn."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np

from fluxcost.economics.billing import (
    HOURS_PER_MONTH,
    ROUNDING_SLACK,
    billed_seconds,
    instances_for,
)
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import Estimate, Source, derive

SECONDS_PER_MONTH = HOURS_PER_MONTH * SECONDS_PER_HOUR

Bill = tuple[Estimate, Estimate]
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


def kept_all_month(images: int, image_s: Estimate, usd_per_hour: Estimate) -> Bill:
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


def one_by_the_session(
    images_a_session: float,
    sessions: int,
    offer: Offer,
    startup_s: float,
    image_s: Estimate,
    usd_per_hour: Estimate,
) -> Bill:
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
