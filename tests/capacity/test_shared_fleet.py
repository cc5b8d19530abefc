"""Several workloads on one fleet, beside closed forms and beside each workload split or alone."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import CHUNK, Merged, Profile, RecordedArrivals, Stream, gamma
from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import Batching, Failures, Fleet, Scaling
from fluxcost.capacity.queueing import stretches_of
from fluxcost.capacity.service_times import ServiceTimes, no_spread, service_times
from fluxcost.capacity.shared_fleet import SharedSimulation, shared_demand, simulate_shared
from fluxcost.capacity.shared_sizing import SharedSizing
from fluxcost.capacity.simulator.engine import SimulatedRun, Trial, run_once
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.capacity.sizing import MET, Sizing
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.performance.fit import fit
from fluxcost.workload.workload import Workload
from tests.capacity.served import exponential, runs
from tests.synthetic import make_calibration

H100 = make_calibration()
FITTED = fit(H100)
SMALL = {"width": 512, "height": 512, "steps": 4}
LARGE = {"width": 1024, "height": 1024, "steps": 4}


def workload(name: str, per_s: float = 2.0, **fields: Any) -> Workload:
    base: dict[str, Any] = {
        "name": name,
        "model": "flux2-klein-4b",
        "shapes": [LARGE],
        "arrivals": {"requests_per_s": per_s},
        "objective": {"percentile": 95, "within_s": 2.0},
    }
    merged = {key: value for key, value in (base | fields).items() if value is not None}
    return Workload.parse(merged, name)


def sizing(*workloads: Workload, batch: int = 1) -> SharedSizing:
    all_of_them = shared_demand(workloads)
    return SharedSizing(
        all_of_them,
        service_times(FITTED, all_of_them.demand.mix, batch),
        calibration=H100.alias,
        batching=Batching(max_batch=batch),
    )


@pytest.mark.parametrize("requests", [1, 1000, 3 * CHUNK])
def test_merged_streams_are_each_stream_in_order_of_time(requests: int):
    day = Profile(tuple(float(hour % 5) for hour in range(24)), hour_s=9.0)
    streams = (Stream(3.0, shares=(0.2, 0.8)), Stream(90.0, gamma(3.0)), Stream(0.5, profile=day))
    chunks = list(Merged(streams).chunks(np.random.default_rng(4), requests))
    assert all(times.size <= CHUNK for times, _ in chunks)
    times, lines = (np.concatenate(each) for each in zip(*chunks, strict=True))
    assert times.size == requests
    assert np.all(np.diff(times) >= 0)
    own = np.random.default_rng(4).spawn(3)
    for stream, random, first, last in zip(streams, own, (0, 2, 3), (1, 2, 3), strict=True):
        mine = (first <= lines) & (lines <= last)
        drawn = [next(stream.chunks(random, 10**6))]
        count = min(int(mine.sum()), CHUNK)
        assert np.array_equal(times[mine][:count], drawn[0][0][:count])
        assert np.array_equal(lines[mine][:count] - first, drawn[0][1][:count])


def test_merged_rates_and_hours_are_those_of_all():
    week = Profile((1.0,) * 100 + (4.0,) * 68)
    day = Profile((0.0,) * 12 + (2.0,) * 12)
    merged = Merged((Stream(1.0, profile=week), Stream(2.0, profile=day), Stream(3.0)))
    assert (merged.rate_per_s, merged.hours) == (6.0, 168)
    assert Merged((Stream(1.0), Stream(2.0))).hours == 0
    asked = (
        workload("day", 2.0, arrivals={"requests_per_s": 2.0, "hourly_weights": day.weights}),
        workload("even", 3.0),
    )
    found = stretches_of(shared_demand(asked).demand)
    assert found.mean_per_s == 5.0
    assert dict(zip(found.rates_per_s, found.shares, strict=True)) == pytest.approx(
        {3.0: 0.3, 7.0: 0.7}
    )


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_streams_of_few_and_many_images_are_bulk_arrivals(load: float):
    """M^X/M/1: load (1 + E[X²] / E[X]) / 2 / (1 - load) images in the system."""
    images, shares = np.array([1, 5]), np.array([0.7, 0.3])
    mean = float(images @ shares)
    rate = load / mean
    merged = Merged(tuple(Stream(rate * share) for share in shares))
    times = ServiceTimes(np.ones((2, 1)), np.ones((2, 1)), exponential)
    found = runs(merged, times, Rules(1, images=(1, 5), priorities=(0, 0)), 200_000, 8)
    inside = load * (1 + float(images**2 @ shares) / mean) / 2 / (1 - load)
    expected = inside / load - 1
    waited = [run.wait_s for run in found]
    error = float(np.std(waited, ddof=1)) / math.sqrt(len(waited))
    assert np.mean(waited) == pytest.approx(expected, abs=4 * error)
    # GPU seconds go by images, and are the replica's busy time.
    spent = np.sum([run.spent_s for run in found], axis=0)
    assert spent / spent.sum() == pytest.approx(images * shares / mean, rel=0.01)


def test_everyone_sees_the_same_queue_where_calls_are_alike():
    merged = Merged((Stream(0.2), Stream(0.6)))
    times = ServiceTimes(np.ones((2, 1)), np.ones((2, 1)), exponential)
    found = runs(merged, times, Rules(1, priorities=(0, 0)), 200_000, 8)
    # In M/M/1 the response is exponential with rate 1 - load.
    for lines in (slice(0, 1), slice(1, 2)):
        p95_s = np.mean([run.part(lines).percentile_s(95) for run in found])
        assert p95_s == pytest.approx(-math.log(0.05) / 0.2, rel=0.04)
    assert found[0].part(slice(0, 1)).arrived + found[0].part(slice(1, 2)).arrived == 200_000


ALL_THE_SAME = Failures(between_failures_s=1e12, recovery_s=1.0)
KEPT = Scaling(least=3, idle_timeout_s=1e9, cold_start_s=1.0)


@settings(max_examples=30, deadline=None)
@given(
    gaps=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=60),
    batch=st.integers(1, 4),
    images=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
    limit=st.sampled_from([None, 0, 6]),
)
def test_kinds_are_served_alike_by_both_loops(
    gaps: list[float], batch: int, images: tuple[int, int, int], limit: int | None
):
    # The first and the last kind wait in one line, and share calls.
    times = np.cumsum(gaps)
    replay = RecordedArrivals(times, np.arange(times.size) % 3)
    occupancy_s = np.array([[1 + 0.3 * more for more in range(batch)]] * 2)
    served = ServiceTimes(occupancy_s, occupancy_s + 0.1, no_spread)

    def once(failures: Failures | None, scaling: Scaling | None = None) -> SimulatedRun:
        rules = Rules(
            3,
            Batching(max_batch=batch),
            images,
            (0, 1),
            limit,
            failures=failures,
            scaling=scaling,
            waits_in=(0, 1, 0),
        )
        return run_once(replay, 0, served, rules, seed=1)

    fixed = once(None)
    for other in (once(ALL_THE_SAME), once(None, KEPT)):
        assert np.array_equal(fixed.histograms, other.histograms)
        assert other.spent_s == pytest.approx(fixed.spent_s)
        assert (other.images, other.images_lost) == (fixed.images, fixed.images_lost)
    asked = np.bincount(replay.lines, minlength=3) @ np.array(images)
    assert fixed.images + fixed.images_lost == asked
    assert fixed.busy_s <= fixed.rented_s + 1e-9


def test_workloads_of_one_shape_share_calls():
    asked = (workload("one", 4.0), workload("two", 4.0))
    low = workload("two", 4.0, shapes=[LARGE | {"priority": 1}])
    fleet = Fleet(calibration="made", replicas=2, batching=Batching(max_batch=8))
    calls = []
    for pair in (asked, (asked[0], low)):
        all_of_them = shared_demand(pair)
        service_s = service_times(FITTED, all_of_them.demand.mix, 8)
        trial = Trial(all_of_them.demand, service_s, fleet, requests=5000)
        calls.append(trial.run(0).calls)
    assert calls[0] < calls[1]


def test_two_halves_of_a_workload_are_the_workload():
    halves = sizing(workload("one", 4.0), workload("two", 4.0), batch=4).simulated()
    whole = workload("whole", 8.0)
    service_s = service_times(FITTED, demand_of(whole).mix, 4)
    alone = Sizing(
        whole,
        demand_of(whole),
        service_s,
        calibration=H100.alias,
        batching=Batching(max_batch=4),
    ).simulated()
    assert halves.fleet == alone.fleet
    assert halves.response.value == pytest.approx(alone.response.value, rel=0.1)
    shares = [served.gpu_share.value for served in halves.shared]
    assert shares == pytest.approx([0.5, 0.5], abs=0.02)
    assert halves.probability_met == min(each.probability_met for each in halves.shared)


def test_each_objective_is_judged_on_its_own():
    urgent = workload("urgent", objective={"percentile": 99, "within_s": 1.0})
    bulk = workload("bulk", 4.0, shapes=[SMALL], images_per_request=4)
    found = sizing(urgent, bulk, batch=2).simulated()
    assert all(served.probability_met >= MET for served in found.shared)

    def once(requests: int) -> SharedSimulation:
        fleet, pair = found.fleet, [urgent, bulk]
        return simulate_shared(pair, fleet, calibration=H100, seed=5, requests=requests)

    again = once(200_000)
    assert all(served.probability_met >= MET - 0.1 for served in again.shared)
    assert again.verdict == "stable"
    assert again.shared[0].response.value <= 1.0
    assert "replica" in found.why_not_fewer
    assert once(1000).to_dict() == once(1000).to_dict()


def test_who_comes_first_is_answered_sooner():
    def responses(priority: int) -> list[float]:
        other = workload("other", 3.0, shapes=[LARGE | {"priority": priority}])
        fleet = Fleet(calibration="made", replicas=2)
        pair = [workload("first", 2.0), other]
        found = simulate_shared(pair, fleet, calibration=H100, requests=20_000, replications=2)
        return [served.response.value for served in found.shared]

    alike, ranked = responses(0), responses(1)
    assert ranked[0] < alike[0]
    assert ranked[1] > alike[1]


@settings(max_examples=4, deadline=None)
@given(rate=st.floats(0.5, 6.0), within_s=st.floats(1.0, 4.0), looser=st.floats(1.0, 3.0))
def test_a_tighter_objective_never_needs_fewer_replicas(
    rate: float, within_s: float, looser: float
):
    def replicas(bound_s: float) -> float:
        objective = {"percentile": 95, "within_s": bound_s}
        try:
            asked = workload("one", rate, objective=objective)
            return sizing(asked, workload("two", 1.0)).simulated().fleet.replicas
        except InfeasibleError:
            return math.inf

    assert replicas(within_s) >= replicas(within_s * looser)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ([], "1 workload is given; expected two or more to share."),
        ([workload("one")], "one: the name of two workloads; expected names that differ."),
        (
            [workload("two", model="flux1-schnell")],
            "the workloads are of flux1-schnell and flux2-klein-4b; expected one model",
        ),
        (
            [workload("two", objective=None)],
            "two: no arrivals and objective, by which a shared fleet is judged; add both.",
        ),
        (
            [workload("two", objective={"percentile": 95, "within_s": 2.0, "may_reject": 0.1})],
            "two: may_reject turns requests away, which a shared fleet does not; leave it out.",
        ),
        (
            [workload("two", arrivals={"process": "trace", "trace": "x.csv"}, shapes=None)],
            "two: a trace has its own times, which no other workload has; state a rate to share.",
        ),
    ],
)
def test_what_cannot_share_is_refused(others: list[Workload], message: str):
    with pytest.raises(InputError) as caught:
        shared_demand([workload("one"), *others])
    assert str(caught.value).startswith(message)


def test_a_fleet_that_turns_away_is_not_shared():
    fleet = Fleet(calibration="made", replicas=2, queue_limit=4)
    with pytest.raises(InputError, match="the fleet has a queue_limit, scaling, failures or a"):
        simulate_shared([workload("one"), workload("two")], fleet, calibration=H100)


def test_an_objective_out_of_reach_says_whose_and_by_how_much():
    hasty = workload("hasty", objective={"percentile": 95, "within_s": 0.1})
    with pytest.raises(InfeasibleError, match=r"hasty: a request takes .* times too slow"):
        sizing(workload("one"), hasty).simulated()
