"""Open-loop arrivals on a fixed schedule, in the thread that makes the images.

The schedule is known, so no second thread is needed to keep it: whatever was due while a call ran
is let in, as of the moment it was due, before the next batch is chosen. Latency counts from that
moment however late the loop looks, so a stall cannot hide the requests that would have come in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fluxcost.capacity.fleet import Batching
from measure.batcher import Batcher
from measure.scenarios.loaded_replica import LoadedReplica


@dataclass
class LoadLog:
    """Times of one run, seconds since its start."""

    arrived_s: list[float] = field(default_factory=list)
    query: list[int] = field(default_factory=list)
    call: list[int] = field(default_factory=list)
    started_s: list[float] = field(default_factory=list)
    finished_s: list[float] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)

    def arrive(self, at_s: float, query: int | None = None) -> int:
        """Note that an image came, and return its number."""
        self.arrived_s.append(round(at_s, 6))
        self.call.append(-1)
        if query is not None:
            self.query.append(query)
        return len(self.arrived_s) - 1

    def make(self, taken: Sequence[int], maker: LoadedReplica, zero_s: float) -> None:
        """Make images in one call and note when."""
        start_s = maker.now_s() - zero_s
        size = maker.make(len(taken))
        end_s = maker.now_s() - zero_s
        for image in taken:
            self.call[image] = len(self.size)
        self.started_s.append(round(start_s, 6))
        self.finished_s.append(round(end_s, 6))
        self.images.append(len(taken))
        self.size.append(size)

    def fields(self) -> dict[str, Any]:
        """Return the fields of a recorded run."""
        several = len(set(self.query)) < len(self.query)
        return {
            "arrived_s": self.arrived_s,
            "query": self.query if several else (),
            "call": self.call,
            "calls": {
                "started_s": self.started_s,
                "finished_s": self.finished_s,
                "images": self.images,
                "size": self.size,
            },
        }


def poisson_schedule(rate_per_s: float, seconds: float, seed: tuple[int, ...]) -> list[float]:
    """Return when requests are due: as many as come in so many seconds on average, two at least."""
    count = max(2, round(rate_per_s * seconds))
    gaps = np.random.default_rng(seed).standard_exponential(count) / rate_per_s
    return [round(float(each), 6) for each in np.cumsum(gaps)]


def run_open_loop(
    due_s: Sequence[float], maker: LoadedReplica, batching: Batching, sleep: Callable[[float], None]
) -> LoadLog:
    """Serve requests that come on a schedule until all are answered.

    Args:
        due_s: When each is due, rising.
        maker: Makes the images.
        batching: How they are joined into calls.
        sleep: Waits so many seconds on the maker's clock.
    """
    batcher = Batcher[int](batching)
    log = LoadLog()
    zero_s = maker.now_s()
    while len(log.arrived_s) < len(due_s) or len(batcher):
        now_s = maker.now_s() - zero_s
        while len(log.arrived_s) < len(due_s) and due_s[len(log.arrived_s)] <= now_s:
            at_s = due_s[len(log.arrived_s)]
            batcher.add(log.arrive(at_s), maker.shape, at_s)
        taken = batcher.next_batch(now_s)
        if taken:
            log.make(taken, maker, zero_s)
            continue
        ahead = [batcher.ready_s(), *due_s[len(log.arrived_s) : len(log.arrived_s) + 1]]
        sleep(max(0.0, min(each for each in ahead if each is not None) - now_s))
    return log
