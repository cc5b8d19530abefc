"""One offer from another catalog's fields, or the reason it is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fluxcost.economics.importers.found import (
    LEAST_USD_PER_GPU_HOUR,
    MOST_USD_PER_GPU_HOUR,
    Refused,
    slug,
)

MARKETPLACES = frozenset({"vast", "lium", "primeintellect"})
"""Providers whose prices are set by hosts, day by day."""


def offer_row(  # noqa: PLR0913 - one argument a field of the row
    *,
    provider: str,
    instance: str,
    gpu: tuple[str, bool] | None,
    gpu_name: str,
    gpu_count: float | None,
    usd_per_hour: float | None,
    is_spot: bool,
    region: str,
    source: str,
    as_of: dt.date,
) -> dict[str, Any] | Refused:
    """Return a price row as plain values, without the provider.

    Args:
        provider: Provider key.
        instance: The vendor's name of the instance.
        gpu: GPU key and whether its variant is stated; None for a GPU not in the table.
        gpu_name: What the catalog calls it.
        gpu_count: GPUs in the instance.
        usd_per_hour: USD per hour of the whole instance.
        is_spot: Whether it may be interrupted.
        region: Where.
        source: Which catalog.
        as_of: Day of the catalog.
    """
    if gpu is None:
        return Refused(instance, f"GPU {gpu_name!r} is not in the table of names")
    if gpu_count is None or gpu_count < 1 or gpu_count != int(gpu_count):
        return Refused(instance, "GPU count is not a whole number of at least 1")
    if usd_per_hour is None or usd_per_hour <= 0:
        return Refused(instance, "no price")
    each = usd_per_hour / gpu_count
    if not LEAST_USD_PER_GPU_HOUR <= each <= MOST_USD_PER_GPU_HOUR:
        return Refused(instance, "price per GPU-hour out of bounds; the unit may be another")
    key, is_stated = gpu
    market = provider in MARKETPLACES
    kind = "spot" if is_spot else "marketplace" if market else "on-demand"
    return {
        "id": f"{provider}/{slug(instance)}{'-spot' if is_spot else ''}",
        "sku": instance,
        "gpu": key,
        "variant_stated": is_stated,
        "gpu_count": int(gpu_count),
        "kind": kind,
        "price": {"amount": usd_per_hour, "unit": "instance-hour"},
        **({"basis": "market", "tier": "marketplace"} if market else {}),
        "currency": "USD",
        "region": region,
        "source": source,
        "as_of": as_of,
        "as_of_kind": "package",
        "grade": "B" if market else "A",
    }
