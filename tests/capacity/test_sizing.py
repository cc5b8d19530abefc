"""Fleets sized by theory and by simulation, beside closed forms and beside each other."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.queueing import QueueingModel, stretches_of
from fluxcost.capacity.service_times import ServiceTimes, no_spread, service_times
from fluxcost.capacity.simulate import simulate
from fluxcost.capacity.sizing import MET, OverObjectiveError, Sizing
from fluxcost.errors import FluxcostError, InfeasibleError
from fluxcost.estimate import Source
from fluxcost.performance.fit import fit
from fluxcost.workload.workload import Workload
from tests.synthetic import make_calibration

H100 = make_calibration()
FITTED = fit(H100)


def workload(per_s: float = 2.0, **fields: Any) -> Workload:
    base: dict[str, Any] = {
        "name": "made",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
        "arrivals": {"requests_per_s": per_s},
        "objective": {"percentile": 95, "within_s": 2.0},
    }
    return Workload.parse(base | fields, "made")


def sizing(asked: Workload, batch: int = 1, seed: int = 0) -> Sizing:
    demand = demand_of(asked)
    service = service_times(FITTED, demand.mix, batch)
    batching = Batching(max_batch=batch)
    return Sizing(asked, demand, service, calibration=H100.alias, batching=batching, seed=seed)


def clock(call_s: float, spread: Any = no_spread) -> ServiceTimes:
    """Calls of one image that take a fixed time, or a spread about it."""
    times = np.array([[call_s]])
    return ServiceTimes(times, times, spread)


def exponential(random: np.random.Generator, count: int) -> Any:
    return random.standard_exponential(count)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_one_server_without_memory_is_the_closed_form(load: float):
    # In M/M/1 the response is exponential with rate (1 - load) / service.
    theory = QueueingModel(demand_of(workload(load)), clock(1.0, exponential))
    for within_s in (1.0, 5.0, 10.0):
        exact = math.exp(-(1 - load) * within_s)
        assert theory.late(1, 1, within_s) == pytest.approx(exact, abs=0.03)


def test_nobody_is_late_where_servers_abound_and_all_are_where_calls_are_long():
    theory = QueueingModel(demand_of(workload(2.0)), clock(1.0))
    assert theory.late(100, 1, 1.5) == pytest.approx(0.0, abs=1e-9)
    assert theory.late(100, 1, 0.9) == 1.0
    assert theory.late(1, 1, 10.0) == 1.0
    assert theory.idle_s(1, 95) == 1.0


def test_a_profile_is_a_queue_for_each_of_its_rates():
    rush = workload(arrivals={"requests_per_s": 1.0, "hourly_weights": [0.5] * 12 + [1.5] * 12})
    stretches = stretches_of(demand_of(rush))
    assert stretches.rates_per_s == pytest.approx([0.5, 1.5])
    assert stretches.shares == pytest.approx([0.25, 0.75])
    calm, busy = (QueueingModel(demand_of(workload(rate)), clock(0.5)) for rate in (0.5, 1.5))
    mixed = 0.25 * calm.late(1, 1, 1.0) + 0.75 * busy.late(1, 1, 1.0)
    assert QueueingModel(demand_of(rush), clock(0.5)).late(1, 1, 1.0) == pytest.approx(
        mixed, rel=1e-6
    )


DAILY = {(0.5, 1, 1), (0.5, 4, 4), (5.0, 1, 2), (5.0, 4, 1), (50.0, 1, 4), (50.0, 4, 2)}
"""Every rate with either number of images, and twice with every batch."""

MANY = [
    pytest.param(*case, marks=() if case in DAILY else pytest.mark.long)
    for case in itertools.product((0.5, 5.0, 50.0), (1, 4), (1, 2, 4))
]


@pytest.mark.parametrize(("images_per_s", "images", "batch"), MANY)
def test_theory_and_simulation_are_at_most_one_replica_or_a_tenth_apart(
    images_per_s: float, images: int, batch: int
):
    asked = workload(
        images_per_s / images,
        images_per_request=images,
        objective={"percentile": 95, "within_s": 3.0},
    )
    made = sizing(asked, batch)
    found = made.simulated().fleet.replicas
    assert abs(made.by_theory - found) <= max(1, found / 10)


def test_the_fewest_replicas_meet_it_and_one_fewer_does_not():
    asked = workload(8.0)
    found = sizing(asked, 4).simulated()
    assert found.probability_met >= MET
    again = simulate(asked, found.fleet, calibration=H100)
    assert again.probability_met is not None
    assert again.probability_met >= MET - 0.05  # other arrivals, and more of them
    fewer = found.fleet.model_copy(update={"replicas": found.fleet.replicas - 1})
    missed = simulate(asked, fewer, calibration=H100)
    assert missed.probability_met is not None
    assert missed.probability_met < MET
    assert f"{fewer.replicas} replicas" in found.why_not_fewer


@settings(max_examples=10, deadline=None)
@given(
    rate=st.floats(0.5, 12.0),
    within_s=st.floats(0.8, 6.0),
    looser=st.floats(1.0, 3.0),
    percentile=st.sampled_from([50.0, 90.0, 95.0]),
    batch=st.sampled_from([1, 4]),
    simulated=st.booleans(),
)
def test_a_tighter_objective_never_needs_fewer_replicas(
    rate: float, within_s: float, looser: float, percentile: float, batch: int, *, simulated: bool
):
    def replicas(within_s: float, percentile: float) -> float:
        objective = {"percentile": percentile, "within_s": within_s}
        made = sizing(workload(rate, objective=objective), batch)
        try:
            serving = made.simulated() if simulated else made.theoretical()
        except InfeasibleError:
            return math.inf
        return serving.fleet.replicas

    loose = replicas(within_s * looser, percentile)
    assert replicas(within_s, percentile) >= loose
    assert replicas(within_s * looser, min(99.0, percentile + 4)) >= loose


@settings(max_examples=20, deadline=None)
@given(rate=st.floats(0.1, 200.0), more=st.floats(1.0, 5.0), batch=st.sampled_from([1, 2, 16]))
def test_more_requests_never_need_fewer_replicas_by_theory(rate: float, more: float, batch: int):
    objective = {"percentile": 95, "within_s": 10.0}
    counts = [
        sizing(workload(each, objective=objective), batch).by_theory for each in (rate, rate * more)
    ]
    assert counts == sorted(counts)


def test_an_objective_shorter_than_a_call_is_refused_with_how_much():
    with pytest.raises(OverObjectiveError) as caught:
        sizing(workload(objective={"percentile": 95, "within_s": 0.25})).simulated()
    call_s = FITTED.latency(workload().shapes[0].shape, statistic="p95").value
    assert caught.value.over == pytest.approx(call_s / 0.25, rel=0.1)
    assert "250 ms asked" in str(caught.value)


def test_more_than_can_be_planned_is_refused_with_how_much():
    with pytest.raises(OverObjectiveError, match=r"at least [0-9,]+ replicas are needed") as caught:
        sizing(workload(1e5)).simulated()
    assert caught.value.over > 10


def test_who_may_be_turned_away_needs_no_replica():
    strict = sizing(workload(6.0)).simulated()
    objective = {"percentile": 95, "within_s": 2.0, "may_reject": 0.3}
    lenient = sizing(workload(6.0, objective=objective)).simulated()
    assert lenient.fleet.replicas < strict.fleet.replicas
    assert 0 < lenient.lost <= 0.3
    assert lenient.fleet.queue_limit is not None
    assert strict.lost == 0.0
    assert "would turn away" in lenient.why_not_fewer or "loaded" in lenient.why_not_fewer


def test_both_say_the_same_of_a_quiet_fleet():
    made = sizing(workload(0.01))
    theory, found = made.theoretical(), made.simulated()
    assert theory.fleet == found.fleet
    assert theory.response.value == pytest.approx(found.response.value, rel=0.03)
    assert theory.utilization.value == pytest.approx(found.utilization.value, rel=0.1)
    assert (theory.sized_by, found.sized_by) == ("theory", "simulation")
    assert theory.why_not_fewer == found.why_not_fewer == "1 replica is the least there is."
    assert found.response.source is Source.MEASURED


def test_a_batch_that_cannot_be_answered_is_refused():
    with pytest.raises(FluxcostError):
        sizing(workload(), 64)
