"""One run of a fleet: arrivals drawn by NumPy, served by compiled loops, tallied in histograms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fluxcost.capacity import kernels
from fluxcost.capacity.arrivals import CHUNK, Arrivals
from fluxcost.capacity.fleet import Batching, Scaling
from fluxcost.capacity.service import Service, no_spread
from fluxcost.performance.kriging import Array

Counts = np.typing.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rules:
    """How requests are served.

    Attributes:
        replicas: Replicas, the most where they come and go.
        batching: How images are joined into calls.
        images: Images a request.
        priorities: Of each line, 0 first.
        queue_limit: Images that may wait; None for any number.
        scaling: When replicas start and stop; None for a fixed fleet.
        ready_s: When the replicas of a fixed fleet are first free.
    """

    replicas: int
    batching: Batching = field(default_factory=Batching)
    images: int = 1
    priorities: tuple[int, ...] = (0,)
    queue_limit: int | None = None
    scaling: Scaling | None = None
    ready_s: float = 0.0

    @property
    def in_order(self) -> bool:
        """Whether every image simply takes the replica that is free first."""
        return (
            self.batching.max_batch == 1
            and self.batching.max_wait_s == 0
            and self.queue_limit is None
            and self.scaling is None
            and len(set(self.priorities)) == 1
        )


@dataclass(frozen=True, eq=False)
class Run:
    """What one run counted, after its warm-up.

    Attributes:
        histograms: Requests by line and bucket of response time.
        arrived: Requests that came.
        lost: Requests turned away.
        wait_s: Mean seconds an image waited for its call to begin.
        busy_s: Seconds of calls, over all replicas.
        rented_s: Seconds replicas were kept, over all replicas.
        span_s: Seconds between the first and the last arrival counted.
        calls: Calls made.
        images: Images made.
        longest_queue: Most images that waited at once; 0 where no queue is kept.
        left_s: Seconds from the last arrival until the last replica is free.
        starts: Replicas started.
    """

    histograms: Counts
    arrived: int
    lost: int
    wait_s: float
    busy_s: float
    rented_s: float
    span_s: float
    calls: int
    images: int
    longest_queue: int
    left_s: float
    starts: int

    def percentile_s(self, percentile: float, line: int | None = None) -> float:
        """Return a percentile of response times, seconds, within 0.1 %.

        Every request that came in after the warm-up counts, also one answered after the last
        arrival; 100 is the slowest.
        """
        counts = self.histograms.sum(axis=0) if line is None else self.histograms[line]
        return percentile_of(counts, percentile)

    def share_within(self, seconds: float) -> float:
        """Return the share of requests answered within so many seconds, to one bucket."""
        counts = self.histograms.sum(axis=0)
        bucket = int(np.array([seconds]).view(np.int64)[0] >> kernels.SHIFT) - kernels.FIRST
        return float(counts[: max(bucket, 0)].sum() / counts.sum())

    @property
    def mean_s(self) -> float:
        """Mean response time, seconds, within 0.1 %."""
        counts = self.histograms.sum(axis=0)
        told = np.flatnonzero(counts)
        return float(np.dot(counts[told], _middles(told)) / counts.sum())


def percentile_of(counts: Counts, percentile: float) -> float:
    """Return a percentile of a histogram's response times: the middle of its bucket, seconds."""
    rising = np.cumsum(counts)
    place = max(1, int(np.ceil(percentile / 100 * rising[-1])))
    return float(_middles(np.array([np.searchsorted(rising, place)]))[0])


def _middles(buckets: Counts) -> Array:
    edges = [
        ((buckets + more + kernels.FIRST) << kernels.SHIFT).view(np.float64) for more in (0, 1)
    ]
    middles: Array = (edges[0] + edges[1]) / 2
    return middles


def run_once(
    arrivals: Arrivals,
    requests: int,
    service: Service,
    rules: Rules,
    *,
    seed: int | tuple[int, ...],
    factor: float = 1.0,
    warm_up: int = 0,
) -> Run:
    """Serve requests and count what happened after the warm-up.

    Args:
        arrivals: When they come.
        requests: How many count.
        service: How long calls take.
        rules: How they are served.
        seed: The same seed gives the same run.
        factor: What all call times are multiplied by.
        warm_up: Requests served before any counts.
    """
    random = np.random.default_rng(seed)
    server = (_InOrder if rules.in_order else _InBatches)(service, rules, factor)
    before = warm_up
    for times, lines in arrivals.chunks(random, requests + warm_up):
        if before:
            # The chunk in which the warm-up ends is cut in two.
            server.serve(times[:before], lines[:before], random)
        if before < times.size:
            if before:
                server.start_counting(float(times[before]))
            server.serve(times[before:], lines[before:], random)
        before = max(0, before - times.size)
    return server.finish(random)


