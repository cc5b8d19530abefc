"""Drivers of a sensitivity analysis: the inputs that may differ from the plan, and their ranges."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fluxcost.errors import InputError
from fluxcost.workload.workload import LEAST_UTILIZATION

MOST_STEPS = 64
"""Distinct numbers of steps tried; each is a question to the fit."""


@dataclass(frozen=True)
class Interval:
    """From one value to another.

    Attributes:
        low: Lower end.
        high: Upper end.

    Raises:
        InputError: low is above high, or an end is not a number.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high or abs(self.low) == float("inf") or self.high == float("inf"):
            raise InputError(f"range is {self.low!r} to {self.high!r}; expected low <= high.")

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Drivers:
    """Ranges of what may vary; None holds it where the workload and the evidence have it.

    Timing and price always vary within their own 90 % intervals: those come from the evidence.

    Attributes:
        price: Factor on every price, over 0; both ends equally likely in proportion.
        utilization: Share of rented time that makes images.
        steps: Denoising steps of every shape.
        batch: Images per call; the batches measured within the range.
        growth: Growth of the volume, such as -0.2 to 1.0.

    Raises:
        InputError: A range is out of bounds.
    """

    price: Interval | None = None
    utilization: Interval | None = None
    steps: Interval | None = None
    batch: Interval | None = None
    growth: Interval | None = None

    def __post_init__(self) -> None:
        bounds = {
            "price": (0.01, 100.0),
            "utilization": (LEAST_UTILIZATION, 1.0),
            "steps": (1.0, 1000.0),
            "batch": (1.0, 4096.0),
            "growth": (-0.999, 1000.0),
        }
        for name, (least, most) in bounds.items():
            given: Interval | None = getattr(self, name)
            if given is not None and not least <= given.low <= given.high <= most:
                raise InputError(f"{name} is {given}; expected within {least:g} to {most:g}.")
        if self.steps is not None and len(self.whole_steps) > MOST_STEPS:
            raise InputError(f"steps is {self.steps}; expected at most {MOST_STEPS} numbers.")

    @property
    def whole_steps(self) -> tuple[int, ...]:
        """The numbers of steps in the range; empty where they do not vary."""
        if self.steps is None:
            return ()
        first = int(-(-self.steps.low // 1))
        return tuple(range(first, int(self.steps.high) + 1))

    def to_dict(self) -> dict[str, list[float]]:
        """Return the ranges given as plain values."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: [each.low, each.high] for name, each in given.items() if each is not None}
