"""What CPU cores a replica needs, and what replicas lose as threads of one process."""

from __future__ import annotations

from collections.abc import Iterable

from fluxcost.performance.scaling.replica_windows import ReplicaWindows
from fluxcost.units import counted
from measure.replicas.scaling_report import STAGES
from scripts.scaling.windows import Hosts, alone, at_once, call_of, efficiency, stages
from scripts.tables import share, table


def cores(fleets: dict[str, ReplicaWindows], hosts: Hosts) -> Iterable[str]:
    """Yield the section on the CPU cores of a replica."""
    rows, needed, of_host = [], [], set()
    for stack, each in fleets.items():
        held = [window for window in each.windows if window.cores is not None]
        of_host |= {hosts.cores(window.run) for window in held}
        for shape, batch in sorted({window.asked for window in held}):
            counts = sorted({window.cores for window in held if window.cores is not None})
            factors = [each.core_factor(shape, batch, count) for count in counts]
            needed.append(each.cores_needed(shape, batch))
            rows.append((f"`{stack}`", f"{shape}", *map(share, factors), str(needed[-1])))
    (all_cores,) = of_host
    yield from (
        "## CPU cores of a replica",
        "",
        "Throughput with each replica limited to a number of cores, divided by that with all",
        f"{all_cores} cores of the host of two GPUs. With {counted(max(needed), 'core')} a replica",
        "keeps its GPU as busy as with all. `plan --explain` states this as a requirement on the",
        "instance. Cores were not varied on the host of four GPUs. Encoding image files is not",
        "included; see below.",
        "",
        *table(("stack", "call", "1 core", "2 cores", "4 cores", "cores needed"), rows),
        "",
    )


def threads(fleets: ReplicaWindows, hosts: Hosts) -> Iterable[str]:
    """Yield the section on replicas that are threads of one process."""
    threads = [each for each in fleets.windows if each.in_one_process and len(each.parts) > 1]
    timed = {(each.asked, hosts.name(each.run)) for each in threads}
    processes = [each for each in at_once(fleets) if (each.asked, hosts.name(each.run)) in timed]
    rows = [
        (
            "threads" if window.in_one_process else "processes",
            call_of(window),
            f"{alone(fleets, window):.2f}",
            f"{window.images_per_s:.2f}",
            share(efficiency(fleets, window)),
            *stages(fleets, window),
        )
        for window in sorted([*processes, *threads], key=lambda w: (w.asked, w.in_one_process))
    ]
    yield from (
        "## Threads of one process",
        "",
        "Two replicas that are threads of one Python process share its interpreter and cannot",
        "launch kernels at the same time (`eager-bf16`;",
        f"{', '.join(sorted({name for _, name in timed}))}):",
        "",
        *table(
            ("replicas are", "call", "alone, img/s", "both, img/s", "efficiency", *STAGES), rows
        ),
        "",
        "Each replica therefore runs in its own process. The compiled stack was not timed in",
        "threads.",
        "",
    )
