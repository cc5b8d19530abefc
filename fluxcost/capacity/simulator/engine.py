"""One run of a fleet: arrivals drawn by NumPy, served by compiled loops, tallied in histograms."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from fluxcost.capacity.arrivals import ArrivalProcess
from fluxcost.capacity.batching import Pools, pooled
from fluxcost.capacity.demand import Demand
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.service_times import ServiceTimes
from fluxcost.capacity.simulator import state
from fluxcost.capacity.simulator.histogram import Counts, count_within, mean_of, percentile_under
from fluxcost.capacity.simulator.servers import Elastic, InBatches, InOrder, Rules, SimulatedServer
from fluxcost.checks import refuse_bad_seed
from fluxcost.stats import Array
from fluxcost.workload.constraints import Objective


@dataclass(frozen=True, eq=False)
class SimulatedRun:
    """What one run counted, after its warm-up.

    Attributes:
        histograms: Requests by line and bucket of response time.
        arrived: Requests that came.
        lost: Requests never answered: turned away, or lost with a call that a failure cut short.
        images_lost: Images never made: those of requests turned away, and of calls cut short.
        wait_s: Mean seconds an image waited for the call that made it.
        spent_s: Seconds of calls by line, over all replicas; a call's are shared by its images.
        idle_s: Seconds up to the last arrival in which a replica could have begun a call and had
            none, over all replicas kept.
        rented_s: Seconds replicas were kept, over all replicas.
        span_s: Seconds between the first and the last arrival counted.
        calls: Calls made.
        images: Images made.
        longest_queue: Most images that waited at once; 0 where no queue is kept.
        left_s: Seconds from the last arrival until the last call ends.
        starts: Replicas started.
        cut_short: Calls that a failure cut short.
    """

    histograms: Counts
    arrived: int
    lost: int
    images_lost: int
    wait_s: float
    spent_s: Array
    idle_s: float
    rented_s: float
    span_s: float
    calls: int
    images: int
    longest_queue: int
    left_s: float
    starts: int
    cut_short: int

    def percentile_s(self, percentile: float, *, of_all: bool = False) -> float:
        """Return a percentile of response times, seconds, within 0.1 %.

        Every request that came in after the warm-up and was answered counts, also one answered
        after the last arrival; 100 is the slowest. `of_all` counts those never answered as slower
        than any, and gives the slowest where the percentile is among them.
        """
        if of_all and self.lost:
            percentile = min(100.0, percentile * self.arrived / max(1, self.arrived - self.lost))
        return percentile_under(self._rising, percentile)

    def judged_s(self, objective: Objective) -> float:
        """Return the response time that must be within the objective's bound, seconds."""
        return self.percentile_s(objective.rank, of_all=objective.counts_all)

    def share_within(self, seconds: float) -> float:
        """Return the share of all requests answered within so many seconds; lost ones are not."""
        return count_within(self._counts, seconds) / self.arrived

    def part(self, lines: slice) -> SimulatedRun:
        """Return the run as the requests of some lines saw it; no request may have been lost."""
        assert self.lost == 0  # noqa: S101 - whose they were is not counted
        own = self.histograms[lines]
        return replace(self, histograms=own, arrived=int(own.sum()), spent_s=self.spent_s[lines])

    @property
    def busy_s(self) -> float:
        """Seconds of calls, over all replicas."""
        return float(self.spent_s.sum())

    @functools.cached_property
    def _counts(self) -> Counts:
        """Requests of all lines by bucket of response time."""
        counts: Counts = self.histograms.sum(axis=0)
        return counts

    @functools.cached_property
    def _rising(self) -> Counts:
        return np.cumsum(self._counts)

    @functools.cached_property
    def mean_s(self) -> float:
        """Mean response time, seconds, within 0.1 %."""
        return mean_of(self._counts)


def run_once(
    arrivals: ArrivalProcess,
    requests: int,
    service: ServiceTimes,
    rules: Rules,
    *,
    seed: int | tuple[int, ...],
    factor: float = 1.0,
    warm_up: int = 0,
) -> SimulatedRun:
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
    server = _server(service, rules, factor, random)
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
    server.finish(random)
    return _counted(server)


def _server(
    service: ServiceTimes, rules: Rules, factor: float, random: np.random.Generator
) -> SimulatedServer:
    if rules.changing:
        # Failures draw apart, so that a fleet with and one without see the same arrivals.
        return Elastic(service, rules, factor, random.spawn(1)[0])
    return (InOrder if rules.in_order else InBatches)(service, rules, factor)


