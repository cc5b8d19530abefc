"""The bill and the request log of a month against what was planned.

What GPUs cost is price x hours, and hours are images x seconds per image / utilization. The
difference between plan and bill is split into these four by the logarithmic mean Divisia index
(LMDI-I; Ang, Energy Policy 33 (2005) 867): each factor's part is the logarithmic mean of the two
costs times the logarithm of the factor's ratio. The parts add up exactly, in no particular order.
What an API costs beside them is price x images, and is split alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fluxcost.economics.offers import SECONDS_PER_HOUR
from fluxcost.errors import InputError
from fluxcost.records import SMALLEST
from fluxcost.units import percent, usd

SLIPS = {
    730.0: "a month for an hour",
    3600.0: "an hour for a second",
    60.0: "an hour for a minute",
}
"""Ratios of two prices that are a slip of the unit rather than a price."""


@dataclass(frozen=True)
class Month:
    """What drove the GPU cost of a month, planned or real.

    Attributes:
        usd_per_gpu_hour: Price.
        images: Images made, those later rejected among them.
        image_s: GPU seconds of an image.
        gpu_hours: GPU hours paid.
        other_usd: Charges that are not GPU time: storage, traffic, tax, credits.
        accepted: Images that were accepted.
    """

    usd_per_gpu_hour: float
    images: float
    image_s: float
    gpu_hours: float
    other_usd: float
    accepted: float

    def __post_init__(self) -> None:
        for name in ("usd_per_gpu_hour", "images", "image_s", "gpu_hours", "accepted"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"{name} is {value!r}; expected over 0.")

    @property
    def gpu_usd(self) -> float:
        """USD for GPU time."""
        return self.usd_per_gpu_hour * self.gpu_hours

    @property
    def total_usd(self) -> float:
        """USD in all."""
        return self.gpu_usd + self.other_usd

    @property
    def utilization(self) -> float:
        """Share of paid GPU time that made images."""
        return self.images * self.image_s / (self.gpu_hours * SECONDS_PER_HOUR)

    @property
    def usd_per_accepted_image(self) -> float:
        """USD in all over the images accepted."""
        return self.total_usd / self.accepted

    def to_dict(self) -> dict[str, float]:
        """Return the month as plain values."""
        derived = ("gpu_usd", "total_usd", "utilization", "usd_per_accepted_image")
        return vars(self) | {name: getattr(self, name) for name in derived}


@dataclass(frozen=True)
class Bought:
    """What an API made in a month beside the GPUs, planned or real.

    Attributes:
        images: Images it made.
        usd: USD for them.
    """

    images: float
    usd: float

    def share_of(self, month: Month) -> float:
        """Return its share of all images."""
        return self.images / (self.images + month.images)

    def to_dict(self) -> dict[str, float]:
        """Return it as plain values."""
        return dict(vars(self))


NOTHING_BOUGHT = Bought(0.0, 0.0)


@dataclass(frozen=True)
class Reconciliation:
    """A month's bill beside its plan.

    Attributes:
        planned: The plan, as far as it rents GPUs.
        real: The bill and the log of the GPUs.
        planned_api: What the plan buys from an API beside them.
        real_api: What was bought from it.
        variance_usd: What price, volume, timing, idle and other charges each add to the plan, and
            price and volume of the API where the plan buys from one.
        warnings: What looks like a mistake in the input.
    """

    planned: Month
    real: Month
    planned_api: Bought
    real_api: Bought
    variance_usd: dict[str, float]
    warnings: tuple[str, ...]

    @property
    def planned_usd(self) -> float:
        """USD in all as planned."""
        return self.planned.total_usd + self.planned_api.usd

    @property
    def real_usd(self) -> float:
        """USD in all as billed."""
        return self.real.total_usd + self.real_api.usd

    @property
    def planned_usd_per_accepted_image(self) -> float:
        """USD in all over the images accepted, as planned."""
        return self.planned_usd / (self.planned.accepted + self.planned_api.images)

    @property
    def real_usd_per_accepted_image(self) -> float:
        """USD in all over the images accepted, an API's all taken as such."""
        return self.real_usd / (self.real.accepted + self.real_api.images)

    @property
    def sentence(self) -> str:
        """The result in words."""
        planned, real = self.planned, self.real
        change = self.real_usd - self.planned_usd
        more = "more" if change > 0 else "less"
        largest = max(self.variance_usd, key=lambda name: abs(self.variance_usd[name]))
        return (
            f"The bill is {usd(self.real_usd)}, {usd(abs(change))} {more} than planned; the "
            f"largest part is {largest} ({usd(self.variance_usd[largest])}). GPUs made images in "
            f"{percent(real.utilization)} of the time paid, {percent(planned.utilization)} "
            f"planned,{self._overflow} and an accepted image cost "
            f"{usd(self.real_usd_per_accepted_image)}, "
            f"{usd(self.planned_usd_per_accepted_image)} planned."
        )

    @property
    def _overflow(self) -> str:
        if not self.planned_api.images:
            return ""
        shares = self.real_api.share_of(self.real), self.planned_api.share_of(self.planned)
        went, meant = (percent(share) for share in shares)
        return f" {went} of the images went to the API, {meant} planned,"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "planned": self.planned.to_dict(),
            "real": self.real.to_dict(),
            "planned_api": self.planned_api.to_dict(),
            "real_api": self.real_api.to_dict(),
            "planned_usd": self.planned_usd,
            "real_usd": self.real_usd,
            "variance_usd": self.variance_usd,
            "warnings": list(self.warnings),
            "sentence": self.sentence,
        }


