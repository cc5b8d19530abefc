"""What an importer finds in a file: rows that can be used, and what was refused and why."""

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
from fluxcost.errors import DocumentError, InputError

LEAST_USD_PER_GPU_HOUR, MOST_USD_PER_GPU_HOUR = 0.02, 50.0
"""Bounds that catch slips of the unit: a month's price, a second's, a whole node's for one GPU."""


@dataclass(frozen=True)
class Refused:
    """A row that was not imported.

    Attributes:
        row: What the file calls it.
        reason: Why.
    """

    row: str
    reason: str


@dataclass(frozen=True)
class Found:
    """What a file holds.

    Attributes:
        kind: gpus or apis, as the folder of a catalog.
        rows: Price rows by provider, ready to be written.
        refused: What was not imported.
    """

    kind: str
    rows: dict[str, tuple[dict[str, Any], ...]]
    refused: tuple[Refused, ...]

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(len(rows) for rows in self.rows.values())

    @property
    def reasons(self) -> dict[str, int]:
        """How often each reason to refuse came up, the commonest first."""
        return dict(collections.Counter(each.reason for each in self.refused).most_common())


def gathered(kind: str, outcomes: Iterable[dict[str, Any] | Refused]) -> Found:
    """Part rows from refusals; the same price seen again, such as in another zone, is one row."""
    rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = collections.defaultdict(dict)
    refused = []
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            refused.append(outcome)
            continue
        provider = outcome["id"].split("/")[0]
        content = tuple(
            (key, str(value)) for key, value in outcome.items() if key not in {"id", "region"}
        )
        rows[provider].setdefault(content, outcome)
    named = {provider: tuple(_named_apart(found.values())) for provider, found in rows.items()}
    return Found(kind, named, tuple(refused))


def _named_apart(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows whose ids differ: where a price depends on the region, its name is in the id."""
    given = list(rows)
    counts = collections.Counter(row["id"] for row in given)
    taken: set[str] = set()
    for row in given:
        row_id = row["id"]
        if counts[row_id] > 1 and row.get("region"):
            row_id = f"{row_id}-{slug(row['region'])}"
        base, number = row_id, 2
        while row_id in taken:
            row_id, number = f"{base}-{number}", number + 1
        taken.add(row_id)
        yield row | {"id": row_id}


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
