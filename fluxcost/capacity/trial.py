"""A demand on a fleet, ready to be run as often as wanted."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from fluxcost.capacity.arrivals import Arrivals
from fluxcost.capacity.demand import Demand
from fluxcost.capacity.engine import Run, run_once
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.pooling import Pools, pooled
from fluxcost.capacity.servers import Rules
from fluxcost.capacity.service import Service
from fluxcost.counts import refuse_bad_seed

REQUESTS = 50_000
"""Requests counted in one replication."""

WARM_UP = 0.2
"""Requests served before any counts, over those that count; a replay or a job has none."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A demand on a fleet, ready to be run.

    Attributes:
        demand: What asks.
        service: How long calls take, at every batch up to the fleet's.
        fleet: Who serves; the cold start of its scaling is stated.
        seed: Of all runs.
        requests: Asked to count in one run.
        ready_s: When the replicas are first free.

    Raises:
        InputError: The seed is out of range.
    """

    demand: Demand
    service: Service
    fleet: Fleet
    seed: int = 0
    requests: int = REQUESTS
    ready_s: float = 0.0

    def __post_init__(self) -> None:
        refuse_bad_seed(self.seed)

    @functools.cached_property
    def pools(self) -> Pools:
        """Where requests wait, as the fleet batches."""
        return pooled(self.demand, self.service, self.fleet.batching.together)

    @property
    def warm_up(self) -> int:
        """Requests served before any counts."""
        return 0 if self.demand.requests is not None else round(self._length[1] * WARM_UP)

    @property
    def image_s(self) -> float:
        """Mean seconds of a replica an image takes in full calls, as where many wait."""
        return self.service.image_s(self.demand.image_shares)

    @property
    def replicas_up(self) -> float:
        """Mean replicas that are up, of those that serve; the most where they come and go."""
        failures = self.fleet.failures
        return self.fleet.serving * (1.0 if failures is None else failures.availability)

    def load(self, span_s: float) -> float:
        """Return the work that arrives over what the replicas that are up can do in full calls."""
        images = self.demand.images * (self.demand.requests or 0)
        rate = self.demand.rate_per_s
        per_s = images / span_s if rate is None else rate * self.demand.images
        return per_s * self.image_s / self.replicas_up

    def run(self, replication: int, factor: float = 1.0) -> Run:
        """Run once: the same replication sees the same arrivals, whatever the fleet and factor."""
        arrivals, requests = self._length
        return run_once(
            arrivals,
            requests,
            self.pools.service,
            self._rules,
            seed=(self.seed, replication),
            factor=factor,
            warm_up=self.warm_up,
        )

    @functools.cached_property
    def _length(self) -> tuple[Arrivals, int]:
        call_s = float(self.service.occupancy_s[:, -1].max())
        return self.demand.planned_requests(self.requests, call_s)

    @functools.cached_property
    def _rules(self) -> Rules:
        fleet = self.fleet
        return Rules(
            replicas=fleet.serving,
            batching=fleet.batching,
            images=tuple(line.images for line in self.demand.lines),
            waits_in=self.pools.waits_in,
            priorities=self.pools.priorities,
            queue_limit=fleet.queue_limit,
            scaling=fleet.scaling,
            failures=fleet.failures,
            standing_by=fleet.replicas + fleet.reserve - fleet.serving,
            ready_s=self.ready_s,
        )