def reconciled(
    planned: Month,
    real: Month,
    planned_api: Bought = NOTHING_BOUGHT,
    real_api: Bought = NOTHING_BOUGHT,
) -> Reconciliation:
    """Return a month beside its plan, with the difference split into what caused it.

    Args:
        planned: The plan's GPUs.
        real: The month's.
        planned_api: What the plan buys from an API beside them.
        real_api: What was bought; only where the plan buys some.
    """
    weight = _logarithmic_mean(real.gpu_usd, planned.gpu_usd)
    factors = {
        "price": real.usd_per_gpu_hour / planned.usd_per_gpu_hour,
        "volume": real.images / planned.images,
        "timing": real.image_s / planned.image_s,
        "idle": planned.utilization / real.utilization,
    }
    split = {name: weight * math.log(ratio) for name, ratio in factors.items()}
    split["other charges"] = real.other_usd - planned.other_usd
    warnings = [*_warnings(planned, real)]
    if planned_api.images:
        split |= _split_api(planned_api, real_api)
        if not real_api.images:
            warnings.append(
                "no row of the bill counts images: nothing overflowed, or the API's bill is not "
                "given"
            )
    return Reconciliation(planned, real, planned_api, real_api, split, tuple(warnings))


def _split_api(planned: Bought, real: Bought) -> dict[str, float]:
    if min(real.images, real.usd, planned.usd) < SMALLEST:
        # What was not bought has no price: all of it is volume, and what is charged anyway price.
        volume = -planned.usd if real.images < SMALLEST else 0.0
        return {"API price": real.usd - planned.usd - volume, "API volume": volume}
    weight = _logarithmic_mean(real.usd, planned.usd)
    volume = weight * math.log(real.images / planned.images)
    return {"API price": real.usd - planned.usd - volume, "API volume": volume}


def _logarithmic_mean(one: float, other: float) -> float:
    if math.isclose(one, other, rel_tol=1e-12):
        return one
    return (one - other) / math.log(one / other)


def _warnings(planned: Month, real: Month) -> Iterator[str]:
    if real.utilization > 1:
        yield (
            f"the log holds {percent(real.utilization)} of the GPU time paid; hours of the bill or "
            "rows of the log belong to another month"
        )
    ratio = real.usd_per_gpu_hour / planned.usd_per_gpu_hour
    for factor, slip in SLIPS.items():
        if 0.8 < ratio / factor < 1.25 or 0.8 < ratio * factor < 1.25:
            yield f"the price paid is {ratio:.4g} times the plan's, which looks like {slip}"
    if real.accepted > real.images:
        yield "more images are accepted than made"
