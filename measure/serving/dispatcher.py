"""Hands admitted requests from the event loop to the threads that take calls."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Generic

from fluxcost.workload import Shape
from measure.batching import Item
from measure.serving.admission import Admission


class Dispatcher(Generic[Item]):
    """Admission under a lock that is held for microseconds, so that the event loop may wait for it.

    Calls begin, as the policy counts, when a request comes or a replica is through, not when a
    thread wakes up: what is admitted does not depend on the operating system's scheduler.
    """

    def __init__(self, admission: Admission[Item]) -> None:
        self._admission = admission
        self._changed = threading.Condition()
        self._begun: deque[tuple[Item, ...]] = deque()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Images that wait."""
        with self._changed:
            return self._admission.waiting

    @property
    def idle(self) -> int:
        """Replicas without a call."""
        with self._changed:
            return self._admission.idle

    def offer(self, items: Sequence[Item], shape: Shape, priority: int, now_s: float) -> bool:
        """Let the images of one request wait; False where there is no room for all of them."""
        with self._changed:
            taken = self._admission.offer(items, shape, priority, now_s)
            self._begin()
            return taken

    def withdraw(self, items: Iterable[Item]) -> int:
        """Drop images that no call has begun; return how many."""
        with self._changed:
            return self._admission.withdraw(items)

    def take(self) -> tuple[Item, ...]:
        """Wait for a call to make; empty once closed."""
        with self._changed:
            while True:
                self._begin()
                if self._begun:
                    return self._begun.popleft()
                if self._closed:
                    return ()
                ready_s = self._admission.next_ready_s()
                wait_s = None if ready_s is None else max(0.0, ready_s - time.perf_counter())
                self._changed.wait(wait_s)

    def end(self) -> None:
        """Note that the calling thread is through with its call."""
        with self._changed:
            self._admission.end()

    def hold_no_longer(self) -> None:
        """Begin whatever waits as soon as a replica is idle."""
        with self._changed:
            self._admission.hold_no_longer()
            self._begin()

    def close(self) -> None:
        """Let the threads go once no call is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _begin(self) -> None:
        while call := self._admission.begin(time.perf_counter()):
            self._begun.append(call)
        self._changed.notify_all()
