"""From use to a bill: billing steps, minimums, billed phases, and instances sold whole."""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np

from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer, Phase, PriceUnit
from fluxcost.errors import InputError
from fluxcost.estimate import Draws

HOURS_PER_MONTH = 730
"""Hours of a month: 365 days over 12."""

ROUNDING_SLACK = 1e-9
"""Relative slack before a step is started, so that 3 x 0.1 s is three steps of 0.1 s."""


def billing_step_s(offer: Offer) -> float:
    """Return the billing step in seconds; where none was found, the unit of the quote.

    Raises:
        MissingDataError: The step was not found and the vendor publishes no price either.
    """
    if offer.billing.granularity_s is not None:
        return offer.billing.granularity_s
    if offer.price is not None and offer.price.unit is PriceUnit.GPU_SECOND:
        return 1.0
    return float(SECONDS_PER_HOUR)


def session_overhead_s(offer: Offer, startup_s: float | Draws) -> Any:  # noqa: ANN401 - as given
    """Return the billed seconds of a session in which no image is made.

    Args:
        offer: Says which phases are billed.
        startup_s: Seconds from the request for a machine until the first image can start.

    Raises:
        InputError: startup_s is negative, NaN or infinite.
    """
    _refuse_negative("startup_s", startup_s)
    rules = offer.billing
    idle_s = rules.idle_timeout_s or 0.0 if Phase.IDLE in rules.billed_phases else 0.0
    return idle_s + (startup_s if Phase.STARTUP in rules.billed_phases else 0.0)


@overload
def billed_seconds(offer: Offer, *, running_s: float, startup_s: float = 0.0) -> float: ...


@overload
def billed_seconds(offer: Offer, *, running_s: Draws, startup_s: float | Draws = 0.0) -> Draws: ...


def billed_seconds(
    offer: Offer, *, running_s: float | Draws, startup_s: float | Draws = 0.0
) -> float | Draws:
    """Return the seconds billed for one session, from start to stop; arrays give arrays.

    Args:
        offer: Says step, minimum and billed phases.
        running_s: Seconds between the start of the first image and the end of the last.
        startup_s: Seconds before that.

    Raises:
        InputError: A duration is negative, NaN or infinite.
    """
    _refuse_negative("running_s", running_s)
    step_s = billing_step_s(offer)
    steps = (session_overhead_s(offer, startup_s) + running_s) / step_s
    whole_steps = np.ceil(steps * (1 - ROUNDING_SLACK))
    billed_s: Draws = np.maximum(whole_steps * step_s, offer.billing.minimum_s or 0.0)
    return billed_s if billed_s.ndim else float(billed_s)


def instances_for(offer: Offer, gpus: int) -> int:
    """Return the least whole instances that hold so many GPUs.

    Raises:
        InputError: gpus is under 1.
    """
    if gpus < 1:
        raise InputError(f"gpus is {gpus}; expected at least 1.")
    return math.ceil(gpus / offer.gpu_count)


def _refuse_negative(field: str, seconds: float | Draws) -> None:
    if not (np.all(np.isfinite(seconds)) and np.min(seconds) >= 0):
        raise InputError(f"{field} is {np.min(seconds)}; expected seconds, 0 or more.")
