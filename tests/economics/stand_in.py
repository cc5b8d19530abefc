"""A stand-in for a fit, and short ways to write an offer and a tariff."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from fluxcost.economics.offers import Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.estimate import Estimate, Source
from fluxcost.workload.shape import Shape

TODAY = dt.date(2026, 11, 24)
PRICED_ON = dt.date(2026, 11, 20)
"""The day the stand-in's prices were read: on it they have not moved yet."""

SQUARE = Shape(1024, 1024, 4)

SAID = {
    "currency": "USD",
    "source": "a test",
    "as_of": PRICED_ON,
    "as_of_kind": "stated",
    "grade": "A",
}


@dataclass(frozen=True)
class Clock:
    """Half a second per image, with one shared timing error of a chosen relative size."""

    seconds: float = 0.5
    sigma: float = 0.0
    gpu: str = "h100-sxm"

    @property
    def calibration(self) -> SimpleNamespace:
        return SimpleNamespace(gpu=SimpleNamespace(key=self.gpu), model="flux2-klein-4b")

    def occupancy(self, shape: Shape, *, batch: int = 1) -> Estimate:
        seconds = self.seconds * batch
        return Estimate.spread(seconds, {"clock": self.sigma}, "s", Source.MEASURED, "cell")

    def throughput(self, shape: Shape, *, batch: int = 1) -> Estimate:
        rate = 1 / self.seconds
        return Estimate.spread(rate, {"clock": -self.sigma}, "images/s", Source.MEASURED, "cell")


def offer(amount: float = 3.6, unit: str = "gpu-hour", **fields: Any) -> Offer:
    row = {"id": "acme/h100", "provider": "acme", "sku": "H100", "gpu": "h100-sxm"}
    price = {"price": {"amount": amount, "unit": unit}}
    return Offer.parse(row | {"gpu_count": 1, "kind": "on-demand"} | price | SAID | fields, "offer")


def tariff(price: dict[str, Any] | None = None, **fields: Any) -> Tariff:
    row = {"id": "acme/images", "provider": "acme", "model": "flux2-klein-4b"}
    flat = {"price": price or {"shape": "flat", "usd": 0.014}}
    return Tariff.parse(row | flat | SAID | fields, "tariff")
