"""Shapes as command lines write them: WIDTHxHEIGHTxSTEPS."""

from __future__ import annotations

import re

from fluxcost.errors import InputError
from fluxcost.workload import Shape


def parse_shape(option: str, text: str) -> Shape:
    """Return the shape of a text such as 512x512x4.

    Args:
        option: Where it was given, for the message.
        text: Width, height and steps.

    Raises:
        InputError: Not three whole numbers, or one is out of range.
    """
    found = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})x([0-9]{1,6})", text)
    if found is None:
        raise InputError(f"{option} is {text!r}; expected WIDTHxHEIGHTxSTEPS, such as 1024x1024x4.")
    try:
        return Shape(*map(int, found.groups()))
    except InputError as error:
        raise InputError(f"{option} {text}: {error}") from None
