"""Replicas of one host as threads of one process, which share its interpreter lock.

The first replica's process builds a bench on every other GPU beside its own, while the processes
those GPUs belong to wait, idle. What is per process or per device keeps to its thread: each bench
is built, compiled and called by one thread of its own from start to end. Whatever compiles or
records goes one thread after another; only warm calls run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from threading import Barrier, BrokenBarrierError
from typing import Self, TypeVar

import torch

from fluxcost.performance.calibration.extra_measurements import Replica
from measure.bench import Bench
from measure.errors import MeasurementError
from measure.replicas.host_topology import CpuAffinity
from measure.replicas.process_group import LONGEST_WAIT
from measure.replicas.process_window import FleetRun, ReplicaTurn, calls_for, empty_caches
from measure.replicas.window_plan import TimedWindow
from measure.suites import Point, Protocol

T = TypeVar("T")
B = TypeVar("B")

Opener = Callable[[], Bench]
"""Builds one replica's bench, in the thread that is to use it."""


class ReplicaThreads:
    """One thread and bench a replica, in this process. Leaving the `with` block ends them.

    Args:
        devices: Of each replica, by rank.
        openers: How each gets its bench; called one after another.

    Raises:
        MeasurementError: A replica failed; names it and the reason.
    """

    def __init__(self, devices: Sequence[torch.device], openers: Sequence[Opener]) -> None:
        # One worker each, so that it is the same thread from start to end.
        self._pools = [ThreadPoolExecutor(1, f"replica-{rank}") for rank in range(len(devices))]
        # What PyTorch's compiler was told in this thread holds in those too.
        self._contexts = [copy_context() for _ in devices]
        self._benches: list[Bench] = []
        ranks = range(len(devices))
        try:
            self._in_turn(ranks, devices, _belong_to)
            self._benches = self._in_turn(ranks, openers, _open)
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        """Return these threads."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the threads, and give their benches' memory back unless one has failed."""
        self._end()
        if kind is None:  # a GPU that failed would fail at this too, and hide why
            for bench in self._benches:
                bench.release()
            self._benches.clear()
            empty_caches()

    def _end(self) -> None:
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)

    def compile(self, point: Point) -> None:
        """Make a shape twice on each replica, one after another, before a window times it."""
        self._in_turn(range(len(self._benches)), self._benches, lambda bench: _twice(bench, point))

    def run(
        self, window: TimedWindow, held: CpuAffinity, protocol: Protocol, fleet_run: FleetRun
    ) -> list[Replica]:
        """Run a window; return what each of its replicas did.

        Raises:
            MeasurementError: A replica failed; names it and the reason.
        """
        ranks = window.ranks
        turns = [ReplicaTurn(self._benches[rank], window, rank, protocol) for rank in ranks]
        self._in_turn(ranks, turns, ReplicaTurn.free)
        benches = [self._benches[rank] for rank in ranks]
        # What freeing gave up is recorded again here, where no other thread touches a GPU.
        self._in_turn(ranks, benches, lambda bench: _twice(bench, window.point))
        calls = calls_for(max(self._at_once(ranks, turns, ReplicaTurn.warm_up)), protocol)
        self._at_once(ranks, turns, lambda turn: turn.make(calls))
        return [turn.replica_of(held, fleet_run) for turn in turns]

    def _submit(self, rank: int, job: Callable[[B], T], given: B) -> Future[T]:
        return self._pools[rank].submit(self._contexts[rank].run, job, given)

    def _in_turn(self, ranks: Sequence[int], given: Sequence[B], job: Callable[[B], T]) -> list[T]:
        """Do a job with what each rank is given, in its own thread, one after another."""
        done = []
        for rank, each in zip(ranks, given, strict=True):
            try:
                done.append(self._submit(rank, job, each).result())
            except Exception as error:
                raise _failed(rank, error) from error
        return done

    def _at_once(self, ranks: Sequence[int], given: Sequence[B], job: Callable[[B], T]) -> list[T]:
        """Do a job with what each rank is given, in its own thread, all from a common start."""
        barrier = Barrier(len(ranks))

        def meet_and_do(each: B) -> T:
            barrier.wait(LONGEST_WAIT.total_seconds())
            return job(each)

        futures = {
            rank: self._submit(rank, meet_and_do, each)
            for rank, each in zip(ranks, given, strict=True)
        }
        wait(futures.values(), return_when=FIRST_EXCEPTION)
        barrier.abort()  # nobody waits at it any more, unless for one that failed
        failed = {rank: error for rank, each in futures.items() if (error := each.exception())}
        # One that found the barrier broken waited for one that failed by itself.
        first = min(
            failed, key=lambda rank: isinstance(failed[rank], BrokenBarrierError), default=None
        )
        if first is not None:
            raise _failed(first, failed[first]) from failed[first]
        return [each.result() for each in futures.values()]


def _belong_to(device: torch.device) -> None:
    """Set what PyTorch keeps a thread: its device, and that nothing is differentiated."""
    torch.set_grad_enabled(False)
    if device.type == "cuda":
        torch.cuda.set_device(device)


def _open(opener: Opener) -> Bench:
    return opener()


def _twice(bench: Bench, point: Point) -> None:
    """Call twice, since a graph is recorded in the call after the one that compiles."""
    for _ in range(2):
        bench.time_call(point)


def _failed(rank: int, error: BaseException) -> MeasurementError:
    reason = " ".join(str(error).split())[:300] or "no message"
    kind = "" if isinstance(error, MeasurementError) else f"{type(error).__name__}: "
    return MeasurementError(f"the thread of replica {rank} failed: {kind}{reason}")
