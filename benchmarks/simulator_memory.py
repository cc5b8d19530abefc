"""Memory of a long simulation: python -m benchmarks.simulator_memory [REQUESTS, in millions].

A run holds one chunk of arrivals and who waits, so a hundred times the requests need no more.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from fluxcost.capacity.arrivals import Stream, poisson
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service_times import ServiceTimes, resampled
from fluxcost.capacity.simulator.engine import run_once
from fluxcost.capacity.simulator.servers import Rules

RATIOS = np.random.default_rng(0).normal(1.0, 0.02, 200)
RULES = {
    "first come first served": Rules(8, priorities=(0, 0)),
    "dynamic batching": Rules(8, Batching(max_batch=8), priorities=(0, 0)),
}


def main(millions: int) -> None:
    """Print the peak of resident memory after a run of a million and of many."""
    call_s = np.array([[0.6 + 0.4 * size for size in range(1, 9)]] * 2)
    service = ServiceTimes(call_s, call_s, resampled(RATIOS))
    for name, rules in RULES.items():
        for count in (1, millions):
            started_s = time.process_time()
            stream = Stream(6.4, poisson, (0.5, 0.5))
            run = run_once(stream, count * 1_000_000, service, rules, seed=1)
            taken_s = time.process_time() - started_s
            peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
            served = f"{name}: {run.arrived:,} requests, p95 {run.percentile_s(95):.2f} s"
            print(f"{served}, {taken_s:.1f} s, peak so far {peak_mib:.0f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
