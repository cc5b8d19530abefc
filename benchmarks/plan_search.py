"""How long a plan takes, beside reading the prices it searches: python benchmarks/plan_search.py.

Seconds differ between machines; the ratio of two things run in turn differs less.
"""

from __future__ import annotations

import statistics
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


def main() -> None:
    """Print medians of interleaved rounds, the first of each (imports, fits) apart."""
    workload = fc.load_workload(ROOT / "examples" / "ecommerce_catalog.yaml")
    catalog = fc.load_catalog()
    works: dict[str, Callable[[], object]] = {
        "read the shipped prices (yardstick)": lambda: fc.load_catalog(ROOT / "pricing"),
        "plan over all of them": lambda: fc.plan(workload, catalog=catalog),
    }
    first = {name: seconds(work) for name, work in works.items()}
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            taken[name].append(seconds(work))
    yardstick = statistics.median(next(iter(taken.values())))
    for name, times in taken.items():
        median = statistics.median(times)
        first_s, ratio = first[name], median / yardstick
        print(f"{name}: first {first_s:.3f} s, then {median:.3f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
