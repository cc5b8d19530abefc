"""What a fleet that was sized for an objective does for those who wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fluxcost.capacity.fleet import Fleet
from fluxcost.estimate import Estimate
from fluxcost.workload import Objective


@dataclass(frozen=True, eq=False)
class Serving:
    """How a fleet serves requests that someone waits for.

    Attributes:
        fleet: The fewest replicas that meet the objective.
        objective: What the fleet was sized for.
        response: Seconds from arrival to last image, at the objective's percentile or goodput.
        probability_met: Share of timing worlds in which the objective is met.
        utilization: Share of the replicas' time that calls take.
        lost: Share of requests turned away.
        sized_by: Whether theory or simulation counted the replicas.
        why_not_fewer: What one replica fewer would do.
    """

    fleet: Fleet
    objective: Objective
    response: Estimate
    probability_met: float
    utilization: Estimate
    lost: float
    sized_by: Literal["theory", "simulation"]
    why_not_fewer: str

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
        }
