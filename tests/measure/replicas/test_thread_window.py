"""Replicas that are threads of one process, on the CPU with tiny shapes."""

import dataclasses
import functools
import threading
import time

import pytest
import torch
from torch._dynamo import config as dynamo

from measure.bench import TimedCall, open_bench
from measure.errors import MeasurementError
from measure.pipelines.blueprint import load_blueprint
from measure.replicas.host_topology import HostCores
from measure.replicas.process_window import FleetRun
from measure.replicas.thread_window import ReplicaThreads
from measure.replicas.window_plan import TimedWindow
from measure.stacks import compiled_bf16, eager_bf16
from measure.stage_timing import CallSpans
from measure.suites import Protocol, point
from measure.telemetry import NullTelemetry
from tests.measure.conftest import TINY_MODEL

CPU = torch.device("cpu")
PROTOCOL = Protocol(window=1, tolerance=0.9, max_warmup_calls=2, min_samples=3, min_duration_s=0.01)
WINDOW = TimedWindow(point((64, 64, 2, 1)), None, (0, 1), in_one_process=True)


def opened(made):
    return open_bench(load_blueprint(TINY_MODEL), made, CPU, NullTelemetry(), None, seed=0)


@pytest.fixture(scope="module")
def pair(bench):
    """Two benches that are built, since building is not what most tests here are about."""
    return bench, opened(eager_bf16.recipe(CPU))


def a_call(where):
    """Stand in for a call: it leaves the interpreter to the other thread, as a real one does."""
    time.sleep(0.01)
    return TimedCall(0.01, CallSpans(0.002, (0.002,) * where.shape.steps, 0.002))


def openers(pair, *changes):
    """Return what opens a copy of each bench, its calls stood in for and changed."""

    def changed(made, change):
        copy = dataclasses.replace(made)
        copy.time_call = change(a_call)
        return copy

    return [functools.partial(changed, *each) for each in zip(pair, changes, strict=True)]


def run(threads, window=WINDOW):
    return threads.run(window, HostCores(0, 1).hold(None), PROTOCOL, FleetRun("start", "run-1"))


# diffusers asks for versions inside the decoder; dynamo traces the call and says so once.
@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a .functools.lru_cache")
@pytest.mark.parametrize("stack", ["eager", "compiled"])
def test_threads_share_the_jobs_and_each_tells_of_its_own_calls(pair, stack):
    # The backend compiles in seconds; that inductor's kernels run is tested elsewhere.
    built = functools.partial(opened, compiled_bf16.recipe(CPU, backend="eager"))
    asked = [lambda each=each: each for each in pair] if stack == "eager" else [built, built]
    with ReplicaThreads([CPU, CPU], asked) as threads:
        threads.compile(WINDOW.point)
        parts = run(threads)
    assert [part.rank for part in parts] == [0, 1]
    assert all(part.in_one_process and part.replicas == 2 for part in parts)
    assert sorted(seed for part in parts for seed in part.seeds) == list(
        range(2 * len(parts[0].seeds))
    )
    for part in parts:
        assert len(part.samples.wall_s) == len(parts[0].seeds) >= PROTOCOL.min_samples
        assert all(len(steps) == 2 for steps in part.samples.denoise_step_s)
        assert min(part.samples.host_s) > 0
        assert sum(part.samples.wall_s) <= part.elapsed_s + 1e-4


def test_a_replica_keeps_to_its_thread_and_to_what_pytorch_was_told(pair):
    seen: dict[int, set[tuple[str, bool, int]]] = {0: set(), 1: set()}

    def watching(rank):
        def watched(time_call):
            def noted(where):
                name, limit = threading.current_thread().name, dynamo.recompile_limit
                seen[rank].add((name, torch.is_grad_enabled(), limit))
                return time_call(where)

            return noted

        return watched

    watched = openers(pair, watching(0), watching(1))
    told = dynamo.patch(recompile_limit=17)
    with torch.enable_grad(), told, ReplicaThreads([CPU, CPU], watched) as threads:
        run(threads)
    assert seen == {rank: {(f"replica-{rank}_0", False, 17)} for rank in (0, 1)}


def failing_after(calls):
    def broken(time_call):
        left = iter(range(calls))

        def failing(where):
            if next(left, None) is None:
                raise RuntimeError("CUDA error: out of\nluck")
            return time_call(where)

        return failing

    return broken


def unchanged(time_call):
    return time_call


@pytest.mark.parametrize("calls", [0, 2, 5])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_failing_thread_ends_the_run_with_its_rank_and_reason(pair, rank, calls):
    # The first call is made in turn, the third and the sixth while the other is at work.
    changes = [unchanged, unchanged]
    changes[rank] = failing_after(calls)
    sentence = rf"the thread of replica {rank} failed: RuntimeError: CUDA error: out of luck"
    before = threading.active_count()
    with (
        pytest.raises(MeasurementError, match=sentence),
        ReplicaThreads([CPU, CPU], openers(pair, *changes)) as threads,
    ):
        run(threads)
    assert threading.active_count() == before


def test_a_replica_that_cannot_be_built_is_named(pair):
    def refuse():
        raise MeasurementError("other processes computing on this GPU: 1; expected none")

    before = threading.active_count()
    with pytest.raises(MeasurementError, match="the thread of replica 1 failed: other processes"):
        ReplicaThreads([CPU, CPU], [lambda: pair[0], refuse])
    assert threading.active_count() == before
