"""The files of a month: FOCUS bills and a log of requests, read for what drove the cost."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fluxcost.documents import read_text
from fluxcost.economics.offers import SECONDS_PER_HOUR
from fluxcost.economics.reconcile import Bought, Month
from fluxcost.errors import DocumentError, InputError, MissingDataError

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
