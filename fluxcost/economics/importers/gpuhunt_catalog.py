"""gpuhunt's catalog: one CSV per provider, named after it; prices are of whole instances per hour.

Columns are read by name, since old files lack the last four. Spot and on-demand are rows of their
own. Nothing in the file says when it was made or how time is billed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fluxcost.economics.importers.gpu_keys import gpu_key
from fluxcost.economics.importers.imported_rows import (
    ImportResult,
    RefusedRow,
    collect_rows,
    number,
    offer_row,
    read_csv,
    slug,
)

NEEDED = ("instance_name", "location", "price", "gpu_count", "gpu_name", "gpu_memory", "spot")

PROVIDERS = {"lambdalabs": "lambda", "vastai": "vast", "datacrunch": "verda"}
"""Where gpuhunt's provider name is not the one used here."""


SOURCE = "gpuhunt catalog"
"""How the source of each row begins."""


def provider_key(name: str) -> str:
    """Return the provider key of gpuhunt's name for it."""
    return PROVIDERS.get(name, slug(name))


def read_gpuhunt(paths: Iterable[Path], as_of: dt.date) -> ImportResult:
    """Return the offers of some files.

    Args:
        paths: `<provider>.csv`, one or more.
        as_of: Day of the catalog version.

    Raises:
        DocumentError: A file cannot be read or lacks a column.
    """
    return collect_rows("gpus", (row for path in paths for row in _rows(path, as_of)))


def _rows(path: Path, as_of: dt.date) -> Iterator[dict[str, Any] | RefusedRow]:
    provider = provider_key(path.stem)
    for row in read_csv(path, NEEDED):
        name, spot = row["instance_name"], row["spot"].strip().lower()
        if spot not in {"true", "false"}:
            yield RefusedRow(name, f"spot is {row['spot']!r}, neither True nor False")
            continue
        yield offer_of(
            provider,
            as_of=as_of,
            instance=name,
            region=row["location"],
            usd_per_hour=number(row["price"]),
            gpu_count=number(row["gpu_count"]),
            gpu_name=row["gpu_name"].strip(),
            gpu_memory_gb=number(row["gpu_memory"]),
            is_spot=spot == "true",
        )


def offer_of(  # noqa: PLR0913 - one argument a field of the item
    provider: str,
    *,
    as_of: dt.date,
    instance: str,
    region: str,
    usd_per_hour: float | None,
    gpu_count: float | None,
    gpu_name: str,
    gpu_memory_gb: float | None,
    is_spot: bool,
) -> dict[str, Any] | RefusedRow:
    """Return one item of a catalog as a price row, or the reason it is none.

    Args:
        provider: Provider key.
        as_of: Day of the catalog version.
        instance: The vendor's name of the instance.
        region: Where.
        usd_per_hour: USD an hour for the whole instance.
        gpu_count: GPUs in it.
        gpu_name: What the catalog calls them; empty where there are none.
        gpu_memory_gb: GB of one GPU.
        is_spot: Whether it may be interrupted.
    """
    if not gpu_name:
        return RefusedRow(instance, "no GPU")
    return offer_row(
        provider=provider,
        instance=instance,
        # Memory is per GPU here, in GB; a name alone cannot tell the A100s apart.
        gpu=gpu_key(gpu_name, instance, gpu_memory_gb),
        gpu_name=gpu_name,
        gpu_count=gpu_count,
        usd_per_hour=usd_per_hour,
        is_spot=is_spot,
        region=region,
        source=f"{SOURCE}, {provider}",
        as_of=as_of,
    )
