"""Checks of whole numbers that several rooms take: one sentence where a value is out of range."""

from __future__ import annotations

import math

from fluxcost.errors import InputError

MOST_IMAGES = 10**12
"""Most images of a job or a month; floats count them exactly."""

MOST_SEED = 2**63
"""A bound, so that a mistyped seed is refused; numpy itself takes any whole number from 0."""


def refuse_outside(
    field: str, value: object, least: int, most: int | None = None, *, of: str = ""
) -> None:
    """Raise unless a value is a whole number within a range.

    Args:
        field: Its name in the sentence.
        value: What was given.
        least: The least that is accepted.
        most: The most that is accepted; None accepts any from the least up.
        of: What it counts, such as "images", where the sentence should say so.

    Raises:
        InputError: It is not.
    """
    top = math.inf if most is None else most
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= top:
        return
    number = f"a whole number of {of}" if of else "a whole number"
    within = f", at least {least}" if most is None else f" from {least:,} to {most:,}"
    raise InputError(f"{field} is {value!r}; expected {number}{within}.")


def refuse_bad_batch(batch: object) -> None:
    """Raise unless a batch is a whole number of images.

    Raises:
        InputError: It is not.
    """
    refuse_outside("batch", batch, 1, of="images")


def refuse_bad_seed(seed: int) -> None:
    """Raise unless a seed can start a generator of random numbers.

    Raises:
        InputError: It cannot.
    """
    refuse_outside("seed", seed, 0, MOST_SEED)
