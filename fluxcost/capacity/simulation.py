"""What a simulation answers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.verdict import Verdict
from fluxcost.estimate import Estimate
from fluxcost.records import plain


@dataclass(frozen=True, eq=False)
class LineResult:
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
    verdict: Verdict
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
    lines: tuple[LineResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}
