"""The simulator against Ciw, hand-worked cases, and itself."""

import tracemalloc

import ciw  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import Profile, RecordedArrivals, Stream, constant, gamma, poisson
from fluxcost.capacity.fleet import Batching, Scaling
from fluxcost.capacity.service_times import no_spread
from fluxcost.capacity.simulator.engine import SimulatedRun, run_once
from fluxcost.capacity.simulator.histogram import mean_of
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.stats import Array
from tests.capacity.served import NO_LIMIT, exponential, runs, service

COMES_AND_GOES = Scaling(cold_start_s=5.0, idle_timeout_s=20.0)


def test_littles_law_holds_for_what_waits():
    times = np.cumsum(np.random.default_rng(3).exponential(1 / 3.5, 4000))
    replay = RecordedArrivals(times, np.zeros(4000, dtype=np.int64))
    run = run_once(replay, 0, service(), Rules(4, queue_limit=NO_LIMIT), seed=1)
    # Starts follow from the responses; the area under the queue is the sum of the waits.
    starts = sorted_starts(times, 4)
    grid = np.linspace(0, starts[-1], 200_001)
    waiting = np.searchsorted(times, grid, "right") - np.searchsorted(starts, grid, "right")
    area = float(waiting.mean()) * starts[-1]
    assert run.wait_s * 4000 == pytest.approx(area, rel=0.01)
    # A request is counted at the moment it comes, before a free replica takes it.
    assert run.longest_queue in {int(waiting.max()), int(waiting.max()) + 1}


def sorted_starts(times: Array, servers: int) -> Array:
    free = [0.0] * servers
    starts = []
    for time in times:
        first = free.index(min(free))
        starts.append(max(time, free[first]))
        free[first] = starts[-1] + 1.0
    return np.array(starts)


def ciw_means(network, classes: int, *, priorities: bool) -> list[list[float]]:
    found: list[list[float]] = [[] for _ in range(classes)]
    for seed in range(6):
        ciw.seed(seed)
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_time(6000)
        for index in range(classes):
            waits = [
                record.waiting_time
                for record in simulation.get_all_records()
                if record.arrival_date > 500 and record.customer_class == f"Class {index}"
            ]
            found[index].append(float(np.mean(waits)))
    return found


def line_waits(found: list[SimulatedRun], line: int, service_s: float) -> list[float]:
    return [mean_of(run.histograms[line]) - service_s for run in found]


@pytest.mark.parametrize("priorities", [(0, 1), (0, 0)])
def test_ciw_agrees_on_two_shapes_with_and_without_priorities(priorities: tuple[int, int]):
    extra = {"priority_classes": {"Class 0": 0, "Class 1": 1}} if priorities == (0, 1) else {}
    network = ciw.create_network(
        arrival_distributions={
            "Class 0": [ciw.dists.Exponential(0.6)],
            "Class 1": [ciw.dists.Exponential(0.6)],
        },
        service_distributions={
            "Class 0": [ciw.dists.Deterministic(1.0)],
            "Class 1": [ciw.dists.Deterministic(2.0)],
        },
        number_of_servers=[2],
        **extra,
    )
    theirs = ciw_means(network, 2, priorities=bool(extra))
    rules = Rules(2, queue_limit=NO_LIMIT, priorities=priorities)
    ours = runs(
        Stream(1.2, poisson, (0.5, 0.5)), service(no_spread, ((1.0,), (2.0,))), rules, 60_000, 6
    )
    for line, seconds in enumerate((1.0, 2.0)):
        here = np.array(line_waits(ours, line, seconds))
        there = np.array(theirs[line])
        error = np.hypot(here.std(ddof=1), there.std(ddof=1)) / np.sqrt(6)
        assert abs(here.mean() - there.mean()) <= 4 * error


def test_the_two_kernels_agree_request_by_request():
    arrivals = Stream(3.6, poisson, (0.3, 0.7))
    times = service(no_spread, ((1.0,), (0.5,)))
    quick = run_once(arrivals, 70_000, times, Rules(3, images=2, priorities=(0, 0)), seed=5)
    general = Rules(3, images=2, queue_limit=NO_LIMIT, priorities=(0, 0))
    slow = run_once(arrivals, 70_000, times, general, seed=5)
    assert np.array_equal(quick.histograms, slow.histograms)
    assert quick.wait_s == pytest.approx(slow.wait_s)


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    def once(seed: int) -> SimulatedRun:
        return run_once(Stream(3.0), 20_000, service(exponential), Rules(4), seed=seed)

    assert np.array_equal(once(1).histograms, once(1).histograms)
    assert not np.array_equal(once(1).histograms, once(2).histograms)


@settings(max_examples=25)
@given(
    servers=st.integers(1, 12),
    load=st.floats(0.2, 1.3),
    batch=st.integers(1, 6),
    factor=st.floats(1.01, 1.5),
)
def test_slower_calls_or_fewer_replicas_never_answer_sooner(
    servers: int, load: float, batch: int, factor: float
):
    served = service(no_spread, (tuple(1 + 0.8 * extra for extra in range(batch)),))
    arrivals = Stream(load * servers)

    def p95(replicas: int, slower: float = 1.0) -> float:
        rules = Rules(replicas, Batching(max_batch=1), queue_limit=NO_LIMIT)
        return run_once(arrivals, 4000, served, rules, seed=3, factor=slower).percentile_s(95)

    assert p95(servers, factor) >= p95(servers)
    assert p95(servers + 1) <= p95(servers)


