"""The recipe of plans: everything they were made from, so that they can be made again."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fluxcost.economics.catalog import Catalog
from fluxcost.economics.rows import PriceRow
from fluxcost.workload import Workload

Depth = Literal["simulated", "analytic"]
"""Whether the simulator decides how many replicas serve, or queueing theory alone."""

SHOWN_DIGITS = 12
"""Hex digits of a hash kept; `load_calibration` takes 8 or more."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """What plans were made from.

    Attributes:
        workload: What was asked.
        catalog: The prices.
        calibrations: Content hash of every calibration of the model, by name.
        today: Day prices were judged on.
        depth: Whether the simulator decided.
        seed: Of the simulation.
    """

    workload: Workload
    catalog: Catalog
    calibrations: Mapping[str, str]
    today: dt.date
    depth: Depth
    seed: int

    def to_dict(self, options: Iterable[str]) -> dict[str, Any]:
        """Return the recipe as plain values, with the hashes of some offers and tariffs."""
        rows = {row.id: row for row in (*self.catalog.offers, *self.catalog.tariffs)}
        return {
            "workload": self.workload.to_dict(),
            "today": self.today.isoformat(),
            "depth": self.depth,
            "seed": self.seed,
            "calibrations": dict(self.calibrations),
            "prices": {name: price_hash(rows[name]) for name in sorted(set(options))},
        }


def price_hash(row: PriceRow) -> str:
    """Return the first hex digits of the SHA-256 of a price row's canonical JSON."""
    canonical = json.dumps(row.to_dict(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:SHOWN_DIGITS]
