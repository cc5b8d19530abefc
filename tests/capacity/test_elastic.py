"""Replicas that start, stop and fail: against SimPy, closed forms and the loop of fixed fleets."""

import math

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import AtOnce, RecordedArrivals, Stream, poisson
from fluxcost.capacity.fleet import Batching, Failures, Scaling
from fluxcost.capacity.service_times import ServiceTimes, no_spread
from fluxcost.capacity.simulator.engine import SimulatedRun, run_once
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.stats import Array
from tests.capacity.served import NO_LIMIT, exponential, service

NEVER = Failures(between_failures_s=1e15, recovery_s=1.0)
"""Failures nobody lives to see: the changing loop then does what the fixed one does."""


class SimpyFleet:
    """The same policy written as processes: one for the arrivals, one for each replica's life."""

    def __init__(self, times: Array, service_s: Array, most: int, scaling: Scaling) -> None:
        self.env = simpy.Environment()
        self.scaling, self.most, self.service_s = scaling, most, service_s
        self.queue: list[int] = []
        self.idle: list[simpy.Event] = []
        self.since_s: list[float] = []
        self.starts = 0
        self.kept: list[tuple[float, float]] = []
        self.times, self.response_s = times, np.zeros(times.size)
        for _ in range(scaling.least):
            self.env.process(self.replica(0.0))
        self.env.process(self.arrive())
        self.env.run()

    @property
    def rented_s(self) -> float:
        """Seconds replicas are kept until the last call ends."""
        end_s = float((self.times + self.response_s).max())
        kept = self.kept + [(since, end_s) for since in self.since_s]
        return sum(min(until, end_s) - since for since, until in kept)

    def arrive(self):
        for index, time in enumerate(self.times):
            yield self.env.timeout(time - self.env.now)
            self.queue.append(index)
            if self.idle:
                self.idle.pop().succeed()  # the one used last
            elif (
                len(self.queue) > self.scaling.waiting_per_replica * len(self.since_s)
                and len(self.since_s) < self.most
            ):
                self.starts += 1
                self.env.process(self.replica(self.scaling.cold_start_s or 0.0))

    def replica(self, start_s: float):
        since = self.env.now
        self.since_s.append(since)
        yield self.env.timeout(start_s)
        while True:
            if self.queue:
                index = self.queue.pop(0)
                yield self.env.timeout(self.service_s[index])
                self.response_s[index] = self.env.now - self.times[index]
                continue
            called = self.env.event()
            self.idle.append(called)
            yield called | self.env.timeout(self.scaling.idle_timeout_s)
            if called.triggered:
                continue
            if len(self.since_s) > self.scaling.least:
                self.idle.remove(called)
                self.since_s.remove(since)
                self.kept.append((since, self.env.now))
                return
            yield called


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))]
)
@pytest.mark.parametrize(("least", "up_at"), [(1, 1.0), (2, 3.0), (1, 0.5), (0, 1.0)])
def test_scaling_up_and_down_is_simpys_request_by_request(least: int, up_at: float, seed: int):
    random = np.random.default_rng(seed)
    # Rushes and lulls, so that replicas come and go many times.
    times = np.cumsum(random.exponential(np.where(np.arange(3000) // 150 % 2, 0.15, 2.0)))
    scaling = Scaling(least=least, cold_start_s=7.3, idle_timeout_s=11.7, waiting_per_replica=up_at)
    theirs = SimpyFleet(times, np.ones(3000), 6, scaling)
    ours = run_once(
        RecordedArrivals(times, np.zeros(3000, dtype=np.int64)),
        0,
        service(),
        Rules(6, scaling=scaling),
        seed=1,
    )
    assert theirs.starts > 20
    assert ours.starts == theirs.starts
    assert ours.rented_s == pytest.approx(theirs.rented_s)
    assert ours.mean_s == pytest.approx(theirs.response_s.mean(), rel=1e-3)
    for percentile in (5, 50, 90, 95, 99, 99.9, 100):
        exact = np.sort(theirs.response_s)[math.ceil(percentile / 100 * 3000) - 1]
        assert ours.percentile_s(percentile) == pytest.approx(exact, rel=1.01e-3)


def test_a_replica_idle_past_its_time_takes_no_call_between_two_arrivals():
    # Held back for company until 20.5 s; by then the second replica has stopped.
    times = np.array([0.0, 0.0, 0.0, 20.0, 40.0])
    scaling = Scaling(least=1, cold_start_s=0.5, idle_timeout_s=4.0, waiting_per_replica=0.4)
    rules = Rules(2, Batching(max_batch=2, max_wait_s=0.5), scaling=scaling)
    served = service(no_spread, ((1.0, 1.0),))
    run = run_once(RecordedArrivals(times, np.zeros(5, dtype=np.int64)), 0, served, rules, seed=1)
    assert run.starts == 1
    # The first stops 4 s after its call from 0 to 1 s; the second is kept to the end.
    assert run.rented_s == pytest.approx(5.0 + 41.5)


@settings(max_examples=40, deadline=None)
@given(
    gaps=st.lists(st.floats(0.0, 2.0), min_size=2, max_size=200),
    batch=st.integers(1, 5),
    wait=st.sampled_from([0.0, 0.3, 2.0]),
    images=st.integers(1, 4),
    replicas=st.integers(1, 4),
    limit=st.sampled_from([0, 3, 20, NO_LIMIT]),
    priorities=st.sampled_from([(0, 0), (1, 0)]),
)
def test_where_nothing_changes_it_is_the_loop_of_fixed_fleets(
    gaps: list[float],
    batch: int,
    wait: float,
    images: int,
    replicas: int,
    limit: int,
    priorities: tuple[int, int],
):
    times = np.cumsum(gaps)
    replay = RecordedArrivals(times, np.arange(times.size) % 2)
    occupancy = np.array([[1 + 0.4 * extra for extra in range(batch)]] * 2)
    served = ServiceTimes(occupancy, occupancy + 0.1, no_spread)

    def once(failures: Failures | None) -> SimulatedRun:
        rules = Rules(
            replicas,
            Batching(max_batch=batch, max_wait_s=wait),
            images,
            priorities,
            limit,
            failures=failures,
        )
        return run_once(replay, 0, served, rules, seed=1)

    fixed, changing = once(None), once(NEVER)
    assert np.array_equal(fixed.histograms, changing.histograms)
    for field in ("lost", "images_lost", "calls", "images", "longest_queue"):
        assert getattr(fixed, field) == getattr(changing, field)
    # Images held back for company after the last arrival blur when replicas fell idle for good.
    idle = ["idle_s"] if wait == 0 else []
    for field in ("wait_s", "busy_s", "rented_s", "span_s", "left_s", *idle):
        assert getattr(fixed, field) == pytest.approx(getattr(changing, field), abs=1e-6)


class FailingSimpyFleet:
    """Replicas that fail as processes: a call of 1 s that is cut short begins anew."""

    def __init__(self, seed: int, requests: int, replicas: int, failures: Failures) -> None:
        self.random = np.random.default_rng(seed)
        self.env = simpy.Environment()
        self.failures = failures
        self.queue: list[float] = []
        self.idle: list[simpy.Event] = []
        self.response_s: list[float] = []
        for _ in range(replicas):
            self.env.process(self.replica())
        self.env.process(self.arrive(requests, 0.6 * replicas))
        while len(self.response_s) < requests:
            self.env.step()

    def put(self, arrived: float) -> None:
        self.queue.append(arrived)
        self.queue.sort()
        if self.idle:
            self.idle.pop().succeed()

    def arrive(self, requests: int, rate: float):
        for _ in range(requests):
            yield self.env.timeout(self.random.exponential(1 / rate))
            self.put(self.env.now)

    def replica(self):
        while True:
            fails_s = self.env.now + self.random.exponential(self.failures.between_failures_s)
            yield from self.serve_until(fails_s)
            yield self.env.timeout(self.failures.recovery_s)

    def serve_until(self, fails_s: float):
        while True:
            if self.queue:
                arrived = self.queue.pop(0)
                done_s = self.env.now + 1.0
                yield self.env.timeout(min(done_s, fails_s) - self.env.now)
                if fails_s < done_s:
                    self.put(arrived)
                    return
                self.response_s.append(self.env.now - arrived)
                continue
            called = self.env.event()
            self.idle.append(called)
            yield called | self.env.timeout(fails_s - self.env.now)
            if not called.triggered:
                self.idle.remove(called)
                return


def test_waiting_for_replicas_that_fail_is_simpys():
    failures = Failures(between_failures_s=40.0, recovery_s=12.0)
    theirs = [FailingSimpyFleet(seed, 4000, 3, failures).response_s for seed in range(24)]
    ours = [
        run_once(Stream(1.8), 4000, service(), Rules(3, failures=failures), seed=seed)
        for seed in range(200)
    ]
    mean_s = float(np.mean([run.mean_s for run in ours]))
    p95_s = float(np.mean([run.percentile_s(95) for run in ours]))
    assert mean_s > 3  # of which a call is 1 s: failures are felt
    assert within_error([float(np.mean(each)) for each in theirs], mean_s)
    assert within_error([float(np.percentile(each, 95)) for each in theirs], p95_s)


def within_error(values: list[float], truth: float) -> bool:
    found = np.array(values)
    return bool(abs(found.mean() - truth) <= 4 * found.std(ddof=1) / math.sqrt(found.size))


@pytest.mark.parametrize("between_s", [0.7, 3.0, 30.0])
def test_calls_made_anew_take_as_long_as_renewal_theory_says(between_s: float):
    """One call of S seconds anew until it ends takes (e^(S/m) - 1)(m + recovery) on average."""
    failures = Failures(between_failures_s=between_s, recovery_s=2.0)
    rules = Rules(1, failures=failures)
    jobs = [run_once(AtOnce(), 400, service(), rules, seed=seed) for seed in range(30)]
    assert all(run.histograms.sum() == run.images == 400 for run in jobs)
    expected = 400 * math.expm1(1 / between_s) * (between_s + 2.0)
    assert within_error([run.left_s for run in jobs], expected)
    # Each success needs e^(S/m) tries.
    assert within_error([run.cut_short / 400 for run in jobs], math.expm1(1 / between_s))


def test_calls_lost_are_those_that_a_failure_meets():
    failures = Failures(between_failures_s=9.0, recovery_s=0.5, calls_cut_short="lost")
    runs = [
        run_once(Stream(1.5), 20_000, service(), Rules(3, failures=failures), seed=seed)
        for seed in range(12)
    ]
    assert within_error([run.lost / run.arrived for run in runs], -math.expm1(-1 / 9.0))
    for run in runs:
        assert run.lost == run.images_lost == run.cut_short
        assert run.histograms.sum() + run.lost == run.arrived


@settings(max_examples=30, deadline=None)
@given(
    batch=st.integers(1, 4),
    images=st.integers(1, 5),
    between_s=st.floats(0.5, 50.0),
    what=st.sampled_from(["retried", "lost"]),
    scaling=st.sampled_from([None, Scaling(cold_start_s=3.0, idle_timeout_s=4.0)]),
    seed=st.integers(0, 1000),
)
def test_every_request_is_answered_or_lost(
    batch: int, images: int, between_s: float, what: str, scaling: Scaling | None, seed: int
):
    failures = Failures.model_validate(
        {"between_failures_s": between_s, "recovery_s": 1.5, "calls_cut_short": what}
    )
    rules = Rules(3, Batching(max_batch=batch), images, (0, 1), scaling=scaling, failures=failures)
    served = service(exponential, ((0.4,) * batch, (0.2,) * batch))
    run = run_once(Stream(0.8, poisson, (0.5, 0.5)), 400, served, rules, seed=seed)
    assert run.histograms.sum() + run.lost == run.arrived == 400
    assert run.images + run.images_lost == 400 * images
    assert what == "lost" or run.lost == 0
    assert run.busy_s <= run.rented_s + 1e-6


def test_replicas_are_up_as_long_as_they_should_be():
    """Up m of every m + r seconds; exponential calls begun anew take no longer in all."""
    failures = Failures(between_failures_s=50.0, recovery_s=50.0)

    def runs(load: float) -> list[SimulatedRun]:
        rules = Rules(8, failures=failures)
        served, stream = service(exponential), Stream(8 * load)
        return [run_once(stream, 60_000, served, rules, seed=seed) for seed in range(8)]

    kept = runs(0.3)
    assert within_error([run.busy_s / run.rented_s for run in kept], 0.3)
    assert within_error([run.idle_s / run.rented_s for run in kept], 0.5 - 0.3)
    assert all(run.left_s > 0.05 * run.span_s for run in runs(0.6))


def test_failures_leave_the_arrivals_as_they_are():
    served = service()

    def calls(failures: Failures | None) -> tuple[float, int]:
        run = run_once(Stream(2.0), 5000, served, Rules(4, failures=failures), seed=3)
        return run.span_s, run.images

    assert calls(None) == calls(Failures(between_failures_s=20.0, recovery_s=5.0))
