"""What serves one run: state that lives from chunk to chunk, and the kernel that works on it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fluxcost.capacity.arrivals import CHUNK, Lines, Random
from fluxcost.capacity.fleet import Batching, Failures, Scaling
from fluxcost.capacity.service_times import ServiceTimes, no_spread
from fluxcost.capacity.simulator import kernels_elastic, kernels_fixed, state
from fluxcost.capacity.simulator.histogram import BUCKETS, tally
from fluxcost.capacity.simulator.state import FOREVER
from fluxcost.stats import Array


@dataclass(frozen=True, eq=False)
class Rules:
    """How requests are served.

    Attributes:
        replicas: Replicas that serve, the most where they come and go.
        batching: How images are joined into calls.
        images: Images a request, of every kind or of each.
        priorities: Of each waiting line, 0 first.
        queue_limit: Images that may wait; None for any number.
        scaling: When replicas start and stop, its cold start stated; None for a fixed fleet.
        failures: How replicas fail; None for never.
        standing_by: Replicas kept that do not serve.
        ready_s: When the replicas of a fixed fleet are first free.
        waits_in: The waiting line of each kind of request; its own unless given.
    """

    replicas: int
    batching: Batching = field(default_factory=Batching)
    images: int | tuple[int, ...] = 1
    priorities: tuple[int, ...] = (0,)
    queue_limit: int | None = None
    scaling: Scaling | None = None
    failures: Failures | None = None
    standing_by: int = 0
    ready_s: float = 0.0
    waits_in: tuple[int, ...] | None = None

    @property
    def changing(self) -> bool:
        """Whether replicas start, stop or fail."""
        return self.scaling is not None or self.failures is not None

    @property
    def in_order(self) -> bool:
        """Whether every image simply takes the replica that is free first."""
        return (
            self.batching.max_batch == 1
            and self.batching.max_wait_s == 0
            and self.queue_limit is None
            and not self.changing
            and len(set(self.priorities)) == 1
        )


class SimulatedServer:
    """What every kind counts; `serve` and `finish` are the kind's own."""

    def __init__(self, service: ServiceTimes, rules: Rules, factor: float) -> None:
        self.rules = rules
        self.lines = service.occupancy_s.shape[0]
        line_of = np.arange(self.lines) if rules.waits_in is None else np.array(rules.waits_in)
        self.kinds = line_of.size
        self.images = np.broadcast_to(rules.images, self.kinds).astype(np.int64)
        batching = rules.batching
        self.policy = state.Policy(
            images=self.images,
            line_of=line_of.astype(np.int64),
            max_batch=batching.max_batch,
            max_wait_s=float(batching.max_wait_s),
            limit=np.inf if rules.queue_limit is None else float(rules.queue_limit),
        )
        self.calls = state.CallSeconds(
            np.ascontiguousarray(service.occupancy_s * factor),
            np.ascontiguousarray(service.latency_s * factor),
        )
        self.spread = service.spread
        most = CHUNK * int(self.images.max())
        self.ones = np.ones(most) if service.spread is no_spread else None
        self.free_s = np.full(rules.replicas, rules.ready_s)
        self.since_s = np.zeros(rules.replicas)
        self.totals = np.zeros(state.TOTALS)
        self.spent_s = np.zeros(self.kinds)
        self.histograms = np.zeros((self.kinds, BUCKETS), dtype=np.int64)
        self.warm_s = 0.0
        self.arrived = 0

    def start_counting(self, now_s: float) -> None:
        """Forget what was counted, keep who waits and who serves."""
        self.totals[:] = 0
        self.spent_s[:] = 0
        self.histograms[:] = 0
        self.arrived = 0
        self.warm_s = now_s
        self.since_s[self.since_s < FOREVER] = now_s

    def serve(self, times: Array, kinds: Lines, random: Random) -> None:
        """Take one chunk of arrivals in."""
        raise NotImplementedError

    def finish(self, random: Random) -> None:
        """Serve whoever still waits."""

    def _asked(self, kinds: Lines) -> int:
        """Return the images that requests of these kinds ask for."""
        if np.ptp(self.images) == 0:
            return kinds.size * int(self.images[0])
        return int(self.images[kinds].sum())

    def ratios(self, random: Random, calls: int) -> Array:
        """Draw calls over their mean."""
        return self.ones[:calls] if self.ones is not None else self.spread(random, calls)

    def tally(self, responses: state.Responses, count: int) -> None:
        """Count so many responses."""
        tally(responses.seconds.view(np.int64), responses.kinds, count, self.histograms)


