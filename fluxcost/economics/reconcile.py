"""A month's bill and request log, read from files and compared with what was planned.

GPU cost is price x hours, and hours are images x seconds per image / utilization. The difference
between plan and bill is split into these four by the logarithmic mean Divisia index (LMDI-I; Ang,
Energy Policy 33 (2005) 867): each factor's part is the logarithmic mean of the two costs times the
logarithm of the factor's ratio. The parts add up exactly, in no particular order. API cost is
price x images, and is split alike.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxcost.documents import read_text
from fluxcost.economics.offers import SECONDS_PER_HOUR
from fluxcost.errors import DocumentError, InputError, MissingDataError
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


HOURS_OF_UNIT = {
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "instance-hours", "instance hours"), 1.0),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / SECONDS_PER_HOUR),
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 60),
}
"""Units of instance time; GB-hours and the like are not among them."""

GPU_UNITS = {"gpu-hours": 1.0, "gpu hours": 1.0, "gpu-seconds": 1 / SECONDS_PER_HOUR}
"""Units of GPU time, which no count of GPUs multiplies."""

IMAGE_UNITS = frozenset({"image", "images"})
"""Units of what an API made."""


def read_month(
    bills: Iterable[Path], requests: Path, gpus_per_instance: int, *, with_api: bool = False
) -> tuple[Month, Bought]:
    """Return what bills and a log say of a month: of the GPUs, and of an API beside them.

    Args:
        bills: FOCUS CSVs; BilledCost or, where there, EffectiveCost, ChargeCategory,
            ConsumedQuantity, ConsumedUnit and BillingCurrency are read.
        requests: CSV of the GPUs' calls: `images`, `gpu_s` (GPU seconds of the call) and `accepted`
            (how many of the images, or true or false for all of them).
        gpus_per_instance: GPUs in the instances whose hours the bill counts.
        with_api: Whether usage that is counted in images is an API's; else it is another charge.

    Raises:
        DocumentError: A file cannot be read or lacks a column.
        InputError: A cell is not what it should be, the message names its line; or a bill is given
            twice.
        MissingDataError: No bill holds GPU time, or the log no image.
    """
    totals = _bill_totals(list(bills), gpus_per_instance, with_api=with_api)
    images, gpu_s, accepted = _request_totals(requests)
    month = Month(
        usd_per_gpu_hour=totals.gpu_usd / totals.gpu_hours,
        images=images,
        image_s=gpu_s / images,
        gpu_hours=totals.gpu_hours,
        other_usd=totals.other_usd,
        accepted=accepted,
    )
    return month, Bought(totals.api_images, totals.api_usd)


@dataclass
class _Totals:
    gpu_usd: float = 0.0
    gpu_hours: float = 0.0
    api_usd: float = 0.0
    api_images: float = 0.0
    other_usd: float = 0.0


NEEDED = ("ChargeCategory", "ConsumedQuantity", "ConsumedUnit", "BillingCurrency")


def _bill_totals(paths: Sequence[Path], gpus_per_instance: int, *, with_api: bool) -> _Totals:
    totals = _Totals()
    for place, path in enumerate(paths):
        if path.resolve() in [each.resolve() for each in paths[:place]]:
            raise InputError(f"{path}: the bill is given twice; give each file once.")
        for line, row in _rows(path, NEEDED):
            if row["BillingCurrency"] != "USD":
                raise InputError(
                    f"{path}, line {line}: BillingCurrency is {row['BillingCurrency']!r}; expected "
                    "USD."
                )
            cost = "EffectiveCost" if row.get("EffectiveCost") else "BilledCost"
            amount = _number(path, line, row, cost)
            unit = row["ConsumedUnit"].strip().lower()
            per_unit = HOURS_OF_UNIT.get(unit, 0.0) * gpus_per_instance or GPU_UNITS.get(unit, 0.0)
            is_usage = row["ChargeCategory"] == "Usage"
            if is_usage and per_unit:
                totals.gpu_usd += amount
                totals.gpu_hours += _number(path, line, row, "ConsumedQuantity") * per_unit
            elif is_usage and with_api and unit in IMAGE_UNITS:
                totals.api_usd += amount
                totals.api_images += _number(path, line, row, "ConsumedQuantity")
            else:
                totals.other_usd += amount
    if totals.gpu_hours <= 0 or totals.gpu_usd <= 0:
        raise MissingDataError(
            f"{', '.join(map(str, paths))}: no usage is billed by time; expected rows of "
            "ChargeCategory Usage with ConsumedUnit Hours or Seconds."
        )
    return totals


def _request_totals(path: Path) -> tuple[float, float, float]:
    images = gpu_s = accepted = 0.0
    for line, row in _rows(path, ("images", "gpu_s", "accepted")):
        made = _number(path, line, row, "images")
        images += made
        gpu_s += _number(path, line, row, "gpu_s")
        accepted += _accepted(path, line, row, made)
    if min(images, gpu_s, accepted) <= 0:
        raise MissingDataError(
            f"{path}: {images:g} images, {accepted:g} accepted, {gpu_s:g} GPU seconds; expected "
            "some of each."
        )
    return images, gpu_s, accepted


def _accepted(path: Path, line: int, row: dict[str, str], made: float) -> float:
    text = row["accepted"].strip().lower()
    if text in {"true", "yes"}:
        return made
    if text in {"false", "no"}:
        return 0.0
    count = _number(path, line, row, "accepted")
    if count > made:
        raise InputError(f"{path}, line {line}: accepted is {count:g} of {made:g} images made.")
    return count


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(read_text(path)))
    columns = set(reader.fieldnames or ())
    if missing := [name for name in needed if name not in columns]:
        raise DocumentError(f"{path}: column {', '.join(missing)} is missing; add it.")
    for row in reader:
        yield reader.line_num, {name: value or "" for name, value in row.items() if name}


def _number(path: Path, line: int, row: dict[str, str], name: str) -> float:
    text = row.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    least = -math.inf if name.endswith("Cost") else 0.0
    if not math.isfinite(value) or value < least:
        raise InputError(f"{path}, line {line}: {name} is {text!r}; expected a number.")
    return value
