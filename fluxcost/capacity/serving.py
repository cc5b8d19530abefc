"""What a fleet that was sized for an objective does for those who wait."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from fluxcost.capacity.fleet import Fleet
from fluxcost.estimate import Estimate
from fluxcost.records import plain
from fluxcost.workload import Objective


@dataclass(frozen=True, eq=False)
class Served:
    """How one workload of several that share a fleet is served.

    Attributes:
        workload: Its name.
        objective: What it asks.
        requests: Of its own that were simulated.
        response: Seconds from arrival to last image, at the objective's percentile or goodput.
        goodput: Share of its requests answered within the objective's bound.
        probability_met: Share of timing draws in which its objective is met.
        gpu_share: Its part of the GPU seconds that calls take; a call's are shared by its images.
    """

    workload: str
    objective: Objective
    requests: int
    response: Estimate
    goodput: Estimate
    probability_met: float
    gpu_share: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}


@dataclass(frozen=True, eq=False)
class Serving:
    """How a fleet serves requests that someone waits for.

    Attributes:
        fleet: The fewest replicas that meet the objective.
        objective: What the fleet was sized for.
        response: Seconds from arrival to last image, at the objective's percentile or goodput.
        probability_met: Share of timing draws in which the objective is met.
        utilization: Share of the replicas' time that calls take.
        lost: Share of requests turned away.
        sized_by: Whether theory or simulation counted the replicas.
        why_not_fewer: What one replica fewer would do.
        shared: Each workload where several share the fleet; the fields above are then of the one
            whose objective is met least surely.
    """

    fleet: Fleet
    objective: Objective
    response: Estimate
    probability_met: float
    utilization: Estimate
    lost: float
    sized_by: Literal["theory", "simulation"]
    why_not_fewer: str
    shared: tuple[Served, ...] = ()

    @property
    def about(self) -> str:
        """What the response is of: such as "p95", or "p95 of NAME" where several share."""
        if not self.shared:
            return self.objective.label
        least_sure = min(self.shared, key=lambda served: served.probability_met)
        return f"{self.objective.label} of {least_sure.workload}"

    def to_dict(self) -> dict[str, Any]:
        """Return the serving as plain values."""
        return {
            "fleet": self.fleet.to_dict(),
            "percentile": self.objective.percentile,
            "goodput": self.objective.goodput,
            "within_s": self.objective.within_s,
            "response": self.response.to_dict(),
            "probability_met": self.probability_met,
            "utilization": self.utilization.to_dict(),
            "lost": self.lost,
            "sized_by": self.sized_by,
            "why_not_fewer": self.why_not_fewer,
            "shared": plain(self.shared),
        }
