"""The batcher between an event loop that offers requests and threads that take calls."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Generic

from measure.serving.batcher import Batcher, Call, Item, Line


class Dispatcher(Generic[Item]):
    """A batcher under a lock that is held for microseconds, so that the event loop may wait for it.

    Calls begin, as the policy counts, when a request comes or a replica is through, not when a
    thread wakes up: what is admitted does not depend on the operating system's scheduler.
    """

    def __init__(self, batcher: Batcher[Item]) -> None:
        self._batcher = batcher
        self._changed = threading.Condition()
        self._begun: deque[Call[Item]] = deque()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Images that wait."""
        with self._changed:
            return self._batcher.waiting

    @property
    def idle(self) -> int:
        """Replicas without a call."""
        with self._changed:
            return self._batcher.idle

    def offer(self, line: Line, items: Sequence[Item], now_s: float) -> bool:
        """Let the images of one request wait; False where there is no room for all of them."""
        with self._changed:
            taken = self._batcher.offer(line, items, now_s)
            self._begin()
            return taken

    def withdraw(self, line: Line, items: Iterable[Item]) -> int:
        """Drop images that no call has begun; return how many."""
        with self._changed:
            return self._batcher.withdraw(line, items)

    def take(self) -> Call[Item] | None:
        """Wait for a call to make; None once closed."""
        with self._changed:
            while True:
                self._begin()
                if self._begun:
                    return self._begun.popleft()
                if self._closed:
                    return None
                ready_s = self._batcher.next_ready_s()
                wait_s = None if ready_s is None else max(0.0, ready_s - time.perf_counter())
                self._changed.wait(wait_s)

    def end(self) -> None:
        """Note that the calling thread is through with its call."""
        with self._changed:
            self._batcher.end()

    def hold_no_longer(self) -> None:
        """Begin whatever waits as soon as a replica is idle."""
        with self._changed:
            self._batcher.hold_no_longer()
            self._begin()

    def close(self) -> None:
        """Let the threads go once no call is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _begin(self) -> None:
        while (call := self._batcher.begin(time.perf_counter())) is not None:
            self._begun.append(call)
        self._changed.notify_all()
