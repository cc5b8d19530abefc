"""The bill of an image API as a function of the images: two lines, and packs beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.economics.rental import ROUNDING_SLACK
from fluxcost.estimate import Estimate, derive


@dataclass(frozen=True)
class PackSteps:
    """Credits bought pack by pack.

    Attributes:
        usd: USD of a pack.
        images: Images a pack makes.
        free_images: Images made before the first pack, by a free quota.
    """

    usd: float
    images: float
    free_images: float


@dataclass(frozen=True, eq=False)
class ApiBillCurve:
    """The bill of a month or job as a function of its images, without account plan and tax.

    It is the greater of two straight lines, and the packs beside them. A fee with included use is a
    flat line and a rising one; a free quota is a line that begins below 0. At a whole number of
    images it is the total of `api_bill`.

    Attributes:
        lines: USD at no image, and USD of each image, of both lines; the second is the steeper.
        packs: Credit packs bought whole; None where none are.
        price: 1, with the draws of the price's error.
    """

    lines: tuple[tuple[float, float], tuple[float, float]]
    packs: PackSteps | None
    price: Estimate

    def usd(self, images: Any) -> Any:  # noqa: ANN401 - a float or an array, as given
        """Return USD at the point estimate of the price, for a number of images over 0."""
        first, second = (base + each * np.asarray(images) for base, each in self.lines)
        total = np.maximum(first, second)
        if self.packs is not None:
            beyond = np.maximum(np.asarray(images) - self.packs.free_images, 0.0)
            needed = np.ceil(beyond / self.packs.images * (1 - ROUNDING_SLACK))
            total = total + needed * self.packs.usd
        return total

    def images_at(self, usd: Any) -> Any:  # noqa: ANN401 - a float or an array, as given
        """Return the images from which the bill is at least so many USD; 0 where it always is."""
        usd = np.asarray(usd, dtype=np.float64)
        if self.packs is not None:
            return self._images_at_with_packs(usd, self.packs)
        reached = [_reached(usd, base, each) for base, each in self.lines]
        return np.minimum(*reached)

    def _images_at_with_packs(self, usd: Any, packs: PackSteps) -> Any:  # noqa: ANN401 - an array
        (_, each) = self.lines[1]
        left = usd - each * packs.free_images
        bought = np.ceil(left / (packs.usd + each * packs.images) * (1 - ROUNDING_SLACK))
        count = np.maximum(bought, 0.0)
        before = np.where(count > 0, packs.free_images + (count - 1) * packs.images, 0.0)
        return np.maximum(before, _reached(usd - count * packs.usd, 0.0, each, never=0.0))

    def estimate(self, images: float | Estimate, unit: str = "USD") -> Estimate:
        """Return the bill with its interval, for images that may differ by draw."""
        if isinstance(images, Estimate):
            return derive(lambda n, price: self.usd(n) * price, images, self.price, unit=unit)
        return self.price.scaled(float(self.usd(images)), unit)

    @property
    def is_proportional(self) -> bool:
        """Whether it is the images times one price, without fee, quota and packs."""
        return self.packs is None and not any(base for base, _ in self.lines)

    @property
    def further_usd_per_image(self) -> float:
        """USD of one more image beyond fees, included use and quotas."""
        packs = 0.0 if self.packs is None else self.packs.usd / self.packs.images
        return self.lines[1][1] + packs


def _reached(usd: Any, base: float, each: float, never: float = math.inf) -> Any:  # noqa: ANN401 - an array
    """Return the images at which a line reaches so many USD; `never` where it does not rise."""
    if each > 0:
        return np.maximum((usd - base) / each, 0.0)
    return np.where(usd <= base, 0.0, never)