@settings(max_examples=25)
@given(
    gaps=st.lists(st.floats(0.0, 3.0), min_size=2, max_size=400),
    batch=st.integers(1, 5),
    wait=st.floats(0.0, 2.0),
    images=st.integers(1, 4),
)
def test_a_replay_answers_every_request_once(
    gaps: list[float], batch: int, wait: float, images: int
):
    times = np.cumsum(gaps)
    lines = np.arange(times.size) % 2
    rules = Rules(2, Batching(max_batch=batch, max_wait_s=wait), images=images, priorities=(1, 0))
    served = service(exponential, ((1.0,) * batch, (0.3,) * batch))
    run = run_once(RecordedArrivals(times, lines), 0, served, rules, seed=1)
    assert run.histograms.sum() == run.arrived == times.size
    assert np.array_equal(run.histograms.sum(axis=1), np.bincount(lines, minlength=2))
    assert run.images == times.size * images
    assert run.calls >= run.images / batch


def test_an_overloaded_run_counts_those_it_has_not_answered_yet():
    run = run_once(Stream(2.0, constant), 10_000, service(), Rules(1), seed=1)
    assert run.histograms.sum() == 10_000
    # Request n comes at n/2 and leaves at n + 1/2: the last waits half the run.
    assert run.percentile_s(100) == pytest.approx(5000.5, rel=2e-3)
    assert run.left_s == pytest.approx(5000.5)


def test_a_batch_waits_for_company_at_most_as_long_as_told():
    times = np.array([0.0, 0.1, 10.0])
    rules = Rules(1, Batching(max_batch=4, max_wait_s=0.5))
    served = service(no_spread, ((1.0, 1.0, 1.0, 1.0),))
    run = run_once(RecordedArrivals(times, np.zeros(3, dtype=np.int64)), 0, served, rules, seed=1)
    assert (run.calls, run.images) == (2, 3)
    assert run.percentile_s(100) == pytest.approx(1.5, rel=2e-3)
    assert run.percentile_s(1) == pytest.approx(1.4, rel=2e-3)


def test_a_full_batch_leaves_at_once():
    times = np.array([0.0, 0.1])
    rules = Rules(1, Batching(max_batch=2, max_wait_s=5.0))
    served = service(no_spread, ((1.0, 1.0),))
    run = run_once(RecordedArrivals(times, np.zeros(2, dtype=np.int64)), 0, served, rules, seed=1)
    assert run.percentile_s(100) == pytest.approx(1.1, rel=2e-3)


def test_replicas_come_when_a_queue_forms_and_go_when_idle():
    scaling = Scaling(least=1, cold_start_s=2.0, idle_timeout_s=5.0, waiting_per_replica=1.0)
    times = np.array([0.0, 0.0, 0.0, 0.0, 100.0])
    rules = Rules(3, scaling=scaling)
    served = service(no_spread, ((4.0,),))
    run = run_once(RecordedArrivals(times, np.zeros(5, dtype=np.int64)), 0, served, rules, seed=1)
    assert run.starts == 2
    # One serves 0-4 and 4-8; one is started at the second, one at the third request: 2 to 6 each.
    assert run.percentile_s(100) == pytest.approx(8.0, rel=2e-3)
    # The first is kept all along (104 s), the others from 0 until 5 s after their last call.
    assert run.rented_s == pytest.approx(104 + 2 * 11)


def test_a_profile_keeps_the_mean_rate_and_moves_the_hours():
    weights = (0.0, 1.0, 3.0, 2.0)
    stream = Stream(2.0, poisson, (1.0,), Profile(weights, hour_s=1000.0))
    times = np.concatenate([times for times, _ in stream.chunks(np.random.default_rng(1), 80_000)])
    assert np.all(np.diff(times) >= 0)
    hours = np.bincount((times // 1000).astype(int) % 4, minlength=4) / times.size
    assert hours == pytest.approx([0, 1 / 6, 3 / 6, 2 / 6], abs=0.01)
    assert times.size / times[-1] == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize(
    "rules", [Rules(4), Rules(4, Batching(max_batch=2)), Rules(4, scaling=COMES_AND_GOES)]
)
def test_a_longer_run_takes_no_more_memory(rules: Rules):
    served = service(exponential, ((1.0, 1.5),))

    def peak_bytes(requests: int) -> int:
        run_once(Stream(2.8), 1000, served, rules, seed=1)
        tracemalloc.start()
        run_once(Stream(2.8), requests, served, rules, seed=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(1_500_000) <= peak_bytes(150_000) + 2**20


@pytest.mark.parametrize("variation", [0.3, 1.0, 3.0])
def test_gamma_gaps_have_the_stated_variation(variation: float):
    gaps = gamma(variation)(np.random.default_rng(1), 400_000)
    assert gaps.mean() == pytest.approx(1.0, rel=0.02)
    assert gaps.std() / gaps.mean() == pytest.approx(variation, rel=0.02)


def test_percentiles_are_within_their_stated_resolution():
    values = np.random.default_rng(1).lognormal(0.0, 2.0, 20_000)
    times = np.arange(20_000, dtype=np.float64) * 1e6
    run = run_once(
        RecordedArrivals(times, np.zeros(20_000, dtype=np.int64)),
        0,
        service(lambda random, count: values[:count] if count == 20_000 else np.ones(count)),
        Rules(1),
        seed=1,
    )
    for percentile in (1, 50, 95, 99.9):
        exact = np.sort(values)[int(np.ceil(percentile / 100 * 20_000)) - 1]
        assert run.percentile_s(percentile) == pytest.approx(exact, rel=1.01e-3)
