"""What a usable picture costs: the price of an image over how good images are."""

from __future__ import annotations

import numpy as np

from fluxcost.errors import InputError
from fluxcost.estimate import Estimate, derive

SHARE = "share"


def quality_adjusted_cost(usd_per_image: Estimate, quality: Estimate) -> Estimate:
    """Return the price of an image divided by a score of it.

    Over a share of pictures that pass, it is the price of one that does: pictures are made until
    one passes, each with the same chance, so an accepted one takes 1 over the share tries. Over a
    CLIP cosine or a distance it only ranks models by price and score at once, on records of one
    judge; half the cosine is not half the use.

    Args:
        usd_per_image: Such as `cost_per_image(...).total` or a plan's `usd_per_image`.
        quality: Such as `quality("flux2-klein-4b", "accepted", 4)`.

    Raises:
        InputError: The cost is not in USD an image, or the score may be 0 or less, or a share
            over 1.
    """
    if usd_per_image.unit != "USD/image":
        raise InputError(f"the cost is in {usd_per_image.unit}; expected USD/image.")
    lowest, highest = (float(each(quality.draws)) for each in (np.min, np.max))
    is_share = quality.unit == SHARE
    if lowest <= 0 or (is_share and highest > 1):
        raise InputError(
            f"the quality is {lowest:.3g} to {highest:.3g}; expected above 0"
            f"{' and at most 1' if is_share else ''}: score more pictures."
        )
    unit = "USD/accepted image" if is_share else f"USD/image per {quality.unit}"
    return derive(lambda usd, score: usd / score, usd_per_image, quality, unit=unit)
