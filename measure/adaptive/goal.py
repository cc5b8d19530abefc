"""The options of an adaptive calibration: a target error, and limits on time and cost."""

from __future__ import annotations

import math

from fluxcost.errors import InputError
from measure.adaptive.loop import Goal, Outcome

SUITE = "adaptive"
"""The suite whose cells are candidates."""


def parse_goal(
    target_error: str | None,
    max_minutes: float | None,
    max_usd: float | None,
    usd_per_hour: float | None,
) -> Goal | None:
    """Return the goal, or None where no adaptive calibration is asked for.

    Raises:
        InputError: A value is out of range, a budget comes without a target, or dollars without a
            price.
    """
    if target_error is None:
        if max_minutes is not None or max_usd is not None:
            raise InputError(
                "--max-minutes and --max-usd bound an adaptive calibration; add --target-error, "
                "such as --target-error 2%."
            )
        return None
    if max_usd is not None and usd_per_hour is None:
        raise InputError(f"--max-usd is {max_usd} but no price is given; add --usd-per-hour.")
    minutes = _positive("--max-minutes", max_minutes)
    if max_usd is not None and usd_per_hour is not None:
        minutes = min(minutes, 60 * _positive("--max-usd", max_usd) / usd_per_hour)
    return Goal(_fraction(target_error), minutes)


def describe(outcome: Outcome, goal: Goal, usd_per_hour: float | None) -> str:
    """Say how an adaptive calibration ended, in one sentence."""
    bill = "" if usd_per_hour is None else f", ${outcome.minutes / 60 * usd_per_hour:.2f}"
    spent = f"{outcome.cells} cells, {outcome.minutes:.1f} min of timed calls{bill}"
    expected = f"expected median error at the candidates left {outcome.error:.1%}"
    if outcome.stop == "target":
        return f"target of {goal.error:.1%} met: {expected}; {spent}."
    if outcome.stop == "exhausted":
        return f"every candidate is measured: {spent}."
    return f"budget spent before the target of {goal.error:.1%}: {expected}; {spent}."


def _positive(name: str, value: float | None) -> float:
    if value is None:
        return math.inf
    if not 0 < value < math.inf:
        raise InputError(f"{name} is {value}; expected a positive number.")
    return value


def _fraction(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise InputError(f"--target-error is {text!r}; expected a share such as 2% or 0.02.")
    return value
