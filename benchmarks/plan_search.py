"""How long a plan takes, beside reading the prices it searches: python -m benchmarks.plan_search.

Seconds differ between machines; the ratio of two things run in turn differs less. The first run of
each kind holds imports, reading, fits and compiled loops, and stands in a process of its own.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fluxcost as fc

ROOT = Path(__file__).parent.parent
ROUNDS = 9


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes once."""
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def works() -> dict[str, Callable[[], object]]:
    """Return what is timed, by name."""
    job = fc.load_workload(ROOT / "examples" / "ecommerce_catalog.yaml")
    live = fc.load_workload(ROOT / "examples" / "property_staging.yaml")
    bursts = fc.load_workload(ROOT / "examples" / "newsroom.yaml")
    return {
        "read the shipped prices (yardstick)": lambda: fc.load_catalog(ROOT / "pricing"),
        "plan a job": lambda: fc.plan(job),
        "plan requests that arrive, analytic": lambda: fc.plan(live, depth="analytic"),
        "plan requests that arrive, simulated": lambda: fc.plan(live),
        "plan two workloads alone and sharing, simulated": lambda: fc.plan_shared([live, bursts]),
    }


def main() -> None:
    """Print first runs, each in its own process, and medians of interleaved rounds after them."""
    named = works()
    if len(sys.argv) > 1:
        print(seconds(named[sys.argv[1]]))
        return
    first = {
        name: float(subprocess.check_output([sys.executable, __file__, name])) for name in named
    }
    for work in named.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in named}
    for _ in range(ROUNDS):
        for name, work in named.items():
            taken[name].append(seconds(work))
    yardstick = statistics.median(next(iter(taken.values())))
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"{name}: first {first[name]:.3f} s, then {median:.3f} s, ", end="")
        print(f"ratio {median / yardstick:.2f}")


if __name__ == "__main__":
    main()
