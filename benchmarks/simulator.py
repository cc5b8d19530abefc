"""Requests simulated a second, beside other simulators: python -m benchmarks.simulator.

Drawing arrivals and calls and reading percentiles are included. One core is used, and its seconds
are counted rather than the clock's, so that other programs on the machine change little; each
figure is the best of several interleaved rounds. p95 is printed to show that all simulate the same.
"""

from __future__ import annotations

import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import ciw  # type: ignore[import-untyped]
import numpy as np
import simpy

from fluxcost.capacity.arrivals import Stream, poisson
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service_times import ServiceTimes, resampled
from fluxcost.capacity.simulator.engine import run_once
from fluxcost.capacity.simulator.servers import Rules

ROUNDS = 5
REPLICAS = 8
LOAD = 0.8
MAX_BATCH = 8
CALL_S = ([0.6 + 0.4 * size for size in range(1, 9)], [0.5 + 0.1 * size for size in range(1, 9)])
"""Seconds of a call of each shape at batches from 1 to 8."""
RATIOS = np.random.default_rng(0).normal(1.0, 0.02, 200)
"""Calls over their mean, as a calibration holds them."""

RATE_IN_ORDER = LOAD * REPLICAS / CALL_S[0][0]
RATE_IN_BATCHES = LOAD * REPLICAS * MAX_BATCH * 2 / (CALL_S[0][-1] + CALL_S[1][-1])

Answer = tuple[float, ...]


def percentiles(response_s: list[float]) -> Answer:
    """Return p50, p95 and p99."""
    return tuple(np.percentile(response_s, (50, 95, 99)))


def dice() -> random.Random:
    """Return Python's own generator, which draws single numbers quickest."""
    return random.Random(1)  # noqa: S311 - nothing secret is drawn


def ours_in_order(requests: int) -> Answer:
    """Serve first come first served."""
    call_s = np.array([[CALL_S[0][0]]])
    service = ServiceTimes(call_s, call_s, resampled(RATIOS))
    run = run_once(Stream(RATE_IN_ORDER), requests, service, Rules(REPLICAS), seed=1)
    return tuple(run.percentile_s(percentile) for percentile in (50, 95, 99))


def ours_in_batches(requests: int) -> Answer:
    """Serve two shapes with dynamic batching."""
    call_s = np.array(CALL_S)
    service = ServiceTimes(call_s, call_s, resampled(RATIOS))
    rules = Rules(REPLICAS, Batching(max_batch=MAX_BATCH), priorities=(0, 0))
    stream = Stream(RATE_IN_BATCHES, poisson, (0.5, 0.5))
    run = run_once(stream, requests, service, rules, seed=1)
    return tuple(run.percentile_s(percentile) for percentile in (50, 95, 99))


def heapq_in_order(requests: int) -> Answer:
    """Serve first come first served with a heap of the times at which replicas are free."""
    draw, ratios = dice(), RATIOS.tolist()
    free_s, now, response_s = [0.0] * REPLICAS, 0.0, []
    for _ in range(requests):
        now += draw.expovariate(RATE_IN_ORDER)
        done = max(now, free_s[0]) + CALL_S[0][0] * draw.choice(ratios)
        heapq.heapreplace(free_s, done)
        response_s.append(done - now)
    return percentiles(response_s)


def heapq_in_batches(requests: int) -> Answer:
    """Serve two shapes with dynamic batching, likewise."""
    draw, ratios = dice(), RATIOS.tolist()
    free_s, now, response_s = [0.0] * REPLICAS, 0.0, []
    waiting: tuple[deque[float], deque[float]] = (deque(), deque())
    for index in range(requests + 1):
        now = now + draw.expovariate(RATE_IN_BATCHES) if index < requests else float("inf")
        while any(waiting):
            line = min((0, 1), key=lambda line: waiting[line][0] if waiting[line] else now)
            begin = max(free_s[0], waiting[line][0])
            if begin >= now:
                break
            batch = [waiting[line].popleft() for _ in range(min(MAX_BATCH, len(waiting[line])))]
            done = begin + CALL_S[line][len(batch) - 1] * draw.choice(ratios)
            heapq.heapreplace(free_s, done)
            response_s += [done - arrived for arrived in batch]
        waiting[draw.random() < 0.5].append(now)
    return percentiles(response_s)


