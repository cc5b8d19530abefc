"""Checks of whole numbers that several rooms take: one sentence where a value is out of range."""

from __future__ import annotations

from fluxcost.errors import InputError

MOST_IMAGES = 10**12
"""Most images of a job or a month; floats count them exactly."""

MOST_SEED = 2**63
"""A bound, so that a mistyped seed is refused; numpy itself takes any whole number from 0."""


def refuse_outside(field: str, value: object, least: int, most: int) -> None:
    """Raise unless a value is a whole number within a range.

    Raises:
        InputError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(
            f"{field} is {value!r}; expected a whole number from {least:,} to {most:,}."
        )


def refuse_bad_seed(seed: int) -> None:
    """Raise unless a seed can start a generator of random numbers.

    Raises:
        InputError: It cannot.
    """
    refuse_outside("seed", seed, 0, MOST_SEED)
