"""A bounded queue in front of replicas: which requests may wait, and the calls threads take.

The rule by which waiting images are joined into calls is `measure.batcher`'s. With admission and
replicas added it is the simulator's fleet (`fluxcost.capacity.kernels.serve_in_batches`), for
requests that really come; tests hold the two together. No clock, thread or lock is in here.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Generic

from fluxcost.capacity.fleet import Batching
from fluxcost.workload.shape import Shape
from measure.batcher import Batcher, ItemT


class Admission(Generic[ItemT]):
    """Waiting images and idle replicas. Times are seconds of any steady clock."""

    def __init__(self, batching: Batching, queue_limit: int | None, replicas: int) -> None:
        self.queue_limit = queue_limit
        self.idle = replicas
        self._batcher: Batcher[ItemT] = Batcher(batching)

    @property
    def waiting(self) -> int:
        """Images that wait."""
        return len(self._batcher)

    def offer(self, items: Sequence[ItemT], shape: Shape, priority: int, now_s: float) -> bool:
        """Let the images of one request wait, or say that there is no room for all of them.

        A request larger than the whole queue is taken where nothing waits and a replica is idle.
        """
        limit = math.inf if self.queue_limit is None else self.queue_limit
        if self.waiting + len(items) > limit and (self.waiting > 0 or self.idle == 0):
            return False
        for item in items:
            self._batcher.add(item, shape, now_s, priority)
        return True

    def begin(self, now_s: float) -> tuple[ItemT, ...]:
        """Return the call that an idle replica begins now, which is then busy; empty if none."""
        call = self._batcher.next_batch(now_s) if self.idle else ()
        self.idle -= bool(call)
        return call

    def end(self) -> None:
        """Note that a replica is through with its call."""
        self.idle += 1

    def next_ready_s(self) -> float | None:
        """Return when the next call is ready, maybe in the past; None if nothing waits."""
        return self._batcher.ready_s()

    def withdraw(self, items: Iterable[ItemT]) -> int:
        """Drop images that wait, and return how many did; those begun are not touched."""
        return sum(self._batcher.remove(item) for item in items)

    def hold_no_longer(self) -> None:
        """Begin whatever waits as soon as a replica is idle: nothing more will come."""
        self._batcher.batching = self._batcher.batching.model_copy(update={"max_wait_s": 0.0})


class Dispatcher(Generic[ItemT]):
    """Admission under a lock that is held for microseconds, so that the event loop may wait for it.

    Calls begin, as the policy counts, when a request comes or a replica is through, not when a
    thread wakes up: what is admitted does not depend on the operating system's scheduler.
    """

    def __init__(self, admission: Admission[ItemT]) -> None:
        self._admission = admission
        self._changed = threading.Condition()
        self._begun: deque[tuple[ItemT, ...]] = deque()
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

    def offer(self, items: Sequence[ItemT], shape: Shape, priority: int, now_s: float) -> bool:
        """Let the images of one request wait; False where there is no room for all of them."""
        with self._changed:
            taken = self._admission.offer(items, shape, priority, now_s)
            self._begin()
            return taken

    def withdraw(self, items: Iterable[ItemT]) -> int:
        """Drop images that no call has begun; return how many."""
        with self._changed:
            return self._admission.withdraw(items)

    def take(self) -> tuple[ItemT, ...]:
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