def simpy_in_order(requests: int) -> Answer:
    """Serve first come first served, a process for each request."""
    draw, ratios = dice(), RATIOS.tolist()
    env = simpy.Environment()
    replicas = simpy.Resource(env, REPLICAS)
    response_s: list[float] = []

    def request() -> Generator[simpy.Event, Any, None]:
        arrived = env.now
        with replicas.request() as turn:
            yield turn
            yield env.timeout(CALL_S[0][0] * draw.choice(ratios))
        response_s.append(env.now - arrived)

    def arrive() -> Generator[simpy.Event, Any, None]:
        for _ in range(requests):
            yield env.timeout(draw.expovariate(RATE_IN_ORDER))
            env.process(request())

    env.process(arrive())
    env.run()
    return percentiles(response_s)


def simpy_in_batches(requests: int) -> Answer:
    """Serve two shapes with dynamic batching, a process for each replica."""
    draw, ratios = dice(), RATIOS.tolist()
    env = simpy.Environment()
    waiting: tuple[deque[float], deque[float]] = (deque(), deque())
    idle: list[simpy.Event] = []
    response_s: list[float] = []

    def replica() -> Generator[simpy.Event, Any, None]:
        while True:
            if not any(waiting):
                idle.append(env.event())
                yield idle[-1]
            lines = [line for line in waiting if line]
            line = min(lines, key=lambda line: line[0])
            batch = [line.popleft() for _ in range(min(MAX_BATCH, len(line)))]
            call_s = CALL_S[line is waiting[1]][len(batch) - 1]
            yield env.timeout(call_s * draw.choice(ratios))
            response_s.extend(env.now - arrived for arrived in batch)

    def arrive() -> Generator[simpy.Event, Any, None]:
        for _ in range(requests):
            yield env.timeout(draw.expovariate(RATE_IN_BATCHES))
            waiting[draw.random() < 0.5].append(env.now)
            if idle:
                idle.pop().succeed()

    for _ in range(REPLICAS):
        env.process(replica())
    env.process(arrive())
    env.run()
    return percentiles(response_s)


def ciw_in_order(requests: int) -> Answer:
    """Serve first come first served; Ciw knows no batches."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(RATE_IN_ORDER)],
        service_distributions=[ciw.dists.Empirical((CALL_S[0][0] * RATIOS).tolist())],
        number_of_servers=[REPLICAS],
    )
    ciw.seed(1)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(requests)
    records = simulation.get_all_records()
    return percentiles([record.exit_date - record.arrival_date for record in records])


CASES: dict[str, list[tuple[str, Callable[[int], Answer], int]]] = {
    "first come first served": [
        ("fluxcost", ours_in_order, 3_000_000),
        ("heapq", heapq_in_order, 200_000),
        ("SimPy", simpy_in_order, 20_000),
        ("Ciw", ciw_in_order, 10_000),
    ],
    "dynamic batching, two shapes": [
        ("fluxcost", ours_in_batches, 3_000_000),
        ("heapq", heapq_in_batches, 200_000),
        ("SimPy", simpy_in_batches, 40_000),
    ],
}


def main() -> None:
    """Print requests a second, and how many times more fluxcost simulates."""
    for title, works in CASES.items():
        print(f"{title}: {REPLICAS} replicas at {LOAD:.0%} load")
        best = dict.fromkeys((name for name, _, _ in works), 0.0)
        answers: dict[str, Answer] = {}
        for _, work, _ in works:
            work(1000)  # compiles, where that is needed
        for _ in range(ROUNDS):
            for name, work, requests in works:
                started_s = time.process_time()
                answers[name] = work(requests)
                best[name] = max(best[name], requests / (time.process_time() - started_s))
        for name, per_s in best.items():
            ratio = f"1/{best['fluxcost'] / per_s:.0f}"
            p95_s = answers[name][1]
            print(f"  {name:9} {per_s / 1e6:8.3f} million/s  {ratio:>6}  p95 {p95_s:.2f} s")


if __name__ == "__main__":
    main()
