"""skypilot-catalog: `<cloud>/vms.csv`, one row per instance, region and zone.

Price and SpotPrice are of the whole instance per hour, on one row. A spot price that is missing is
blank, 0 or a copy of the price, by cloud; a blank price with a spot price is sold as spot only.
GpuInfo is not read: its memory is wrong in several clouds. H100 may be PCIe, SXM or NVL, and only
the instance's name tells.
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

NEEDED = (
    "InstanceType",
    "AcceleratorName",
    "AcceleratorCount",
    "Price",
    "SpotPrice",
    "Region",
)


def read_skypilot(paths: Iterable[Path], as_of: dt.date) -> ImportResult:
    """Return the offers of some files.

    Args:
        paths: `<cloud>/vms.csv` or `<cloud>.csv`, one or more; the name is the provider.
        as_of: Day of the commit or download; the file does not say.

    Raises:
        DocumentError: A file cannot be read or lacks a column.
    """
    return collect_rows("gpus", (row for path in paths for row in _rows(path, as_of)))


def _rows(path: Path, as_of: dt.date) -> Iterator[dict[str, Any] | RefusedRow]:
    provider = slug(path.parent.name if path.stem == "vms" else path.stem)
    for row in read_csv(path, NEEDED):
        if row["AcceleratorName"].strip():
            yield from _sold(provider, row, as_of)
        else:
            yield RefusedRow(row["InstanceType"], "no GPU")


def _sold(
    provider: str, row: dict[str, str], as_of: dt.date
) -> Iterator[dict[str, Any] | RefusedRow]:
    price, spot = number(row["Price"]), number(row["SpotPrice"])
    ways = []
    if price is not None:
        ways.append((price, False))
    if spot and spot != price:
        ways.append((spot, True))
    if not ways:
        yield RefusedRow(row["InstanceType"], "no price")
    for usd_per_hour, is_spot in ways:
        yield offer_row(
            provider=provider,
            instance=row["InstanceType"],
            gpu=gpu_key(row["AcceleratorName"], row["InstanceType"], None),
            gpu_name=row["AcceleratorName"],
            gpu_count=number(row["AcceleratorCount"]),
            usd_per_hour=usd_per_hour,
            is_spot=is_spot,
            region=row["Region"],
            source=f"skypilot-catalog, {provider}/vms.csv",
            as_of=as_of,
        )
