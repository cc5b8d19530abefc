"""Response against load: held to M/D/1, whose power is known to peak at a load of 2 - sqrt 2."""

import json
import math
from typing import Any

import pytest

from fluxcost.capacity.fleet import Batching, Failures, Fleet, Scaling
from fluxcost.capacity.load_sweep import LoadSweep, load_sweep, steady
from fluxcost.capacity.simulate import simulate
from fluxcost.capacity.size_fleet import fleet_by_hour, size_fleet
from fluxcost.capacity.sizing import MET
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import Workload
from tests.capacity.queueing_oracles import mg1_wait
from tests.synthetic import make_calibration

H200 = fit(make_calibration(gpu="h200-sxm"))
CALL_S = H200.occupancy(Shape(1024, 1024, 4)).value
MD1_KNEE = 2 - math.sqrt(2)


def workload(**fields: Any) -> Workload:
    base: dict[str, Any] = {
        "name": "made",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
        "arrivals": {"requests_per_s": 2.0},
        "objective": {"percentile": 95, "within_s": 2.0},
    }
    return Workload.parse({k: v for k, v in (base | fields).items() if v is not None}, "made")


def fleet(replicas: int = 1, batch: int = 1) -> Fleet:
    batching = Batching(max_batch=batch)
    return Fleet(calibration=H200.calibration.alias, replicas=replicas, batching=batching)


def curve(asked: Workload, replicas: int = 1, batch: int = 1, **options: Any) -> LoadSweep:
    return load_sweep(asked, fleet(replicas, batch), calibration=H200, **options)


def test_one_replica_is_an_m_d_1_queue_and_its_knee_is_the_known_one():
    loads = (0.3, 0.45, round(MD1_KNEE, 3), 0.72, 0.85)
    found = curve(workload(), loads=loads, requests=20_000)
    assert found.full_per_s == pytest.approx(1 / CALL_S, rel=1e-3)
    assert found.knee.load == round(MD1_KNEE, 3)
    for point in found.points:
        answer = point.simulation
        assert answer.utilization.value == pytest.approx(point.load, rel=0.05)
        wait_s = mg1_wait(point.requests_per_s, CALL_S, 0.0)
        assert answer.response["mean"].value == pytest.approx(CALL_S + wait_s, rel=0.1)


def test_the_most_that_meets_the_objective_is_a_point_and_none_below_it_fails():
    found = curve(workload(objective={"percentile": 95, "within_s": 3 * CALL_S}))
    assert found.most_per_s is not None
    met = [(point.simulation.probability_met or 0) >= MET for point in found.points]
    assert met == sorted(met, reverse=True)
    assert found.most_per_s == found.points[met.index(False) - 1].requests_per_s
    impossible = {"percentile": 95, "within_s": CALL_S / 2}
    assert curve(workload(objective=impossible), loads=(0.1, 0.5)).most_per_s is None
    assert curve(workload(objective=None), loads=(0.1,)).most_per_s is None


def test_more_replicas_and_batching_carry_more():
    one, two = (curve(workload(), replicas, loads=(0.5,)) for replicas in (1, 2))
    assert two.full_per_s == pytest.approx(2 * one.full_per_s)
    assert curve(workload(), batch=4, loads=(0.5,)).full_per_s > one.full_per_s


