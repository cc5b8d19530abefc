"""Admission and replicas against the simulator: over the same arrivals the same calls."""

import heapq
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import RecordedArrivals
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service_times import ServiceTimes, no_spread
from fluxcost.capacity.simulator.engine import run_once
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.workload.shape import Shape
from measure.serving.admission_queue import Admission

SQUARE, WIDE = Shape(512, 512, 4), Shape(1024, 512, 4)
NO_LIMIT = 10**9


class Happened:
    """What a batcher did with some arrivals, served in times known beforehand."""

    def __init__(self) -> None:
        self.batches: list[tuple[float, int]] = []
        self.responses: list[float] = []
        self.busy_s = 0.0
        self.wait_s = 0.0
        self.lost = 0


def replayed(times, lines, seconds, rules: Rules, shapes: list[Shape]) -> Happened:
    """Drive admission by events: a request comes, a replica is through, a wait is over."""
    happened = Happened()
    door = Admission[tuple[int, int]](rules.batching, rules.queue_limit, rules.replicas)
    left: dict[int, int] = {}
    ends: dict[int, float] = {}
    images = rules.images
    assert isinstance(images, int)
    tick = count()
    through: list[tuple[float, int]] = []
    pending = list(zip(times, lines, range(len(times)), strict=True))[::-1]
    now = 0.0
    while pending or door.waiting:
        ready_s = door.next_ready_s()
        events = [each[-1 if each is pending else 0][0] for each in (pending, through) if each]
        if ready_s is not None and door.idle:
            events.append(max(now, ready_s))
        now = min(events)
        while through and through[0][0] <= now:
            heapq.heappop(through)
            door.end()
        while pending and pending[-1][0] == now:
            _, line, index = pending.pop()
            items = [(index, image) for image in range(images)]
            left[index], ends[index] = images, 0.0
            happened.lost += not door.offer(items, shapes[line], rules.priorities[line], now)
        while call := door.begin(now):
            size, line = len(call), lines[call[0][0]]
            busy = seconds[line][size - 1]
            happened.batches.append((now, size))
            happened.busy_s += busy
            heapq.heappush(through, (now + busy, next(tick)))
            for index, _ in call:
                happened.wait_s += now - times[index]
                left[index] -= 1
                ends[index] = max(ends[index], now + busy)
                if not left[index]:
                    happened.responses.append(ends[index] - times[index])
    return happened


@given(
    seed=st.integers(0, 2**32),
    load=st.floats(0.2, 3.0),
    replicas=st.integers(1, 3),
    max_batch=st.integers(1, 5),
    max_wait_s=st.sampled_from([0.0, 0.3, 2.0]),
    limit=st.sampled_from([NO_LIMIT, 0, 3, 12]),
    images=st.integers(1, 3),
    priorities=st.sampled_from([(0, 0), (0, 1), (1, 0)]),
)
@settings(max_examples=60, deadline=None)
def test_the_same_calls_as_the_simulator(
    seed, load, replicas, max_batch, max_wait_s, limit, images, priorities
):
    random = np.random.default_rng(seed)
    requests = 120
    times = np.cumsum(random.exponential(images / (load * replicas), requests))
    lines = random.integers(0, 2, requests)
    seconds = np.array([[0.7 + 0.21 * size for size in range(max_batch)] for _ in range(2)])
    seconds[1] *= 1.37
    rules = Rules(
        replicas,
        Batching(max_batch=max_batch, max_wait_s=max_wait_s),
        images,
        priorities,
        queue_limit=limit,
    )
    service = ServiceTimes(seconds, seconds, no_spread)
    run = run_once(RecordedArrivals(times, lines), requests, service, rules, seed=0)
    found = replayed(times.tolist(), lines.tolist(), seconds.tolist(), rules, [SQUARE, WIDE])
    assert len(found.batches) == run.calls
    assert sum(size for _, size in found.batches) == run.images
    assert found.lost == run.lost
    # Every size has seconds of its own, so equal sums mean equal calls.
    assert found.busy_s == pytest.approx(run.busy_s, rel=1e-12)
    answered = max(1, len(found.responses) * images)
    assert found.wait_s / answered == pytest.approx(run.wait_s, rel=1e-9, abs=1e-12)
    assert sorted(found.responses) == pytest.approx(_responses(run), rel=2**-8)


def _responses(run) -> list[float]:
    """Return the simulator's response times, each the middle of its bucket."""
    total = int(run.histograms.sum())
    if not total:
        return []
    return [run.percentile_s(100 * (place + 0.5) / total) for place in range(total)]


def test_a_request_larger_than_the_queue_needs_an_idle_replica():
    door = Admission[str](Batching(max_batch=2), 1, replicas=1)
    assert door.offer(["a", "b", "c"], SQUARE, 0, 0.0)
    assert not door.offer(["d"], SQUARE, 0, 0.0)
    assert door.begin(0.0) == ("a", "b")
    assert door.begin(0.0) == ()
    door.end()
    assert door.begin(1.0) == ("c",)
    assert not door.offer(["e", "f"], SQUARE, 0, 1.0)
    assert door.offer(["e"], SQUARE, 0, 1.0)


def test_when_nothing_more_will_come_a_head_is_not_held_back():
    door = Admission[str](Batching(max_batch=2, max_wait_s=1.0), None, replicas=1)
    door.offer(["a"], SQUARE, 0, 0.0)
    assert door.begin(0.5) == ()
    assert door.next_ready_s() == 1.0
    door.hold_no_longer()
    assert door.begin(0.5) == ("a",)
    assert door.next_ready_s() is None


def test_withdrawn_images_make_room_and_those_begun_are_not_touched():
    door = Admission[str](Batching(max_batch=4), 4, replicas=1)
    begun, a, b, c, d, e = names = ("begun", "a", "b", "c", "d", "e")
    door.offer([begun], SQUARE, 0, 0.0)
    assert door.begin(0.0) == (begun,)
    for name in names[1:5]:
        assert door.offer([name], SQUARE, 0, 0.1)
    assert not door.offer([e], SQUARE, 0, 0.2)
    assert door.withdraw([b, begun, d, "unknown"]) == 2
    assert door.offer([e], SQUARE, 0, 0.2)
    door.end()
    assert door.begin(1.0) == (a, c, e)
