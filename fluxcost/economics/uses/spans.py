"""Billed time of a use, part by part, and the checks that uses share."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from fluxcost.economics.billing import HOURS_PER_MONTH, ROUNDING_SLACK, billed_seconds
from fluxcost.economics.invoice import Amount
from fluxcost.economics.metering import Span
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer, Phase
from fluxcost.errors import InfeasibleError, InputError

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
