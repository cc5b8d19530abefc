"""The bill and the request log of a month against what was planned.

What GPUs cost is price x hours, and hours are images x seconds per image / utilization. The
difference between plan and bill is split into these four by the logarithmic mean Divisia index
(LMDI-I; Ang, Energy Policy 33 (2005) 867): each factor's part is the logarithmic mean of the two
costs times the logarithm of the factor's ratio. The parts add up exactly, in no particular order.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxcost.documents import read_text
from fluxcost.economics.offers import SECONDS_PER_HOUR
from fluxcost.errors import DocumentError, InputError, MissingDataError
from fluxcost.units import percent, usd

HOURS_OF_UNIT = {
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "instance-hours", "instance hours"), 1.0),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / SECONDS_PER_HOUR),
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 60),
}
"""Units of instance time; GB-hours and the like are not among them."""

GPU_UNITS = {"gpu-hours": 1.0, "gpu hours": 1.0, "gpu-seconds": 1 / SECONDS_PER_HOUR}
"""Units of GPU time, which no count of GPUs multiplies."""

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
class Reconciliation:
    """A month's bill beside its plan.

    Attributes:
        planned: The plan.
        real: The bill and the log.
        variance_usd: What price, volume, timing, idle and other charges each add to the plan.
        warnings: What looks like a mistake in the input.
    """

    planned: Month
    real: Month
    variance_usd: dict[str, float]
    warnings: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The result in words."""
        planned, real = self.planned, self.real
        change = real.total_usd - planned.total_usd
        more = "more" if change > 0 else "less"
        largest = max(self.variance_usd, key=lambda name: abs(self.variance_usd[name]))
        return (
            f"The bill is {usd(real.total_usd)}, {usd(abs(change))} {more} than planned; the "
            f"largest part is {largest} ({usd(self.variance_usd[largest])}). GPUs made images in "
            f"{percent(real.utilization)} of the time paid, {percent(planned.utilization)} "
            f"planned, and an accepted image cost {usd(real.usd_per_accepted_image)}, "
            f"{usd(planned.usd_per_accepted_image)} planned."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "planned": self.planned.to_dict(),
            "real": self.real.to_dict(),
            "variance_usd": self.variance_usd,
            "warnings": list(self.warnings),
            "sentence": self.sentence,
        }


def reconciled(planned: Month, real: Month) -> Reconciliation:
    """Return a month beside its plan, with the difference split into what caused it."""
    weight = _logarithmic_mean(real.gpu_usd, planned.gpu_usd)
    factors = {
        "price": real.usd_per_gpu_hour / planned.usd_per_gpu_hour,
        "volume": real.images / planned.images,
        "timing": real.image_s / planned.image_s,
        "idle": planned.utilization / real.utilization,
    }
    split = {name: weight * math.log(ratio) for name, ratio in factors.items()}
    split["other charges"] = real.other_usd - planned.other_usd
    return Reconciliation(planned, real, split, tuple(_warnings(planned, real)))


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


def read_month(bill: Path, requests: Path, gpus_per_instance: int) -> Month:
    """Return what a bill and a log say of a month.

    Args:
        bill: FOCUS CSV; BilledCost or, where there, EffectiveCost, ChargeCategory,
            ConsumedQuantity, ConsumedUnit and BillingCurrency are read.
        requests: CSV of calls: `images`, `gpu_s` (GPU seconds of the call) and `accepted` (how many
            of the images, or true or false for all of them).
        gpus_per_instance: GPUs in the instances whose hours the bill counts.

    Raises:
        DocumentError: A file cannot be read or lacks a column.
        InputError: A cell is not what it should be; the message names its line.
        MissingDataError: The bill holds no GPU time, or the log no image.
    """
    gpu_usd, gpu_hours, other_usd = _bill_totals(bill, gpus_per_instance)
    images, gpu_s, accepted = _request_totals(requests)
    return Month(
        usd_per_gpu_hour=gpu_usd / gpu_hours,
        images=images,
        image_s=gpu_s / images,
        gpu_hours=gpu_hours,
        other_usd=other_usd,
        accepted=accepted,
    )


def _bill_totals(path: Path, gpus_per_instance: int) -> tuple[float, float, float]:
    gpu_usd = gpu_hours = other_usd = 0.0
    needed = ("ChargeCategory", "ConsumedQuantity", "ConsumedUnit", "BillingCurrency")
    for line, row in _rows(path, needed):
        if row["BillingCurrency"] != "USD":
            raise InputError(
                f"{path}, line {line}: BillingCurrency is {row['BillingCurrency']!r}; expected USD."
            )
        cost = "EffectiveCost" if row.get("EffectiveCost") else "BilledCost"
        amount = _number(path, line, row, cost)
        unit = row["ConsumedUnit"].strip().lower()
        per_unit = HOURS_OF_UNIT.get(unit, 0.0) * gpus_per_instance or GPU_UNITS.get(unit, 0.0)
        if row["ChargeCategory"] == "Usage" and per_unit:
            gpu_usd += amount
            gpu_hours += _number(path, line, row, "ConsumedQuantity") * per_unit
        else:
            other_usd += amount
    if gpu_hours <= 0 or gpu_usd <= 0:
        raise MissingDataError(
            f"{path}: no usage is billed by time; expected rows of ChargeCategory Usage with "
            "ConsumedUnit Hours or Seconds."
        )
    return gpu_usd, gpu_hours, other_usd


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