class InOrder(SimulatedServer):
    """One image a call, first come first served, on replicas that are always there."""

    def __init__(self, service: ServiceTimes, rules: Rules, factor: float) -> None:
        super().__init__(service, rules, factor)
        self.response_s = np.empty(CHUNK)

    def serve(self, times: Array, kinds: Lines, random: Random) -> None:
        """Take one chunk of arrivals in."""
        chunk = state.Chunk(times, kinds, self.ratios(random, self._asked(kinds)))
        responses = state.Responses(self.response_s, kinds)
        count = kernels_fixed.serve_in_order(
            chunk, self.calls, self.policy, self.free_s, self.totals, self.spent_s, responses
        )
        self.arrived += count
        self.tally(responses, count)


class InBatches(SimulatedServer):
    """Lines that wait, on replicas that are always there."""

    def __init__(self, service: ServiceTimes, rules: Rules, factor: float) -> None:
        super().__init__(service, rules, factor)
        given = rules.priorities
        priorities = given if len(given) == self.lines else given * self.lines
        self.queue = state.Queue(
            rings=np.empty((self.lines, CHUNK)),
            kinds=np.zeros((self.lines, CHUNK), dtype=np.int64),
            heads=np.zeros(self.lines, dtype=np.int64),
            lengths=np.zeros(self.lines, dtype=np.int64),
            ready_s=np.zeros(self.lines),
            heads_s=np.zeros(self.lines),
            priorities=np.array(priorities),
        )
        self.opened = state.Open(np.zeros(self.lines, dtype=np.int64), np.zeros(self.lines))
        self.responses = state.Responses(np.empty(0), np.empty(0, dtype=np.int64))

    def serve(self, times: Array, kinds: Lines, random: Random) -> None:
        """Take one chunk of arrivals in."""
        self._run(times, kinds, random, final=False)
        self.arrived += times.size

    def finish(self, random: Random) -> None:
        """Serve whoever still waits."""
        self._run(np.empty(0), np.empty(0, dtype=np.int64), random, final=True)

    def _run(self, times: Array, kinds: Lines, random: Random, *, final: bool) -> None:
        self._make_room(times.size, self._asked(kinds))
        most = min(CHUNK, self._outstanding() + times.size) * int(self.images.max())
        chunk = state.Chunk(times, kinds, self.ratios(random, max(1, most)))
        self.tally(self.responses, self._kernel(chunk, final=final))

    def _kernel(self, chunk: state.Chunk, *, final: bool) -> int:
        return kernels_fixed.serve_in_batches(
            chunk,
            self.calls,
            self.policy,
            self.queue,
            self.opened,
            self.free_s,
            self.totals,
            self.spent_s,
            self.responses,
            self.warm_s,
            final,
        )

    def _outstanding(self) -> int:
        """Return how many images may have to find room in one line."""
        return int(self.queue.lengths.sum())

    def _make_room(self, requests: int, images: int) -> None:
        """Make the rings long enough for a chunk to wait beside what waits already."""
        need = self._outstanding() + images
        room = need + self.lines
        if self.responses.seconds.size < room:
            self.responses = state.Responses(np.empty(room), np.empty(room, dtype=np.int64))
        if need <= self.queue.rings.shape[1]:
            return
        rings, kinds = (
            self._wider(ring, 2 * need) for ring in (self.queue.rings, self.queue.kinds)
        )
        self.queue = self.queue._replace(rings=rings, kinds=kinds)
        self.queue.heads[:] = 0

    def _wider(self, rings: Array, size: int) -> Array:
        """Return rings of another size that hold the same from their first place on."""
        wider = np.zeros((self.lines, size), dtype=rings.dtype)
        for line in range(self.lines):
            held = np.roll(rings[line], -self.queue.heads[line])[: self.queue.lengths[line]]
            wider[line, : held.size] = held
        return wider