def _counted(server: SimulatedServer) -> SimulatedRun:
    totals, rules = server.totals, server.rules
    last_s = float(totals[state.LAST])
    done_s = float(totals[state.END]) if rules.changing else float(server.free_s.max())
    end_s = max(last_s, done_s)
    kept = server.since_s < state.FOREVER
    serving_s = float(totals[state.RENTED]) + float((end_s - server.since_s[kept]).sum())
    standing_by_s = rules.standing_by * (end_s - server.warm_s)
    busy_s = float(server.spent_s.sum())
    starting_s = rules.scaling.cold_start_s if rules.scaling else None
    occupied_s = busy_s + float(totals[state.DOWN])
    occupied_s += float(totals[state.STARTS]) * (starting_s or 0.0)
    after_s = float((end_s - np.clip(server.free_s[kept], last_s, end_s)).sum())
    answered = int(server.histograms.sum(axis=1) @ server.images)
    return SimulatedRun(
        histograms=server.histograms,
        arrived=server.arrived,
        lost=int(totals[state.LOST]),
        images_lost=int(totals[state.IMAGES_LOST]),
        wait_s=float(totals[state.WAIT]) / max(1, answered),
        spent_s=server.spent_s,
        idle_s=max(0.0, serving_s - occupied_s - after_s),
        rented_s=serving_s + standing_by_s,
        span_s=last_s - server.warm_s,
        calls=int(totals[state.CALLS]),
        images=int(totals[state.IMAGES]),
        longest_queue=int(totals[state.LONGEST]),
        left_s=end_s - last_s,
        starts=int(totals[state.STARTS]),
        cut_short=int(totals[state.CUT_SHORT]),
    )


REQUESTS = 50_000
"""Requests counted in one replication."""

WARM_UP = 0.2
"""Requests served before any counts, over those that count; a replay or a job has none."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A demand on a fleet, ready to be run.

    Attributes:
        demand: What asks.
        service: How long calls take, at every batch up to the fleet's.
        fleet: Who serves; the cold start of its scaling is stated.
        seed: Of all runs.
        requests: Asked to count in one run.
        ready_s: When the replicas are first free.

    Raises:
        InputError: The seed is out of range.
    """

    demand: Demand
    service: ServiceTimes
    fleet: Fleet
    seed: int = 0
    requests: int = REQUESTS
    ready_s: float = 0.0

    def __post_init__(self) -> None:
        refuse_bad_seed(self.seed)

    @functools.cached_property
    def pools(self) -> Pools:
        """Where requests wait, as the fleet batches."""
        return pooled(self.demand, self.service, self.fleet.batching.together)

    @property
    def warm_up(self) -> int:
        """Requests served before any counts."""
        return 0 if self.demand.requests is not None else round(self._length[1] * WARM_UP)

    @property
    def image_s(self) -> float:
        """Mean seconds of a replica an image takes in full calls, as where many wait."""
        return self.service.image_s(self.demand.image_shares)

    @property
    def replicas_up(self) -> float:
        """Mean replicas that are up, of those that serve; the most where they come and go."""
        failures = self.fleet.failures
        return self.fleet.serving * (1.0 if failures is None else failures.availability)

    def load(self, span_s: float) -> float:
        """Return the work that arrives over what the replicas that are up can do in full calls."""
        images = self.demand.images * (self.demand.requests or 0)
        rate = self.demand.rate_per_s
        per_s = images / span_s if rate is None else rate * self.demand.images
        return per_s * self.image_s / self.replicas_up

    def run(self, replication: int, factor: float = 1.0) -> SimulatedRun:
        """Run once: the same replication sees the same arrivals, whatever the fleet and factor."""
        arrivals, requests = self._length
        return run_once(
            arrivals,
            requests,
            self.pools.service,
            self._rules,
            seed=(self.seed, replication),
            factor=factor,
            warm_up=self.warm_up,
        )

    @functools.cached_property
    def _length(self) -> tuple[ArrivalProcess, int]:
        call_s = float(self.service.occupancy_s[:, -1].max())
        return self.demand.planned_requests(self.requests, call_s)

    @functools.cached_property
    def _rules(self) -> Rules:
        fleet = self.fleet
        return Rules(
            replicas=fleet.serving,
            batching=fleet.batching,
            images=tuple(line.images for line in self.demand.lines),
            waits_in=self.pools.waits_in,
            priorities=self.pools.priorities,
            queue_limit=fleet.queue_limit,
            scaling=fleet.scaling,
            failures=fleet.failures,
            standing_by=fleet.replicas + fleet.reserve - fleet.serving,
            ready_s=self.ready_s,
        )
