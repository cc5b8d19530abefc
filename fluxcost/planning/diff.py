"""Two plans side by side: what differs, and which is cheaper in how many draws.

The draws of all estimates are aligned, so that a timing or price error that both plans share
cancels in their difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.errors import InputError
from fluxcost.estimate import Estimate, derive, interval
from fluxcost.planning.plans import Plan
from fluxcost.units import percent, usd

COMPARED = ("option", "mode", "gpu", "gpus", "calibration", "batch", "priced_as_of")


@dataclass(frozen=True, eq=False)
class PlanDiff:
    """What the second plan has over the first.

    Attributes:
        first: Its option.
        second: Its option.
        changed: Fields that differ, with both values.
        total: Total of the second less that of the first, draw by draw.
        usd_per_image: The same per image.
        probability: Share of the draws in which the second is cheaper.
        apart: Width of the interval were the errors of the two unrelated, over the width it has.
    """

    first: str
    second: str
    changed: dict[str, tuple[Any, Any]]
    total: Estimate
    usd_per_image: Estimate
    probability: float
    apart: float

    @property
    def sentence(self) -> str:
        """The difference in words."""
        if self.total.value == 0 and self.total.low == self.total.high:
            return "Both cost the same."
        more = "more" if self.total.value > 0 else "less"
        amount = usd(abs(self.total.value))
        costs = f"{self.second} costs {amount} {more} than {self.first}"
        if self.first == self.second:
            costs = f"On {self.first} the second plan costs {amount} {more} than the first"
        return (
            f"{costs} ({interval(self.total)}), and is cheaper in {percent(self.probability)} of "
            "the draws."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain values."""
        return {
            "first": self.first,
            "second": self.second,
            "changed": {name: list(values) for name, values in self.changed.items()},
            "total": self.total.to_dict(),
            "usd_per_image": self.usd_per_image.to_dict(),
            "probability": self.probability,
            "apart": self.apart,
            "sentence": self.sentence,
        }


def diff(first: Plan, second: Plan) -> PlanDiff:
    """Return what the second plan has over the first.

    Raises:
        InputError: One is for a job and the other for a month.
    """
    if first.total.unit != second.total.unit:
        raise InputError(
            f"the first plan is in {first.total.unit} and the second in {second.total.unit}; "
            "compare two for a job or two for a month."
        )
    values = {name: (getattr(first, name), getattr(second, name)) for name in COMPARED}
    total = derive(lambda a, b: b - a, first.total, second.total, unit=first.total.unit)
    return PlanDiff(
        first=first.option,
        second=second.option,
        changed={name: pair for name, pair in values.items() if pair[0] != pair[1]},
        total=total,
        usd_per_image=derive(
            lambda a, b: b - a, first.usd_per_image, second.usd_per_image, unit="USD/image"
        ),
        probability=float(np.mean(total.draws < 0)),
        apart=_apart(first.total, second.total, total),
    )


def _apart(first: Estimate, second: Estimate, paired: Estimate) -> float:
    """Return the root of the summed variances over the deviation of the difference; 1 if both 0."""
    alone = float(np.hypot(np.std(first.draws), np.std(second.draws)))
    together = float(np.std(paired.draws))
    if together == 0:
        return 1.0
    return alone / together
