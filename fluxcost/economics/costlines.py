"""The lines that a cost of an image is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fluxcost.estimate import Estimate, derive


@dataclass(frozen=True, eq=False)
class CostLine:
    """One part of a cost.

    Attributes:
        name: What is paid for.
        usd_per_image: USD per image.
    """

    name: str
    usd_per_image: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the line as plain values."""
        return {"name": self.name, "usd_per_image": self.usd_per_image.to_dict()}


def total_of(lines: Sequence[CostLine]) -> Estimate:
    """Return the sum of at least one line, draw by draw."""
    amounts = (line.usd_per_image for line in lines)
    return derive(lambda *usd: sum(usd), *amounts, unit="USD/image")
