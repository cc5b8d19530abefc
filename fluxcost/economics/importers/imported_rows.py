"""What an importer reads from a file: price rows, and the rows it refused with the reason."""

from __future__ import annotations

import collections
import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxcost.documents import read_text
from fluxcost.economics.price_row import DateKind
from fluxcost.errors import DocumentError, InputError

LEAST_USD_PER_GPU_HOUR, MOST_USD_PER_GPU_HOUR = 0.02, 50.0
"""Bounds that catch slips of the unit: a month's price, a second's, a whole node's for one GPU."""


@dataclass(frozen=True)
class RefusedRow:
    """A row that was not imported.

    Attributes:
        row: What the file calls it.
        reason: Why.
    """

    row: str
    reason: str


Outcome = dict[str, Any] | RefusedRow
"""A price row as plain values, or why there is none."""


@dataclass(frozen=True)
class ImportResult:
    """What a file holds.

    Attributes:
        kind: gpus or apis, as the folder of a catalog.
        rows: Price rows by provider, ready to be written.
        refused: What was not imported.
    """

    kind: str
    rows: dict[str, tuple[dict[str, Any], ...]]
    refused: tuple[RefusedRow, ...]

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(len(rows) for rows in self.rows.values())

    @property
    def reasons(self) -> dict[str, int]:
        """How often each reason to refuse came up, the commonest first."""
        return dict(collections.Counter(each.reason for each in self.refused).most_common())


def collect_rows(kind: str, outcomes: Iterable[Outcome]) -> ImportResult:
    """Part rows from refusals; the same price in several regions is one row that names them."""
    rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = collections.defaultdict(dict)
    refused = []
    for outcome in outcomes:
        if isinstance(outcome, RefusedRow):
            refused.append(outcome)
            continue
        provider = outcome["id"].split("/")[0]
        content = tuple(
            (key, str(value)) for key, value in outcome.items() if key not in {"id", "region"}
        )
        row = rows[provider].setdefault(content, outcome)
        region, known = outcome.get("region", ""), row.get("region", "")
        if known and not set(regions_of(region)) <= set(regions_of(known)):
            row["region"] = f"{known}{REGION_GAP}{region}"
    named = {provider: tuple(_named_apart(found.values())) for provider, found in rows.items()}
    return ImportResult(kind, named, tuple(refused))


def _named_apart(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows whose ids differ: where a price depends on the region, its name is in the id."""
    given = list(rows)
    counts = collections.Counter(row["id"] for row in given)
    taken: set[str] = set()
    for row in given:
        row_id = row["id"]
        if counts[row_id] > 1 and row.get("region"):
            row_id = f"{row_id}-{slug(regions_of(row['region'])[0])}"
        base, number = row_id, 2
        while row_id in taken:
            row_id, number = f"{base}-{number}", number + 1
        taken.add(row_id)
        yield row | {"id": row_id}


REGION_GAP = ", "
"""Between the regions of a row whose price is the same in all of them."""


def regions_of(text: str) -> list[str]:
    """Return the regions that a row names; none where it names none."""
    return [part for part in re.split(r"\s*[,/]\s*", text) if part]


def slug(text: str) -> str:
    """Return text as a part of an id: lower case, other characters turned into hyphens."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unnamed"


def read_csv(path: Path, needed: Iterable[str]) -> list[dict[str, str]]:
    """Read a CSV file by column name.

    Raises:
        DocumentError: The file cannot be read or lacks a column.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    missing = set(needed) - set(reader.fieldnames or ())
    if missing:
        raise DocumentError(
            f"{path}: column {', '.join(sorted(missing))} is missing; give the catalog's own file."
        )
    return list(reader)


def number(text: str | None) -> float | None:
    """Return a number, or None where the cell is empty or none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 - NaN is not itself


def day_of(text: str, named: str = "as-of") -> dt.date:
    """Return the date of `2026-08-18` or of a catalog version such as `20260818-42`.

    Args:
        text: As given.
        named: What it is, for the message.

    Raises:
        InputError: It is neither.
    """
    digits = re.fullmatch(r"(\d{4})-?(\d{2})-?(\d{2})(-\d+)?", text)
    try:
        assert digits is not None  # noqa: S101 - turned into the refusal below
        return dt.date(*(int(part) for part in digits.groups()[:3]))
    except (AssertionError, ValueError):
        raise InputError(
            f"{named} is {text!r}; expected a day, such as 2026-08-18, or a version of a catalog, "
            "such as 20260818-42."
        ) from None


MARKETPLACES = frozenset(
    {"lium", "primeintellect", "salad", "sfcompute", "spheron", "tensordock", "vast"}
)
"""Providers whose prices are set by hosts, day by day."""


def offer_row(  # noqa: PLR0913 - one argument a field of the row
    *,
    provider: str,
    instance: str,
    gpu: tuple[str, bool] | None,
    gpu_name: str,
    gpu_count: float | None,
    usd_per_hour: float | None,
    kind: str,
    tier: str = "standard",
    region: str,
    source: str,
    as_of: dt.date,
    as_of_kind: DateKind,
) -> Outcome:
    """Return a price row as plain values, without the provider.

    Args:
        provider: Provider key.
        instance: The vendor's name of the instance.
        gpu: GPU key and whether its variant is stated; None for a GPU not in the table.
        gpu_name: What the catalog calls it.
        gpu_count: GPUs in the instance.
        usd_per_hour: USD per hour of the whole instance.
        kind: on-demand, spot or serverless.
        tier: Who stands behind the host; a marketplace has its own.
        region: Where.
        source: Which catalog.
        as_of: Day of the price.
        as_of_kind: What that day is.
    """
    if gpu is None:
        return RefusedRow(instance, f"GPU {gpu_name!r} is not in the table of names")
    if gpu_count is None or gpu_count < 1 or gpu_count != int(gpu_count):
        return RefusedRow(instance, "GPU count is not a whole number of at least 1")
    if usd_per_hour is None or usd_per_hour <= 0:
        return RefusedRow(instance, "no price")
    each = usd_per_hour / gpu_count
    if not LEAST_USD_PER_GPU_HOUR <= each <= MOST_USD_PER_GPU_HOUR:
        return RefusedRow(instance, "price per GPU-hour out of bounds; the unit may be another")
    key, is_stated = gpu
    market = provider in MARKETPLACES
    if market:
        tier, kind = "marketplace", "marketplace" if kind == "on-demand" else kind
    return {
        "id": f"{provider}/{slug(instance)}{'-spot' if kind == 'spot' else ''}",
        "sku": instance,
        "gpu": key,
        "variant_stated": is_stated,
        "gpu_count": int(gpu_count),
        "kind": kind,
        "price": {"amount": usd_per_hour, "unit": "instance-hour"},
        **({"basis": "market"} if market else {}),
        **({"tier": tier} if tier != "standard" else {}),
        "currency": "USD",
        "region": region,
        "source": source,
        "as_of": as_of,
        "as_of_kind": str(as_of_kind),
        "grade": "B",
    }
