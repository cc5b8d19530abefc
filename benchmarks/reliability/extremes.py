"""Whether plain values are numbers that may be shown: nothing may carry NaN or infinity."""

from __future__ import annotations

import math


def refuse_not_finite(value: object, where: str = "it") -> None:
    """Raise where plain values hold NaN or infinity.

    Raises:
        ArithmeticError: With the place.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ArithmeticError(f"{where} is {value}")
    if isinstance(value, dict):
        for key, each in value.items():
            refuse_not_finite(each, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            refuse_not_finite(each, f"{where}[{index}]")
