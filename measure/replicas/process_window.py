"""One replica's part in a window.

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

from fluxcost.performance.calibration.extra_measurements import Replica
from fluxcost.performance.calibration.measured_cell import Energy, Samples, Telemetry
from measure.bench import Bench, TimedCall
from measure.protocol import WarmUp, warm_up
from measure.replicas.host_topology import CpuAffinity
from measure.replicas.process_group import ReplicaGroup, shard
from measure.replicas.window_plan import TimedWindow
from measure.suites import Protocol

TELEMETRY_EVERY_S = 1.0
"""Seconds between readings: each takes milliseconds, and replicas reading at once may wait."""


@dataclass(frozen=True)
class FleetRun:
    """One run of the measuring program: its name, shared by every host, and this host's run."""

    name: str
    run: str


class ReplicaTurn:
    """One replica's part in a window: it warms up, makes its calls, and tells of them.

    Args:
        bench: Of the replica.
        window: The window it takes part in.
        rank: Which of the window's replicas it is.
        protocol: When it is warm, and how much is enough.
    """

    def __init__(self, bench: Bench, window: TimedWindow, rank: int, protocol: Protocol) -> None:
        self.rank = rank
        self._bench, self._window, self._protocol = bench, window, protocol
        self._before, self._warm, self._taken = Telemetry(), WarmUp(), _Taken()

    def free(self) -> None:
        """Give up what earlier windows left in memory.

        Raises:
            MeasurementError: The GPU is not idle.
        """
        self._bench.instruments.refuse_company()
        self._bench.release()
        empty_caches()

    def warm_up(self) -> float:
        """Call until warm; return the seconds of a call.

        Raises:
            MeasurementError: A call did not do its work.
        """
        self._before = self._bench.instruments.snapshot()
        self._warm = warm_up(self._bench, self._window.point, self._protocol)
        return statistics.median(self._warm.calls_s[-2:])

    def make(self, calls: int) -> None:
        """Make this replica's share of the window's calls, as many as every other's."""
        ranks = self._window.ranks
        jobs = shard(calls, ranks.index(self.rank), len(ranks))
        self._taken = _take(self._bench, self._window, jobs)

    def replica_of(self, held: CpuAffinity, fleet_run: FleetRun) -> Replica:
        """Return what this replica did."""
        window, taken = self._window, self._taken
        shape = window.point.shape
        lasted = taken.elapsed_s >= self._protocol.energy_window_s
        return Replica(
            window=f"{fleet_run.name}/{window}",
            run=fleet_run.run,
            rank=self.rank,
            replicas=len(window.ranks),
            in_one_process=window.in_one_process,
            width=shape.width,
            height=shape.height,
            steps=shape.steps,
            batch=window.point.batch,
            cores=window.cores,
            cpus=held.cpus,
            threads=held.threads,
            elapsed_s=taken.elapsed_s,
            seeds=taken.seeds,
            warmup_s=tuple(round(each, 6) for each in self._warm.calls_s),
            stable=self._warm.stable,
            samples=_columns(taken.samples),
            energy=taken.energy if lasted else None,
            before=self._before,
            during=tuple(taken.telemetry),
            after=self._bench.instruments.snapshot(),
        )


def run_window(
    fleet: ReplicaGroup,
    bench: Bench,
    window: TimedWindow,
    held: CpuAffinity,
    protocol: Protocol,
    fleet_run: FleetRun,
) -> Replica | None:
    """Take part in a window; return what this replica did, or None if it only waited.

    Raises:
        LostReplicaError: Another replica is gone.
        MeasurementError: The GPU is not idle, or a call did not do its work.
    """
    turn = ReplicaTurn(bench, window, fleet.rank, protocol) if fleet.rank in window.ranks else None
    pace = 0.0
    if turn is not None:
        turn.free()
        pace = turn.warm_up()
    calls = calls_for(max(fleet.meet(pace)), protocol)
    fleet.meet(None)  # the common start
    if turn is not None:
        turn.make(calls)
    fleet.meet(None)  # the slowest is done
    return None if turn is None else turn.replica_of(held, fleet_run)


def calls_for(call_s: float, protocol: Protocol) -> int:
    """Return how many calls of this length make a window of enough samples and seconds."""
    slow = call_s > protocol.slow_call_s
    least = protocol.min_samples_slow if slow else protocol.min_samples
    return max(least, math.ceil(protocol.min_duration_s / call_s))


def empty_caches() -> None:
    """Give back what nothing uses any more; without a GPU in use that is host memory."""
    gc.collect()
    torch.cuda.empty_cache()


class _Taken:
    """Calls of one replica, and what its instruments said meanwhile."""

    def __init__(self) -> None:
        self.samples: list[TimedCall] = []
        self.telemetry: list[Telemetry] = []
        self.seeds: tuple[int, ...] = ()
        self.elapsed_s = 0.0
        self.energy: Energy | None = None


def _take(bench: Bench, window: TimedWindow, jobs: tuple[int, ...]) -> _Taken:
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


def _columns(samples: list[TimedCall]) -> Samples:
    return Samples(
        wall_s=tuple(round(each.wall_s, 6) for each in samples),
        text_encode_s=tuple(round(each.spans.text_encode_s, 6) for each in samples),
        denoise_step_s=tuple(
            tuple(round(step, 6) for step in each.spans.denoise_step_s) for each in samples
        ),
        vae_decode_s=tuple(round(each.spans.vae_decode_s, 6) for each in samples),
    )
