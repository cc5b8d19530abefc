"""What the mean image of a mix of shapes costs, and each shape by itself."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fluxcost.economics.cost import CostPerImage, Timed, cost_per_image
from fluxcost.economics.costlines import CostLine, total_of
from fluxcost.economics.extras import NO_EXTRAS, Extras
from fluxcost.economics.offers import Offer
from fluxcost.economics.owned import OwnedMachine
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate, derive
from fluxcost.workload import Shape


@dataclass(frozen=True, eq=False)
class CostOfMix:
    """What the mean image of a mix costs.

    Attributes:
        shapes: The cost of an image of each shape.
        shares: Share of the images that each shape has; they sum to 1.
        lines: What the total is made of, averaged over the mix.
        total: USD of the mean image.
        images_per_usd: Images of the mix that one dollar buys.
    """

    shapes: tuple[CostPerImage, ...]
    shares: tuple[float, ...]
    lines: tuple[CostLine, ...]
    total: Estimate
    images_per_usd: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the cost as plain values."""
        return {
            "shapes": [
                {"share": share} | cost.to_dict()
                for share, cost in zip(self.shares, self.shapes, strict=True)
            ],
            "lines": [line.to_dict() for line in self.lines],
            "total": self.total.to_dict(),
            "images_per_usd": self.images_per_usd.to_dict(),
        }


def cost_of_mix(
    fit: Timed,
    offer: Offer | OwnedMachine,
    mix: Sequence[tuple[Shape, float]],
    *,
    batch: int = 1,
    utilization: float | Estimate,
    extras: Extras = NO_EXTRAS,
    today: dt.date | None = None,
) -> CostOfMix:
    """Return what the mean image of a mix costs; a call makes images of one shape.

    Args:
        fit: Timings on the offer's GPU.
        offer: What is rented, or the machine that was bought.
        mix: Shapes and their weights, such as `workload.mix`; weights need not sum to 1.
        batch: Images per call.
        utilization: Share of GPU time paid for that makes images, over 0 to 1.
        extras: Failures, stages after the model, storage, people.
        today: Day the price is judged on; UTC today unless given.

    Raises:
        InputError: The mix is empty, a weight is not over 0, utilization or batch is out of range,
            or the fit is of another GPU.
        MissingDataError: The offer has no published price.
    """
    weights = [weight for _, weight in mix]
    whole = sum(weights)
    if not weights or min(weights) <= 0 or not math.isfinite(whole):
        raise InputError(f"mix has weights {weights}; expected at least one shape, each over 0.")
    shares = tuple(weight / whole for weight in weights)
    shapes = tuple(
        cost_per_image(
            fit, offer, shape, batch=batch, utilization=utilization, extras=extras, today=today
        )
        for shape, _ in mix
    )
    # The same parts make up every shape's cost, in the same order.
    lines = tuple(
        CostLine(parts[0].name, _mean([part.usd_per_image for part in parts], shares))
        for parts in zip(*(cost.lines for cost in shapes), strict=True)
    )
    total = total_of(lines)
    return CostOfMix(
        shapes=shapes,
        shares=shares,
        lines=lines,
        total=total,
        images_per_usd=derive(lambda usd: 1 / usd, total, unit="images/USD"),
    )


def _mean(amounts: list[Estimate], shares: Sequence[float]) -> Estimate:
    return derive(
        lambda *usd: sum(share * each for share, each in zip(shares, usd, strict=True)),
        *amounts,
        unit="USD/image",
    )
