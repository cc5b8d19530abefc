"""The batcher against the simulator: over the same arrivals the same calls, to the last one."""

import heapq
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import Replay
from fluxcost.capacity.engine import Rules, run_once
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service import Service, no_spread
from fluxcost.workload import Shape
from measure.serving.batcher import Batcher, Call, Line

SQUARE, WIDE, TALL = Shape(512, 512, 4), Shape(1024, 512, 4), Shape(512, 1024, 4)
NO_LIMIT = 10**9


class Happened:
    """What a batcher did with some arrivals, served in times known beforehand."""

    def __init__(self) -> None:
        self.batches: list[tuple[float, int]] = []
        self.responses: list[float] = []
        self.busy_s = 0.0
        self.wait_s = 0.0
        self.lost = 0


def replayed(times, lines, seconds, rules: Rules, queues: list[Line]) -> Happened:
    """Drive a batcher by events: a request comes, a replica is through, a wait is over."""
    happened = Happened()
    batcher: Batcher[tuple[int, int]] = Batcher(rules.batching, rules.queue_limit, rules.replicas)
    left: dict[int, int] = {}
    ends: dict[int, float] = {}
    tick = count()
    through: list[tuple[float, int]] = []
    pending = list(zip(times, lines, range(len(times)), strict=True))[::-1]
    now = 0.0
    while pending or batcher.waiting:
        ready_s = batcher.next_ready_s()
        events = [each[-1 if each is pending else 0][0] for each in (pending, through) if each]
        if ready_s is not None and batcher.idle:
            events.append(max(now, ready_s))
        now = min(events)
        while through and through[0][0] <= now:
            heapq.heappop(through)
            batcher.end()
        while pending and pending[-1][0] == now:
            _, line, index = pending.pop()
            items = [(index, image) for image in range(rules.images)]
            left[index], ends[index] = rules.images, 0.0
            happened.lost += not batcher.offer(queues[line], items, now)
        while (call := batcher.begin(now)) is not None:
            size, line = len(call.items), queues.index(call.line)
            busy = seconds[line][size - 1]
            happened.batches.append((now, size))
            happened.busy_s += busy
            heapq.heappush(through, (now + busy, next(tick)))
            for index, _ in call.items:
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
    service = Service(seconds, seconds, no_spread)
    run = run_once(Replay(times, lines), requests, service, rules, seed=0)
    queues = [Line(SQUARE, priorities[0]), Line(WIDE, priorities[1])]
    found = replayed(times.tolist(), lines.tolist(), seconds.tolist(), rules, queues)
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


def test_what_waits_together_is_made_together():
    batcher: Batcher[str] = Batcher(Batching(max_batch=3), None, replicas=1)
    assert batcher.offer(Line(SQUARE), ["a"], 0.0)
    assert batcher.begin(0.0) == Call(Line(SQUARE), ("a",))
    for index, name in enumerate("bcde"):
        assert batcher.offer(Line(SQUARE), [name], 0.1 + index)
    assert batcher.offer(Line(TALL), ["tall"], 0.05)
    assert batcher.begin(5.0) is None
    batcher.end()
    assert batcher.begin(5.0) == Call(Line(TALL), ("tall",))
    batcher.end()
    assert batcher.begin(5.0) == Call(Line(SQUARE), ("b", "c", "d"))
    assert batcher.waiting == 1


def test_a_head_is_held_back_for_company_but_not_longer():
    batcher: Batcher[str] = Batcher(Batching(max_batch=2, max_wait_s=1.0), None, replicas=2)
    batcher.offer(Line(SQUARE), ["a"], 0.0)
    assert batcher.begin(0.99) is None
    assert batcher.next_ready_s() == 1.0
    batcher.offer(Line(SQUARE), ["b"], 0.5)
    assert batcher.next_ready_s() == 0.5
    assert batcher.begin(0.5) == Call(Line(SQUARE), ("a", "b"))
    batcher.offer(Line(SQUARE), ["c"], 0.6)
    assert batcher.begin(0.7) is None
    batcher.hold_no_longer()
    assert batcher.begin(0.7) == Call(Line(SQUARE), ("c",))


def test_withdrawn_images_leave_the_others_in_their_order():
    batcher: Batcher[str] = Batcher(Batching(max_batch=4), 4, replicas=0)
    for name in "abcd":
        batcher.offer(Line(SQUARE), [name], 0.0)
    assert not batcher.offer(Line(SQUARE), ["e"], 0.0)
    assert batcher.withdraw(Line(SQUARE), ["b", "d", "unknown"]) == 2
    assert batcher.withdraw(Line(TALL), ["a"]) == 0
    assert batcher.offer(Line(SQUARE), ["e"], 0.0)
    batcher.end()
    assert batcher.begin(1.0) == Call(Line(SQUARE), ("a", "c", "e"))
    assert batcher.next_ready_s() is None
