"""From which volume on renting one instance stays ahead of an API, in closed form.

Kept all month its bill is a constant; by the session it is a staircase, and the last crossing of
the API's line with it counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.economics.billing import (
    HOURS_PER_MONTH,
    ROUNDING_SLACK,
    billing_step_s,
    session_overhead_s,
)
from fluxcost.economics.curve import Stairs
from fluxcost.economics.monthly import SECONDS_PER_MONTH
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.errors import InputError
from fluxcost.estimate import Draws, Estimate, Source


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
class Volume:
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


def volume_of(
    offer: Offer, sessions: Sessions | None, rent: Estimate, api: Estimate, seconds: Estimate
) -> Volume:
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
    return Volume(point, draws, inputs)


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
