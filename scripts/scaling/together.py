"""All GPUs of a host at once beside each alone, and what a plan makes of it."""

from __future__ import annotations

from collections.abc import Iterable

from fluxcost.performance.scaling.replica_windows import ReplicaWindows
from fluxcost.performance.scaling.scaling_law import published_law
from measure.replicas.scaling_report import STAGES
from scripts.scaling.predicted import FOUR
from scripts.scaling.windows import Hosts, alone, at_once, efficiency, one_start, place, stages
from scripts.tables import share, table


def together(fleets: dict[str, ReplicaWindows], hosts: Hosts) -> Iterable[str]:
    """Yield the section on a process on each GPU."""
    rows = [
        (
            *place(stack, window, hosts),
            str(window.cores_each),
            f"{alone(each, window):.2f}",
            f"{window.images_per_s:.2f}",
            share(efficiency(each, window)) + ("" if one_start(each, window) else r" \*"),
            f"{published_law()[0].measured[len(window.parts)].value:.0%}",
        )
        for stack, each in fleets.items()
        for window in at_once(each)
    ]
    yield from (
        "## One process on each GPU",
        "",
        *table(
            (
                *("stack", "call", "timed on", "at once", "cores a replica"),
                *("alone, img/s", "at once, img/s", "efficiency", "article"),
            ),
            rows,
        ),
        "",
        r"\* Alone and at once were timed in two runs on the same host. The between-run effect",
        "does not cancel there and is not in the interval.",
        "",
    )


def lost(fleets: dict[str, ReplicaWindows], hosts: Hosts) -> Iterable[str]:
    """Yield where a call lost time."""
    rows = [
        (*place(stack, window, hosts), *stages(each, window))
        for stack, each in fleets.items()
        for window in at_once(each)
    ]
    waits = fleets["eager-bf16"]
    worst = min(
        (each for each in at_once(waits) if len(each.parts) == FOUR),
        key=lambda each: efficiency(waits, each).value,
    )
    yield from (
        "Where a call lost time: mean milliseconds of a call at once minus alone.",
        "",
        *table(("stack", "call", "timed on", "at once", *STAGES), rows),
        "",
        "The compiled stack launches kernels as CUDA graphs, and no stage waits for another",
        f"replica. The eager stack at {worst.asked[0]}, batch {worst.asked[1]}, waits for the CPU.",
        "The CPU's speed varies by tens of percent from one measurement to the next, so these",
        "times say little about scaling. Four at once still reached only",
        f"{share(efficiency(waits, worst))} of their throughput alone, an interval that excludes",
        "100 %.",
        "",
    )


def plans(fleets: dict[str, ReplicaWindows]) -> Iterable[str]:
    """Yield what a plan makes of the efficiencies."""
    ends = {
        stack: sorted(efficiency(each, w).value for w in at_once(each) if len(w.parts) == FOUR)
        for stack, each in fleets.items()
    }
    told = "; ".join(f"`{stack}` {each[0]:.1%} to {each[-1]:.1%}" for stack, each in ends.items())
    yield from (
        "A plan of a volume or a job on an instance of several GPUs multiplies the throughput by",
        "the efficiency at that count, at most 100 %. If no replicas of a stack were timed at",
        "once, or if the count is beyond the scaling law, it assumes 100 % and says so. A fleet",
        "for arrivals is sized as if each replica had a host of its own, and says so. Where a",
        "stack waits for the CPU, this can give too few GPUs. Efficiency of four at once over the",
        f"calls timed: {told}.",
        "",
    )
