"""What a simulation and a sized fleet answer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from fluxcost.capacity.fleet import Fleet
from fluxcost.estimate import Estimate
from fluxcost.records import plain
from fluxcost.workload.constraints import Objective

Stability = Literal["stable", "backlogged", "overloaded"]


@dataclass(frozen=True, eq=False)
class RequestClassResult:
    """What requests that ask for the same saw, at the central timings.

    Attributes:
        shape: Such as "1024x1024, 4 steps".
        priority: 0 is served first.
        requests: Requests answered, over all replications.
        response_s: Percentile, such as "p95", to seconds.
    """

    shape: str
    priority: int
    requests: int
    response_s: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the line as plain values."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, eq=False)
class Simulation:
    """What happened to a workload on a fleet.

    Intervals hold the timing error of the calibration and the chance of the replications. Response
    is from a request's arrival to its last image; every request that was answered counts, also one
    answered after the last arrival, and `lost` is the share of those that were not. `lines` are at
    the central timings.

    Attributes:
        workload: Name.
        fleet: What served it; the cold start of its scaling is the one used.
        seed: The same seed gives the same result.
        replications: Runs at the central timings, each with its own arrivals.
        requests: Requests that came, over these runs.
        warm_up: Requests served before any counted, in each run.
        verdict: stable, backlogged or overloaded.
        reason: The rule behind the verdict, with its numbers.
        load: Work that arrives over what the replicas can do in full calls.
        response: "mean", "p50", ... and the objective's percentile, seconds; where its goodput is
            asked for also such as "p99 of all", in which requests never answered are the slowest.
        within_s: The bound of `goodput`, seconds; None without a bound or an objective.
        goodput: Share of all requests answered within the bound; lost ones are not.
        wait: Mean seconds an image waits for its call.
        utilization: Share of rented replica time that calls take.
        queue_length: Mean images waiting.
        longest_queue: Most images that waited at once, in any run.
        lost: Share of requests never answered: turned away, or lost with a call cut short.
        images_lost: Images never made, over all runs.
        images_per_call: Mean batch.
        replicas_rented: Mean replicas kept.
        starts: Replicas started, over all runs.
        calls_cut_short: Calls that a failure cut short, over all runs.
        probability_met: Share of timing draws that meet the objective; None without one.
        lines: Each shape and priority apart.
    """

    workload: str
    fleet: Fleet
    seed: int
    replications: int
    requests: int
    warm_up: int
    verdict: Stability
    reason: str
    load: float
    response: dict[str, Estimate]
    within_s: float | None
    goodput: Estimate | None
    wait: Estimate
    utilization: Estimate
    queue_length: Estimate
    longest_queue: int
    lost: Estimate
    images_lost: int
    images_per_call: Estimate
    replicas_rented: Estimate
    starts: int
    calls_cut_short: int
    probability_met: float | None
    lines: tuple[RequestClassResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}


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
