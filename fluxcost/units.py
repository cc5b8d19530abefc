"""How numbers are shown to people; every table, sentence and notebook goes through here.

Three significant digits, or two decimals of a dollar: more would claim a precision no timing has.
"""

from __future__ import annotations

import math


def significant(value: float, digits: int = 3) -> str:
    """Return such as '1,230', '12.3' or '0.00123': never an exponent."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def usd(value: float) -> str:
    """Return such as '$1,234.56' or '-$5.00', or '$0.000412' below ten cents."""
    sign = "-" if value < 0 else ""
    size = abs(value)
    return f"{sign}${size:,.2f}" if size >= 0.1 else f"{sign}${significant(size)}"


def seconds(value: float) -> str:
    """Return milliseconds below one second, otherwise seconds, minutes or hours."""
    if value < 1:
        return f"{significant(value * 1e3)} ms"
    if value < 120:
        return f"{significant(value)} s"
    if value < 7200:
        return f"{significant(value / 60)} min"
    return f"{significant(value / 3600)} h"


def percent(share: float) -> str:
    """Return such as '60 %' or '4.2 %'."""
    return f"{significant(share * 100, 2)} %"


def counted(count: int, noun: str) -> str:
    """Return such as '1 GPU' or '2 GPUs'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit as a person would write it."""
    if unit == "s":
        return seconds(value)
    if unit == "1":
        return significant(value)
    return amount(value, unit) + (unit.removeprefix("USD") if _is_usd(unit) else f" {unit}")


def amount(value: float, unit: str) -> str:
    """Return a value as `quantity` shows it, with the dollar sign but without any other unit."""
    if unit == "s":
        return seconds(value)
    return usd(value) if _is_usd(unit) else significant(value)


def _is_usd(unit: str) -> bool:
    return unit.split("/", maxsplit=1)[0] == "USD"
