"""The largest batch of a size that fits in memory, found by trying.

A trial is one call of one step: a call's peak does not depend on its steps (the shipped eager
records say so), and a call is all it takes to run out of memory. The peaks of the batches that ran
point to the batch to try next, so that few large and slow ones are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from fluxcost.performance.calibration.extra_measurements import MemoryEdge
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.workload.shape import Shape
from measure.bench import Bench
from measure.protocol import try_call
from measure.suites import Point, Size
from measure.telemetry import GIB

STEPS = 1

MOST = 1024
"""Largest batch tried: a size of which so many fit has no edge that anyone would reach."""


def measure_memory_edge(bench: Bench, size: Size, run: str) -> MemoryEdge:
    """Find the largest batch of a size that runs on the bench's GPU."""
    memory_gib = torch.cuda.get_device_properties(bench.device).total_memory / GIB

    def attempt(batch: int) -> Cell:
        return try_call(bench, Point(Shape(*size, steps=STEPS), batch), run=run)

    trials = find_edge(attempt, memory_gib)
    return MemoryEdge(width=size[0], height=size[1], steps=STEPS, run=run, trials=trials)


def find_edge(attempt: Callable[[int], Cell], memory_gib: float) -> tuple[Cell, ...]:
    """Try batches until the largest that runs stands next to the smallest that does not.

    Args:
        attempt: Makes one call of a batch.
        memory_gib: What the device has.

    Returns:
        The trials in the order made; every one ran if even MOST did.
    """
    trials: list[Cell] = []
    runs, fails, stride = 0, MOST + 1, 1
    while fails - runs > 1:
        pointed = _pointed_to(trials, memory_gib)
        if fails > MOST:
            batch = min(max(runs + stride, pointed), MOST)
        else:
            batch = max(fails - stride, (runs + fails) // 2)
        stride = 1 if fails > MOST and pointed > runs else 2 * stride
        trials.append(attempt(batch))
        if trials[-1].status == "ok":
            runs = batch
        else:
            fails = batch
    return tuple(trials)


def _pointed_to(trials: Sequence[Cell], memory_gib: float) -> int:
    """Return the batch at which a line through the two largest peaks fills the device, or 0."""
    peaks = sorted(
        (trial.batch, memory.allocated_gib, (memory.device_gib or 0) - (memory.reserved_gib or 0))
        for trial in trials
        if (memory := trial.memory) is not None and memory.allocated_gib is not None
    )
    if len(peaks) < 2:
        return 0
    (fewer, lower_gib, _), (more, higher_gib, _) = peaks[-2:]
    each_gib = (higher_gib - lower_gib) / (more - fewer)
    beside_gib = max(0.0, *(beside for _, _, beside in peaks))
    left_gib = memory_gib - beside_gib - higher_gib
    return more + int(left_gib / each_gib) if each_gib > 0 else 0