class _Server:
    """State that lives from chunk to chunk."""

    def __init__(self, service: Service, rules: Rules, factor: float) -> None:
        self.rules = rules
        self.lines = service.occupancy_s.shape[0]
        self.occupancy_s = np.ascontiguousarray(service.occupancy_s * factor)
        self.latency_s = np.ascontiguousarray(service.latency_s * factor)
        self.spread = service.spread
        self.ones = np.ones(CHUNK * rules.images) if service.spread is no_spread else None
        self.free_s = np.full(rules.replicas, rules.ready_s)
        self.since_s = np.zeros(rules.replicas)
        if rules.scaling is not None:
            self.since_s[rules.scaling.least :] = kernels.FOREVER
        self.totals = np.zeros(kernels.TOTALS)
        self.histograms = np.zeros((self.lines, kernels.BUCKETS), dtype=np.int64)
        self.warm_s = np.zeros(1)
        self.arrived = 0

    def start_counting(self, now_s: float) -> None:
        """Forget what was counted, keep who waits and who serves."""
        self.totals[:] = 0
        self.histograms[:] = 0
        self.arrived = 0
        self.warm_s[0] = now_s
        self.since_s[self.since_s < kernels.FOREVER] = now_s

    def ratios(self, random: np.random.Generator, calls: int) -> Array:
        return self.ones[:calls] if self.ones is not None else self.spread(random, calls)

    def tally(self, response_s: Array, lines: Counts, count: int) -> None:
        kernels.tally(response_s.view(np.int64), lines, count, self.histograms)

    def counted(self) -> Run:
        totals = self.totals
        end_s = max(float(totals[kernels.LAST]), float(self.free_s.max()))
        kept = self.since_s < kernels.FOREVER
        rented_s = totals[kernels.RENTED] + float((end_s - self.since_s[kept]).sum())
        answered = int(self.histograms.sum())
        return Run(
            histograms=self.histograms,
            arrived=self.arrived,
            lost=int(totals[kernels.LOST]),
            wait_s=float(totals[kernels.WAIT]) / max(1, answered * self.rules.images),
            busy_s=float(totals[kernels.BUSY]),
            rented_s=rented_s,
            span_s=float(totals[kernels.LAST]) - float(self.warm_s[0]),
            calls=int(totals[kernels.CALLS]),
            images=int(totals[kernels.IMAGES]),
            longest_queue=int(totals[kernels.LONGEST]),
            left_s=max(0.0, float(self.free_s.max() - totals[kernels.LAST])),
            starts=int(totals[kernels.STARTS]),
        )


class _InOrder(_Server):
    def __init__(self, service: Service, rules: Rules, factor: float) -> None:
        super().__init__(service, rules, factor)
        self.response_s = np.empty(CHUNK)

    def serve(self, times: Array, lines: Counts, random: np.random.Generator) -> None:
        count = kernels.serve_in_order(
            times,
            lines,
            self.ratios(random, times.size * self.rules.images),
            self.occupancy_s,
            self.latency_s,
            self.rules.images,
            self.free_s,
            self.totals,
            self.response_s,
        )
        self.arrived += count
        self.tally(self.response_s, lines, count)

    def finish(self, random: np.random.Generator) -> Run:
        return self.counted()


class _InBatches(_Server):
    def __init__(self, service: Service, rules: Rules, factor: float) -> None:
        super().__init__(service, rules, factor)
        scaling = rules.scaling
        limit = np.inf if rules.queue_limit is None else rules.queue_limit
        self.policy = np.array([rules.batching.max_batch, rules.batching.max_wait_s, limit])
        self.scaling = np.array([rules.replicas, rules.replicas, 0.0, 0.0, 0.0])
        if scaling is not None:
            self.scaling[:] = (
                scaling.least,
                rules.replicas,
                scaling.cold_start_s * 1.0,
                scaling.idle_timeout_s,
                scaling.waiting_per_replica,
            )
        given = rules.priorities
        self.priorities = np.array(given if len(given) == self.lines else given * self.lines)
        self.rings = np.empty((self.lines, CHUNK))
        self.heads = np.zeros(self.lines, dtype=np.int64)
        self.lengths = np.zeros(self.lines, dtype=np.int64)
        self.ready_s = np.zeros(self.lines)
        self.heads_s = np.zeros(self.lines)
        self.open_left = np.zeros(self.lines, dtype=np.int64)
        self.open_last = np.zeros(self.lines)
        self.response_s = np.empty(0)
        self.response_line = np.empty(0, dtype=np.int64)

    def serve(self, times: Array, lines: Counts, random: np.random.Generator) -> None:
        self._serve(times, lines, random, final=False)
        self.arrived += times.size

    def finish(self, random: np.random.Generator) -> Run:
        while self.lengths.sum():
            self._serve(np.empty(0), np.empty(0, dtype=np.int64), random, final=True)
        return self.counted()

    def _serve(
        self, times: Array, lines: Counts, random: np.random.Generator, *, final: bool
    ) -> None:
        images = self.rules.images
        self._make_room(times.size * images)
        room = times.size + int(self.lengths.sum()) + self.lines
        if self.response_s.size < room:
            self.response_s, self.response_line = np.empty(room), np.empty(room, dtype=np.int64)
        count = kernels.serve_in_batches(
            times,
            lines,
            self.ratios(random, max(1, min(CHUNK, times.size) * images or CHUNK)),
            self.occupancy_s,
            self.latency_s,
            self.priorities,
            images,
            self.policy,
            self.scaling,
            self.rings,
            self.heads,
            self.lengths,
            self.ready_s,
            self.heads_s,
            self.open_left,
            self.open_last,
            self.free_s,
            self.since_s,
            self.totals,
            self.response_s,
            self.response_line,
            self.warm_s,
            final,
        )
        self.tally(self.response_s, self.response_line, count)

    def _make_room(self, items: int) -> None:
        """Make the rings long enough for all of a chunk to wait beside what waits already."""
        need = int(self.lengths.max()) + items
        if need <= self.rings.shape[1]:
            return
        wider = np.empty((self.lines, 2 * need))
        for line in range(self.lines):
            held = np.roll(self.rings[line], -self.heads[line])[: self.lengths[line]]
            wider[line, : held.size] = held
        self.rings = wider
        self.heads[:] = 0
