"""gpuhunt's catalog: one CSV per provider, named after it; prices are of whole instances per hour.

Columns are read by name, since old files lack the last four. Spot and on-demand are rows of their
own. Nothing in the file says when it was made or how time is billed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fluxcost.economics.importers.found import Found, Refused, gathered, number, read_csv, slug
from fluxcost.economics.importers.names import gpu_key
from fluxcost.economics.importers.offers import offer_row

NEEDED = ("instance_name", "location", "price", "gpu_count", "gpu_name", "gpu_memory", "spot")

PROVIDERS = {"lambdalabs": "lambda", "vastai": "vast", "datacrunch": "verda"}
"""Where gpuhunt's provider name is not the one used here."""


def read_gpuhunt(paths: Iterable[Path], as_of: dt.date) -> Found:
    """Return the offers of some files.

    Args:
        paths: `<provider>.csv`, one or more.
        as_of: Day of the catalog version.

    Raises:
        DocumentError: A file cannot be read or lacks a column.
    """
    return gathered("gpus", (row for path in paths for row in _rows(path, as_of)))


def _rows(path: Path, as_of: dt.date) -> Iterator[dict[str, Any] | Refused]:
    provider = PROVIDERS.get(path.stem, slug(path.stem))
    for row in read_csv(path, NEEDED):
        yield _row(provider, row, as_of)


def _row(provider: str, row: dict[str, str], as_of: dt.date) -> dict[str, Any] | Refused:
    name, spot = row["instance_name"], row["spot"].strip().lower()
    if not row["gpu_name"].strip():
        return Refused(name, "no GPU")
    if spot not in {"true", "false"}:
        return Refused(name, f"spot is {row['spot']!r}, neither True nor False")
    # Memory is per GPU here, in GB; a name alone cannot tell the A100s apart.
    key = gpu_key(row["gpu_name"], name, number(row["gpu_memory"]))
    return offer_row(
        provider=provider,
        instance=name,
        gpu=key,
        gpu_name=row["gpu_name"],
        gpu_count=number(row["gpu_count"]),
        usd_per_hour=number(row["price"]),
        is_spot=spot == "true",
        region=row["location"],
        source=f"gpuhunt catalog, {provider}",
        as_of=as_of,
    )
