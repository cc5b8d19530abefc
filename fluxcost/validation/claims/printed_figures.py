"""Figures: a printed number and the range of values that round to it.

0.43 on a page is any value from 0.425 to 0.435. Carrying that range through the arithmetic tells a
contradiction from a rounding: two figures disagree only where their ranges do not touch.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from fluxcost.errors import InputError
from fluxcost.units import significant

PRINTED = re.compile(r"\$?(-?\d{1,3}(?:,\d{3})+|-?\d+)(\.\d+)?\s?(%)?", re.ASCII)

SLACK = 1e-9
"""Relative room at the ends of a range, for decimals that binary fractions only come near to."""

SHOWN_DIGITS = 4


@dataclass(frozen=True)
class PrintedFigure:
    """A number with the lowest and highest value it may stand for.

    Attributes:
        value: As printed or computed.
        low: Lowest value it may stand for.
        high: Highest value it may stand for.
        text: As the page prints it; empty when computed.

    Raises:
        InputError: An end is NaN or infinite.
    """

    value: float
    low: float
    high: float
    text: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.value, self.low, self.high))):
            raise InputError(f"a figure came out as {self.value}; expected a finite number.")

    @classmethod
    def exact(cls, value: float) -> PrintedFigure:
        """Return a number without rounding: a count, or a constant."""
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        """Whether it stands for one value only."""
        return self.low == self.high

    def meets(self, other: PrintedFigure) -> bool:
        """Return whether one value may stand behind both."""
        room = SLACK * max(abs(self.value), abs(other.value))
        return self.low <= other.high + room and other.low <= self.high + room

    def about(self, share: float) -> PrintedFigure:
        """Return the figure as a word such as 'roughly' leaves it: a share of it either way."""
        width = share * abs(self.value)
        return PrintedFigure(self.value, self.value - width, self.value + width, self.text)

    def __str__(self) -> str:
        return self.text or _shown(self.value)

    @property
    def with_range(self) -> str:
        """The figure and its range: '5.14 ± 0.005' as printed, '18,504 (18,486 to 18,522)'."""
        if self.is_exact:
            return str(self)
        if not self.text:
            return f"{self} ({_shown(self.low)} to {_shown(self.high)})"
        percent = self.text.endswith("%")
        half = (self.high - self.low) / 2 * (100 if percent else 1)
        return f"{self} ± {significant(half, 1)}{'%' if percent else ''}"

    @property
    def relative_width(self) -> float:
        """Its range over its value; infinite at 0."""
        return (self.high - self.low) / abs(self.value) if self.value else math.inf


def printed(text: str) -> PrintedFigure | None:
    """Read a figure as printed, such as '0.43', '6,372', '$0.0004' or '98%'; None for other text.

    The last digit is taken as rounded, so the figure stands for half a unit of it either way.
    """
    match = PRINTED.fullmatch(text.strip())
    if match is None:
        return None
    whole, decimals, percent = match.groups()
    digits = len(decimals) - 1 if decimals else 0
    scale = 100 if percent else 1
    value = float(whole.replace(",", "") + (decimals or "")) / scale
    half = 0.5 * 10**-digits / scale
    return PrintedFigure(value, value - half, value + half, text.strip())


def _shown(value: float) -> str:
    if value == round(value) and abs(value) < 1e15:
        return f"{value:,.0f}"
    digits = SHOWN_DIGITS + (1 if abs(value) >= 10**SHOWN_DIGITS else 0)
    text = significant(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text
