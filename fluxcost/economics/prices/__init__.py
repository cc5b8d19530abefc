"""Price shapes: one small record per way of charging, with one `usd_per_image(shape, request)`.

To add one, write the record with its own `shape` tag and name it in `Price`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fluxcost.economics.prices.area import FirstAndExtraMegapixel, PerMegapixel, PerPixel, PerTile
from fluxcost.economics.prices.flat import BySize, ByTier, Credits, FlatPerImage
from fluxcost.economics.prices.steps import AreaTimesSteps, PerStep, StepBucket, StepTable
from fluxcost.economics.prices.subscription import SubscriptionGpuTime
from fluxcost.economics.prices.tokens import PerToken
from fluxcost.economics.prices.unpriced import ClaimedRange, Unpublished

Price = Annotated[
    FlatPerImage
    | BySize
    | ByTier
    | Credits
    | PerToken
    | SubscriptionGpuTime
    | PerPixel
    | PerMegapixel
    | FirstAndExtraMegapixel
    | PerTile
    | PerStep
    | AreaTimesSteps
    | StepTable
    | StepBucket
    | Unpublished
    | ClaimedRange,
    Field(discriminator="shape"),
]

__all__ = ["Price"]
