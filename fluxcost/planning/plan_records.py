"""What plans hold: components, the steps chosen for a quality floor, and how to repeat them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fluxcost.capacity.fleet import Batching, Fleet, Scaling
from fluxcost.economics.catalog import Catalog
from fluxcost.economics.price_row import PriceRow
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate
from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.workload.workload import Workload


@dataclass(frozen=True, eq=False)
class QualityChoice:
    """What a quality floor lets through.

    Attributes:
        model: Name of the model.
        steps: Denoising steps; None for an API whose steps nobody states.
        metric: What was scored.
        value: The score.
        judge: Whose it is.
    """

    model: str
    steps: int | None
    metric: Metric
    value: Estimate
    judge: str

    def __str__(self) -> str:
        return self.model if self.steps is None else f"{self.model} at {self.steps} steps"

    def to_dict(self) -> dict[str, Any]:
        """Return the choice as plain values."""
        return {
            "model": self.model,
            "steps": self.steps,
            "metric": str(self.metric),
            "value": self.value.to_dict(),
            "judge": self.judge,
        }


Mode = Literal["deadline", "always-on", "on-demand", "scheduled", "overflow", "api"]
"""One job by a deadline, a whole month, only while there is work, by the hours of a profile, a
whole month with an API for the rest, or someone else's GPUs."""


@dataclass(frozen=True, eq=False)
class Component:
    """One offer rented or one tariff paid, for a share of the images.

    Attributes:
        option: Id of the offer or tariff.
        mode: How it is bought.
        gpu: GPU key; None for an API.
        gpus: GPUs rented at once, whole instances; 0 for an API.
        replicas: That serve; an instance sold whole may have GPUs to spare.
        calibration: Alias of the calibration whose timings it rests on; None for an API.
        batching: How images are joined into calls; None for an API.
        queue_limit: Images that may wait before requests are turned away; None for any number.
        scaling: When replicas come and go; None where they are kept.
        share: Of the images, 0 to 1; the shares of a plan sum to 1.
        total: USD per job or USD per month.
        hourly_replicas: Replicas rented in each hour of the workload's profile; None where they are
            the same all the time.
        gpus_per_image: GPUs that make each image together; a replica is then all of them.
    """

    option: str
    mode: Mode
    gpu: str | None
    gpus: int
    replicas: int
    calibration: str | None
    batching: Batching | None
    queue_limit: int | None
    scaling: Scaling | None
    share: float
    total: Estimate
    hourly_replicas: tuple[int, ...] | None = None
    gpus_per_image: int = 1

    @property
    def fleet(self) -> Fleet:
        """The replicas, as `simulate` takes them.

        Raises:
            InputError: The component buys from an API, or is of more GPUs than can be simulated.
        """
        if self.calibration is None or self.batching is None:
            raise InputError(
                f"{self.option} is an API, whose GPUs are not known; choose a plan that rents GPUs."
            )
        document = {
            "calibration": self.calibration,
            "replicas": self.replicas,
            "gpus_per_image": self.gpus_per_image,
            "batching": self.batching,
            "queue_limit": self.queue_limit,
            "scaling": self.scaling,
        }
        return Fleet.parse(document, f"the fleet of {self.option}")

    def to_dict(self) -> dict[str, Any]:
        """Return the component as plain values."""
        return {
            "option": self.option,
            "mode": self.mode,
            "gpu": self.gpu,
            "gpus": self.gpus,
            "replicas": self.replicas,
            "gpus_per_image": self.gpus_per_image,
            "calibration": self.calibration,
            "batching": self.batching and self.batching.to_dict(),
            "queue_limit": self.queue_limit,
            "scaling": self.scaling and self.scaling.to_dict(),
            "share": self.share,
            "total": self.total.to_dict(),
            "hourly_replicas": self.hourly_replicas and list(self.hourly_replicas),
        }


Depth = Literal["simulated", "analytic"]
"""Whether the simulator decides how many replicas serve, or queueing theory alone."""

SHOWN_DIGITS = 12
"""Hex digits of a hash kept; `load_calibration` takes 8 or more."""


@dataclass(frozen=True, eq=False)
class PlanRecipe:
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
