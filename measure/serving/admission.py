"""A bounded queue in front of some replicas: which requests may wait, and what begins when.

The rule by which waiting images are joined into calls is `measure.batching`'s. With admission and
replicas added it is the simulator's fleet (`fluxcost.capacity.kernels.serve_in_batches`), for
requests that really come; tests hold the two together. No clock, thread or lock is in here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Generic

from fluxcost.capacity.fleet import Batching
from fluxcost.workload import Shape
from measure.batching import Batcher, Item


class Admission(Generic[Item]):
    """Waiting images and idle replicas. Times are seconds of any steady clock."""

    def __init__(self, batching: Batching, queue_limit: int | None, replicas: int) -> None:
        self.queue_limit = queue_limit
        self.idle = replicas
        self._batcher: Batcher[Item] = Batcher(batching)

    @property
    def waiting(self) -> int:
        """Images that wait."""
        return len(self._batcher)

    def offer(self, items: Sequence[Item], shape: Shape, priority: int, now_s: float) -> bool:
        """Let the images of one request wait, or say that there is no room for all of them.

        A request larger than the whole queue is taken where nothing waits and a replica is idle.
        """
        limit = math.inf if self.queue_limit is None else self.queue_limit
        if self.waiting + len(items) > limit and (self.waiting > 0 or self.idle == 0):
            return False
        for item in items:
            self._batcher.add(item, shape, now_s, priority)
        return True

    def begin(self, now_s: float) -> tuple[Item, ...]:
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

    def withdraw(self, items: Iterable[Item]) -> int:
        """Drop images that wait, and return how many did; those begun are not touched."""
        return sum(self._batcher.remove(item) for item in items)

    def hold_no_longer(self) -> None:
        """Begin whatever waits as soon as a replica is idle: nothing more will come."""
        self._batcher.batching = self._batcher.batching.model_copy(update={"max_wait_s": 0.0})
