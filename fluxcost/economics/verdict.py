"""Which is cheaper, renting or the API: the verdict and its sentence."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from fluxcost.economics.curve import Crossing, stretches


class Verdict(StrEnum):
    """Renting is cheaper above a volume, from the first image, only between volumes, or at none."""

    ABOVE = "above"
    ALWAYS = "always"
    BETWEEN = "between"
    NEVER = "never"


SINGLE = frozenset({Verdict.ABOVE, Verdict.ALWAYS})
"""Verdicts that come with one volume."""


def verdict_of(
    volume: float, capacity: float, sessions: int | None, crossings: tuple[Crossing, ...]
) -> Verdict:
    """Return which side is cheaper.

    Args:
        volume: Images a month from which one instance stays ahead; infinite where it never is.
        capacity: Most images one instance can make in a month.
        sessions: Sessions a month; None where the instance is kept all month.
        crossings: Every change of side.
    """
    if volume > capacity:
        return Verdict.BETWEEN if crossings else Verdict.NEVER
    # Images come whole: when the first of each session already pays, the API wins at no volume.
    first_images = 1 if sessions is None else sessions
    return Verdict.ALWAYS if volume <= first_images else Verdict.ABOVE


def reason_of(
    verdict: Verdict,
    volume: float,
    capacity: float,
    usd_per_image: float,
    crossings: tuple[Crossing, ...],
) -> str:
    """Return the verdict with its numbers, as a sentence."""
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
