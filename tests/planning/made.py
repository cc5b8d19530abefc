"""Prices and workloads made for tests; timings come from tests/synthetic.py."""

import datetime as dt
from typing import Any

from fluxcost.economics.catalog import Catalog
from fluxcost.economics.offers import Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.workload.workload import Workload

TODAY = dt.date(2026, 11, 22)


def offer(name: str = "h200", *, usd: float = 3.6, step_s: float = 1.0, **fields: Any) -> Offer:
    row = {
        "id": f"shop/{name}",
        "provider": "shop",
        "currency": "USD",
        "source": "a test",
        "as_of": dt.date(2026, 11, 1),
        "as_of_kind": "stated",
        "grade": "A",
        "sku": name,
        "gpu": "h200-sxm",
        "gpu_count": 1,
        "kind": "on-demand",
        "price": {"amount": usd, "unit": "gpu-hour"},
        "billing": {"granularity_s": step_s},
    }
    return Offer.parse(row | fields, "a made offer")


def tariff(name: str = "klein", *, usd: float = 0.001, **fields: Any) -> Tariff:
    row = {
        "id": f"api/{name}",
        "provider": "api",
        "currency": "USD",
        "source": "a test",
        "as_of": dt.date(2026, 11, 1),
        "as_of_kind": "stated",
        "grade": "A",
        "model": "flux2-klein-4b",
        "price": {"shape": "flat", "usd": usd},
    }
    return Tariff.parse(row | fields, "a made tariff")


def catalog(*rows: Offer | Tariff) -> Catalog:
    return Catalog(
        offers=tuple(row for row in rows if isinstance(row, Offer)),
        tariffs=tuple(row for row in rows if isinstance(row, Tariff)),
    )


def workload(**fields: Any) -> Workload:
    document = {
        "name": "made",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
        "deadline": {"images": 100_000, "hours": 8},
        "utilization": 0.9,
        "startup_minutes": 10,
    }
    merged = {key: value for key, value in (document | fields).items() if value is not None}
    return Workload.parse(merged, "a made workload")
