"""Which images are made together and when: the simulator's rules, for requests that really come.

The batcher holds no clock and no thread: it is told the time, when a replica is through, and asked
what begins. `fluxcost.capacity.kernels.serve_in_batches` is the same rules over recorded arrivals;
tests hold the two together.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fluxcost.capacity.fleet import Batching
from fluxcost.workload import Shape

Item = TypeVar("Item")


@dataclass(frozen=True)
class Line:
    """A waiting line: images of one shape and priority, 0 first."""

    shape: Shape
    priority: int = 0


@dataclass(frozen=True)
class Call(Generic[Item]):
    """Images that one replica makes together."""

    line: Line
    items: tuple[Item, ...]


class Batcher(Generic[Item]):
    """Waiting lines in front of some replicas. Times are seconds of any steady clock."""

    def __init__(self, batching: Batching, queue_limit: int | None, replicas: int) -> None:
        self.batching = batching
        self.queue_limit = queue_limit
        self.idle = replicas
        self._max_wait_s = batching.max_wait_s
        self._lines: dict[Line, deque[tuple[float, Item]]] = {}

    @property
    def waiting(self) -> int:
        """Images that wait."""
        return sum(len(each) for each in self._lines.values())

    def offer(self, line: Line, items: Sequence[Item], now_s: float) -> bool:
        """Let the images of one request wait, or say that there is no room for all of them.

        A request larger than the whole queue is taken where nothing waits and a replica is idle.
        """
        limit = math.inf if self.queue_limit is None else self.queue_limit
        if self.waiting + len(items) > limit and (self.waiting > 0 or self.idle == 0):
            return False
        self._lines.setdefault(line, deque()).extend((now_s, item) for item in items)
        return True

    def begin(self, now_s: float) -> Call[Item] | None:
        """Return what an idle replica begins now, which is then busy; None if nothing is ready.

        Among the lines that are ready the best priority goes first, then the longest wait.
        """
        ready = [line for line in self._lines if self._ready_s(line) <= now_s]
        if not self.idle or not ready:
            return None
        line = min(ready, key=lambda each: (each.priority, self._lines[each][0][0]))
        queue = self._lines[line]
        taken = [queue.popleft()[1] for _ in range(min(len(queue), self.batching.max_batch))]
        if not queue:
            del self._lines[line]
        self.idle -= 1
        return Call(line, tuple(taken))

    def end(self) -> None:
        """Note that a replica is through with its call."""
        self.idle += 1

    def next_ready_s(self) -> float | None:
        """Return when the next line is ready, maybe in the past; None if nothing waits."""
        return min((self._ready_s(line) for line in self._lines), default=None)

    def withdraw(self, line: Line, items: Iterable[Item]) -> int:
        """Drop images that wait, and return how many did; those begun are not touched."""
        gone = set(items)
        queue = self._lines.get(line, deque())
        kept = deque(each for each in queue if each[1] not in gone)
        dropped = len(queue) - len(kept)
        if kept:
            self._lines[line] = kept
        else:
            self._lines.pop(line, None)
        return dropped

    def hold_no_longer(self) -> None:
        """Begin whatever waits as soon as a replica is idle: nothing more will come."""
        self._max_wait_s = 0.0

    def _ready_s(self, line: Line) -> float:
        """Return when a line is ready: it holds a full batch, or its head has waited its time."""
        queue = self._lines[line]
        ready_s = queue[0][0] + self._max_wait_s
        if len(queue) >= self.batching.max_batch:
            ready_s = min(ready_s, queue[self.batching.max_batch - 1][0])
        return ready_s
