"""From use to a bill: billing steps, minimums, billed phases, and instances sold whole."""

from __future__ import annotations

import math

from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer, Phase, PriceUnit
from fluxcost.errors import InputError

HOURS_PER_MONTH = 730
"""Hours of a month: 365 days over 12."""

_ROUNDING_SLACK = 1e-9
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


def session_overhead_s(offer: Offer, startup_s: float) -> float:
    """Return the billed seconds of a session in which no image is made.

    Args:
        offer: Says which phases are billed.
        startup_s: Seconds from the request for a machine until the first image can start.

    Raises:
        InputError: startup_s is negative, NaN or infinite.
    """
    _refuse_negative("startup_s", startup_s)
    rules = offer.billing
    overhead = startup_s if Phase.STARTUP in rules.billed_phases else 0.0
    if Phase.IDLE in rules.billed_phases:
        overhead += rules.idle_timeout_s or 0.0
    return overhead


def billed_seconds(offer: Offer, *, running_s: float, startup_s: float = 0.0) -> float:
    """Return the seconds billed for one session, from start to stop.

    Args:
        offer: Says step, minimum and billed phases.
        running_s: Seconds between the start of the first image and the end of the last.
        startup_s: Seconds before that.

    Raises:
        InputError: A duration is negative, NaN or infinite.
    """
    _refuse_negative("running_s", running_s)
    span_s = session_overhead_s(offer, startup_s) + running_s
    steps = span_s / billing_step_s(offer)
    whole_steps = math.ceil(steps * (1 - _ROUNDING_SLACK))
    return max(whole_steps * billing_step_s(offer), offer.billing.minimum_s or 0.0)


def session_usd(
    offer: Offer, *, running_s: float, startup_s: float = 0.0, instances: int = 1
) -> float:
    """Return the bill in USD for one session of some whole instances.

    Raises:
        InputError: A duration is negative, NaN or infinite, or instances is under 1.
        MissingDataError: The vendor publishes no price.
    """
    _refuse_no_instance(instances)
    hours = billed_seconds(offer, running_s=running_s, startup_s=startup_s) / SECONDS_PER_HOUR
    return hours * offer.usd_per_instance_hour * instances


def month_usd(offer: Offer, instances: int = 1) -> float:
    """Return the bill in USD for some whole instances kept for a month of 730 hours.

    Raises:
        InputError: instances is under 1.
        MissingDataError: The vendor publishes no price.
    """
    _refuse_no_instance(instances)
    return HOURS_PER_MONTH * offer.usd_per_instance_hour * instances


def instances_for(offer: Offer, gpus: int) -> int:
    """Return the least whole instances that hold so many GPUs.

    Raises:
        InputError: gpus is under 1.
    """
    if gpus < 1:
        raise InputError(f"gpus is {gpus}; expected at least 1.")
    return math.ceil(gpus / offer.gpu_count)


def _refuse_no_instance(instances: int) -> None:
    if instances < 1:
        raise InputError(f"instances is {instances}; expected at least 1.")


def _refuse_negative(field: str, seconds: float) -> None:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InputError(f"{field} is {seconds!r}; expected seconds, 0 or more.")