def test_a_curve_is_plain_and_repeatable():
    first, again = (json.dumps(curve(workload(), loads=(0.2, 0.6)).to_dict()) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("loads", [(), (0.0, 0.5), (0.5, 1.0), (0.6, 0.5), (0.5, 0.5)])
def test_loads_out_of_order_or_range_are_refused(loads: tuple[float, ...]):
    with pytest.raises(InputError, match="expected shares over 0 and under 1, rising"):
        curve(workload(), loads=loads)


def test_a_steady_workload_keeps_the_kind_of_arrivals_but_not_the_hours():
    bursty = {
        "process": "gamma",
        "coefficient_of_variation": 2.0,
        "hourly_weights": [1.0] * 24,
    }
    made = steady(workload(arrivals=bursty, images_per_month=1000), 3.0)
    assert made.arrivals is not None
    assert (made.arrivals.coefficient_of_variation, made.arrivals.hourly_weights) == (2.0, None)
    assert (made.arrivals.requests_per_s, made.images_per_month) == (3.0, None)
    job = {"deadline": {"images": 10, "hours": 1}, "utilization": 0.9, "startup_minutes": 1}
    with pytest.raises(InputError, match="has its own times"):
        steady(workload(arrivals=None, objective=None, **job), 3.0)


@pytest.mark.parametrize(
    ("rate", "within", "batch"),
    [(2.0, 2.0, 1), (9.0, 0.8, 1), (20.0, 0.6, 1), (0.1, 5.0, 1), (2.0, 4.0, 4), (9.0, 4.0, 4)],
)
def test_the_smallest_fleet_is_what_counting_up_finds(rate: float, within: float, batch: int):
    asked = workload(
        arrivals={"requests_per_s": rate}, objective={"percentile": 95, "within_s": within}
    )
    found = size_fleet(asked, fleet(batch=batch), calibration=H200).fleet.replicas
    for replicas in range(1, found + 1):
        simulated = simulate(asked, fleet(replicas, batch), calibration=H200)
        assert simulated.probability_met is not None
        assert (simulated.probability_met >= MET) == (replicas == found)


def test_what_no_number_of_replicas_meets_is_refused():
    asked = workload(objective={"percentile": 95, "within_s": CALL_S / 2})
    with pytest.raises(InfeasibleError, match=r"times too slow\. Allow more time"):
        size_fleet(asked, fleet(), calibration=H200)
    batching = Batching(max_batch=4, max_wait_s=5.0)
    held = Fleet(calibration=H200.calibration.alias, replicas=1, batching=batching)
    with pytest.raises(InfeasibleError, match="less waiting for company"):
        size_fleet(workload(arrivals={"requests_per_s": 0.5}), held, calibration=H200)


def test_a_fleet_to_be_found_needs_an_objective_and_a_fixed_size():
    with pytest.raises(InputError, match="no objective says how soon to answer"):
        size_fleet(workload(objective=None), fleet(), calibration=H200)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scaling": Scaling(cold_start_s=60, idle_timeout_s=60)}, "scaling"),
        ({"failures": Failures(between_failures_s=9e4, recovery_s=60)}, "failures"),
        ({"reserve": 1}, "a reserve"),
        ({"queue_limit": 5}, "a queue_limit"),
    ],
)
def test_what_a_size_does_not_follow_from_is_refused(fields: dict[str, Any], said: str):
    with pytest.raises(InputError, match=f"the fleet has {said}; expected a fixed one"):
        size_fleet(workload(), fleet(2).model_copy(update=fields), calibration=H200)


def test_each_hour_has_the_fleet_of_its_own_steady_rate():
    weights = [0.0] * 6 + [1.0] * 6 + [3.0] * 12
    asked = workload(arrivals={"requests_per_s": 3.0, "hourly_weights": weights})
    found = fleet_by_hour(asked, fleet(), calibration=H200)
    hours = found.hours
    mean = sum(weights) / 24
    assert [hour.hour for hour in hours] == list(range(24))
    assert sum(hour.requests_per_s for hour in hours) / 24 == pytest.approx(3.0)
    for hour, weight in zip(hours, weights, strict=True):
        assert hour.requests_per_s == pytest.approx(3.0 * weight / mean)
        if weight == 0:
            assert (hour.replicas, hour.simulation) == (0, None)
            continue
        alone = size_fleet(steady(asked, hour.requests_per_s), fleet(), calibration=H200)
        assert hour.replicas == alone.fleet.replicas
    low, high = hours[6].replicas, hours[-1].replicas
    assert (found.most, found.replica_hours) == (high, 6 * low + 12 * high)
    assert found.kept_replica_hours == 24 * high
    assert found.saved_share == pytest.approx(1 - (6 * low + 12 * high) / (24 * high))
    assert json.loads(json.dumps(found.to_dict()))["hours"][0]["replicas"] == 0
    with pytest.raises(InputError, match="no hourly_weights in arrivals"):
        fleet_by_hour(workload(), fleet(), calibration=H200)