class Elastic(InBatches):
    """Lines that wait, on replicas that start, stop and fail."""

    def __init__(self, service: ServiceTimes, rules: Rules, factor: float, failing: Random) -> None:
        super().__init__(service, rules, factor)
        self.failing = failing
        self.upkeep = _upkeep(rules)
        self.since_s[self.upkeep.least :] = FOREVER
        count, batch = rules.replicas, rules.batching.max_batch
        up_s = self.upkeep.between_failures_s * failing.standard_exponential(count)
        self.replicas = state.ReplicaState(
            free_s=self.free_s,
            since_s=self.since_s,
            fails_s=self.free_s + up_s,
            back_s=np.full(count, FOREVER),
            cut_line=np.zeros(count, dtype=np.int64),
            cut_count=np.zeros(count, dtype=np.int64),
            cut=np.zeros((count, batch), dtype=np.int64),
            due_s=np.full(1, -np.inf),
        )
        self.queue = self.queue._replace(rings=np.zeros((self.lines, CHUNK), dtype=np.int64))
        self.requests = _no_slots()
        self.clock_s = np.full(1, -np.inf)

    def finish(self, random: Random) -> None:
        """Serve whoever still waits; let replicas stop that are idle long enough by then."""
        super().finish(random)
        end_s = max(self.totals[state.LAST], self.totals[state.END])
        stop_from = float(self.clock_s[0])
        kernels_elastic.settle(
            self.replicas, self.upkeep, self.totals, self.failing, stop_from, end_s
        )

    def _kernel(self, chunk: state.Chunk, *, final: bool) -> int:
        return kernels_elastic.serve_elastic(
            chunk,
            self.calls,
            self.policy,
            self.queue,
            self.requests,
            self.replicas,
            self.upkeep,
            self.clock_s,
            self.totals,
            self.spent_s,
            self.responses,
            self.failing,
            self.warm_s,
            final,
        )

    def _outstanding(self) -> int:
        return super()._outstanding() + self.rules.replicas * self.rules.batching.max_batch

    def _make_room(self, requests: int, images: int) -> None:
        super()._make_room(requests, images)
        if int(self.requests.spares[0]) < requests:
            self.requests = _with_more_slots(self.requests, requests)


def _no_slots() -> state.Requests:
    return state.Requests(
        arrived_s=np.empty(0),
        kinds=np.empty(0, dtype=np.int64),
        left=np.empty(0, dtype=np.int64),
        last_s=np.empty(0),
        broken=np.empty(0, dtype=np.bool_),
        spare=np.empty(0, dtype=np.int64),
        spares=np.zeros(1, dtype=np.int64),
    )


def _with_more_slots(requests: state.Requests, count: int) -> state.Requests:
    """Return the same requests with twice the slots, and room for so many more at least."""
    old = requests.arrived_s.size
    more = max(old, count)
    spares = int(requests.spares[0])
    spare = np.concatenate([requests.spare[:spares], np.arange(old, old + more)])
    room = np.zeros(old + more - spare.size, dtype=np.int64)
    return state.Requests(
        arrived_s=_longer(requests.arrived_s, more),
        kinds=_longer(requests.kinds, more),
        left=_longer(requests.left, more),
        last_s=_longer(requests.last_s, more),
        broken=_longer(requests.broken, more),
        spare=np.concatenate([spare, room]),
        spares=np.array([spare.size]),
    )


def _longer(values: Array, more: int) -> Array:
    return np.concatenate([values, np.zeros(more, dtype=values.dtype)])


def _upkeep(rules: Rules) -> state.Upkeep:
    scaling, failures = rules.scaling, rules.failures
    return state.Upkeep(
        least=scaling.least if scaling else rules.replicas,
        most=rules.replicas,
        start_s=float(scaling.cold_start_s or 0.0) if scaling else 0.0,
        idle_s=float(scaling.idle_timeout_s) if scaling else FOREVER,
        up_at=float(scaling.waiting_per_replica) if scaling else FOREVER,
        between_failures_s=float(failures.between_failures_s) if failures else FOREVER,
        recovery_s=float(failures.recovery_s) if failures else 0.0,
        retried=failures is None or failures.calls_cut_short == "retried",
    )
