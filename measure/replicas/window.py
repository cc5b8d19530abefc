"""One window as one replica runs it.

    each: warm up   all: agree on a number of calls   all: start | calls | all: meet, write down

The number of calls is the same for every replica, so that all are busy until the slowest is done
but for its lag; a replica that is not in the window waits, its GPU idle.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from dataclasses import dataclass

import torch

from fluxcost.performance.calibration import Energy, Replica, Samples, Telemetry
from measure.bench import Bench, Sample
from measure.protocol import WarmUp, warm_up
from measure.replicas.cores import Held
from measure.replicas.fleet import Fleet, shard
from measure.replicas.windows import Window
from measure.suites import Protocol

TELEMETRY_EVERY_S = 1.0
"""Seconds between readings: each takes milliseconds, and replicas reading at once may wait."""


@dataclass(frozen=True)
class Start:
    """One start of the measuring program: its name, shared by every host, and this host's run."""

    name: str
    run: str


def run_window(
    fleet: Fleet, bench: Bench, window: Window, held: Held, protocol: Protocol, start: Start
) -> Replica | None:
    """Take part in a window; return what this replica did, or None if it only waited.

    Raises:
        LostReplicaError: Another replica is gone.
        MeasurementError: The GPU is not idle, or a call did not do its work.
    """
    part = window.ranks.index(fleet.rank) if fleet.rank in window.ranks else None
    before, warm = Telemetry(), WarmUp()
    if part is not None:
        bench.instruments.refuse_company()
        _free(bench)
        before = bench.instruments.snapshot()
        warm = warm_up(bench, window.point, protocol)
    paces = fleet.meet(statistics.median(warm.calls_s[-2:]) if part is not None else 0.0)
    calls = calls_for(max(paces), protocol)
    fleet.meet(None)  # the common start
    taken = None
    if part is not None:
        taken = _take(bench, window, shard(calls, part, len(window.ranks)))
    fleet.meet(None)  # the slowest is done
    if taken is None:
        return None
    shape = window.point.shape
    return Replica(
        window=f"{start.name}/{window}",
        run=start.run,
        rank=fleet.rank,
        replicas=len(window.ranks),
        width=shape.width,
        height=shape.height,
        steps=shape.steps,
        batch=window.point.batch,
        cores=window.cores,
        cpus=held.cpus,
        threads=held.threads,
        elapsed_s=taken.elapsed_s,
        seeds=taken.seeds,
        warmup_s=tuple(round(each, 6) for each in warm.calls_s),
        stable=warm.stable,
        samples=_columns(taken.samples),
        energy=taken.energy if taken.elapsed_s >= protocol.energy_window_s else None,
        before=before,
        during=tuple(taken.telemetry),
        after=bench.instruments.snapshot(),
    )


def calls_for(call_s: float, protocol: Protocol) -> int:
    """Return how many calls of this length make a window of enough samples and seconds."""
    slow = call_s > protocol.slow_call_s
    least = protocol.min_samples_slow if slow else protocol.min_samples
    return max(least, math.ceil(protocol.min_duration_s / call_s))


class _Taken:
    """Calls of one replica, and what its instruments said meanwhile."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.telemetry: list[Telemetry] = []
        self.seeds: tuple[int, ...] = ()
        self.elapsed_s = 0.0
        self.energy: Energy | None = None


def _take(bench: Bench, window: Window, jobs: tuple[int, ...]) -> _Taken:
    taken = _Taken()
    taken.seeds = tuple(bench.seed + job for job in jobs)
    start_j = bench.instruments.energy_j()
    start_s = read_s = time.perf_counter()
    for job in jobs:
        bench.calls = job  # decides the prompts and the seed of the call
        taken.samples.append(bench.time_call(window.point))
        if time.perf_counter() - read_s >= TELEMETRY_EVERY_S:
            taken.telemetry.append(bench.instruments.snapshot())
            read_s = time.perf_counter()
    taken.elapsed_s = round(time.perf_counter() - start_s, 6)
    end_j = bench.instruments.energy_j()
    if start_j is not None and end_j is not None and end_j > start_j:
        taken.energy = Energy(joules=end_j - start_j, window_s=taken.elapsed_s, calls=len(jobs))
    return taken


def _columns(samples: list[Sample]) -> Samples:
    return Samples(
        wall_s=tuple(round(each.wall_s, 6) for each in samples),
        text_encode_s=tuple(round(each.spans.text_encode_s, 6) for each in samples),
        denoise_step_s=tuple(
            tuple(round(step, 6) for step in each.spans.denoise_step_s) for each in samples
        ),
        vae_decode_s=tuple(round(each.spans.vae_decode_s, 6) for each in samples),
    )


def _free(bench: Bench) -> None:
    bench.release()
    gc.collect()
    if bench.clock.is_cuda:
        torch.cuda.empty_cache()
