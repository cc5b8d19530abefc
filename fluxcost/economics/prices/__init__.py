"""Price shapes: one small record per way of charging, with one `usd_per_image(shape, request)`.

To add one, write the record with its own `shape` tag and name it in `Price`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fluxcost.economics.prices.per_image import (
    BySize,
    ByTier,
    ClaimedRange,
    Credits,
    FlatPerImage,
    SubscriptionGpuTime,
    Unpublished,
)
from fluxcost.economics.prices.per_token import PerToken
from fluxcost.economics.prices.per_work import (
    AreaTimesSteps,
    FirstAndExtraMegapixel,
    PerMegapixel,
    PerPixel,
    PerStep,
    PerTile,
    StepBucket,
    StepTable,
)

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
