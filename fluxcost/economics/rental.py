"""The arithmetic of a rental: billing steps, minimums, whole instances, billed time by part."""

from __future__ import annotations

import math
from typing import Any, Protocol, overload

import numpy as np

from fluxcost.economics.ledger import Amount, Span
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, Offer, Phase, PriceUnit
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import Draws

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


MONTH_S = float(HOURS_PER_MONTH * SECONDS_PER_HOUR)

AT_WORK, IDLE, STARTUP = "GPU time at work", "GPU time idle", "start-up"
IDLE_TAIL, ROUNDING = "idle tail", "billing step and minimum"


class Use(Protocol):
    """How an offer is used for a month."""

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return the billed time.

        Args:
            offer: What is rented.
            gpu_s: GPU seconds of work in the month.
            sized_for_s: GPU seconds the fleet is sized for.

        Raises:
            InfeasibleError: The fleet cannot do the work.
        """


def worked(busy_s: Amount, held_s: Amount) -> tuple[Span, Span]:
    """Part time held into time at work and idle; in a draw that is too slow all is work."""
    at_work = np.minimum(busy_s, held_s)
    return Span(AT_WORK, at_work), Span(IDLE, held_s - at_work)


def around(
    offer: Offer, running_s: Amount, startup_s: float, count: float
) -> tuple[Span, Span, Span]:
    """Return what sessions cost besides their running time: start-up, idle tail, rounding."""
    phases = offer.billing.billed_phases
    start_s = startup_s if Phase.STARTUP in phases else 0.0
    tail_s = (offer.billing.idle_timeout_s or 0.0) if Phase.IDLE in phases else 0.0
    billed_s = billed_seconds(offer, running_s=running_s, startup_s=startup_s)
    rounding_s = (billed_s - running_s - start_s - tail_s) * count
    return (
        Span(STARTUP, start_s * count),
        Span(IDLE_TAIL, tail_s * count),
        Span(ROUNDING, rounding_s),
    )


def refuse_overload(needed_s: float, held_s: float) -> None:
    """Raise InfeasibleError when the work takes longer than what is rented."""
    if needed_s > held_s * (1 + ROUNDING_SLACK):
        raise InfeasibleError(
            f"the work takes {needed_s:,.0f} instance seconds and {held_s:,.0f} are rented; rent "
            "more instances or for longer."
        )


def refuse_over_month(sessions_s: float) -> None:
    """Raise InputError when the sessions of one instance do not fit into a month."""
    if sessions_s > MONTH_S * (1 + ROUNDING_SLACK):
        raise InputError(
            f"the sessions of an instance take {sessions_s / SECONDS_PER_HOUR:,.1f} h with their "
            f"start-up and a month has {HOURS_PER_MONTH}; have fewer or shorter ones, or keep it "
            "always on."
        )


def refuse_less(name: str, value: float, least: float) -> None:
    """Raise InputError unless a number is finite and at least so much."""
    if isinstance(value, bool) or not least <= value < math.inf:
        raise InputError(f"{name} is {value!r}; expected at least {least:g}.")


def refuse_bad_share(name: str, value: float) -> None:
    """Raise InputError unless a number is over 0 and at most 1."""
    if isinstance(value, bool) or not 0 < value <= 1:
        raise InputError(f"{name} is {value!r}; expected a share over 0 and at most 1.")
