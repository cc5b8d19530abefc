"""simulate() on made calibrations: intervals, verdicts, traces, jobs, and mistakes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fluxcost.capacity.fleet import Batching, Failures, Fleet, Scaling
from fluxcost.capacity.results import Simulation
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.simulate import simulate, with_cold_start
from fluxcost.errors import InfeasibleError, InputError, MissingDataError
from fluxcost.performance.calibration.measuring_run import ColdStartRecord
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import Workload, load_workload
from tests.synthetic import cold_started, make_calibration

H200 = make_calibration(gpu="h200-sxm")
CALL_S = fit(H200).occupancy(Shape(1024, 1024, 4)).value


def workload(**fields: Any) -> Workload:
    base: dict[str, Any] = {
        "name": "made",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
        "arrivals": {"requests_per_s": 2.0},
        "objective": {"percentile": 95, "within_s": 2.0},
    }
    return Workload.parse({k: v for k, v in (base | fields).items() if v is not None}, "made")


def simulated(asked: Workload, replicas: int, batch: int = 1, **options: Any) -> Simulation:
    fleet = Fleet(calibration=H200.alias, replicas=replicas, batching=Batching(max_batch=batch))
    options = options | {"requests": 5000, "replications": 4, "calibration": H200}
    return simulate(asked, fleet, **options)


def test_an_answer_is_plain_and_repeatable():
    first, again = (simulated(workload(), 3).to_dict() for _ in range(2))
    assert json.dumps(first) == json.dumps(again)
    assert first["verdict"] == "stable"
    assert first["utilization"]["value"] == pytest.approx(2.0 * CALL_S / 3, rel=0.05)
    assert first["response"]["p50"]["value"] <= first["response"]["p95"]["value"]
    assert simulated(workload(), 3, seed=1).to_dict()["response"] != first["response"]


def test_timings_may_be_fitted_already():
    fleet = Fleet(calibration=H200.alias, replicas=2)
    fitted, whole = (
        simulate(workload(), fleet, requests=500, replications=2, calibration=given)
        for given in (fit(H200), H200)
    )
    assert fitted.to_dict() == whole.to_dict()


def test_a_plan_is_simulated_by_its_fleet():
    @dataclass(frozen=True)
    class Planned:
        fleet: Fleet

    fleet = Fleet(calibration=H200.alias, replicas=2)
    of_plan, of_fleet = (
        simulate(workload(), each, requests=500, replications=2, calibration=H200)
        for each in (Planned(fleet), fleet)
    )
    assert of_plan.to_dict() == of_fleet.to_dict()


def test_more_replicas_meet_the_objective_more_surely():
    met = [simulated(workload(), replicas).probability_met for replicas in (1, 2, 4)]
    assert met[0] is not None and met[0] < 0.05  # noqa: PT018 - narrows the type
    assert met == sorted(met, key=lambda share: share or 0.0)
    assert met[-1] == 1.0


@pytest.mark.parametrize("load", [0.97, 1.0, 1.02, 1.3])
def test_worlds_that_cannot_keep_up_meet_no_objective_however_loose(load: float):
    asked = workload(
        arrivals={"requests_per_s": load / CALL_S},
        objective={"percentile": 50, "within_s": 1e6},
    )
    found = simulated(asked, 1)
    factors = service_times(fit(H200), ((Shape(1024, 1024, 4), 1.0),), 1).factors
    assert factors is not None
    assert found.probability_met == pytest.approx(np.mean(found.load * factors < 1))
    assert (found.verdict == "overloaded") == (load >= 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"requests": 99}, "requests is 99; expected a whole number from 100 to 100,000,000."),
        ({"requests": 10**9}, "requests is 1000000000; expected a whole number from"),
        ({"replications": 1}, "replications is 1; expected a whole number from 2 to 1,000."),
        ({"replications": True}, "replications is True; expected a whole number"),
        ({"seed": -1}, "seed is -1; expected a whole number from 0"),
    ],
)
def test_counts_out_of_range_are_refused(options: dict[str, int], message: str):
    fleet = Fleet(calibration=H200.alias, replicas=1)
    with pytest.raises(InputError, match=message):
        simulate(workload(), fleet, calibration=H200, **options)


def test_a_job_too_long_to_simulate_is_refused():
    asked = workload(
        arrivals=None,
        objective=None,
        deadline={"images": 10**9, "hours": 1},
        utilization=0.9,
        startup_minutes=10,
    )
    with pytest.raises(InputError, match="made: the number of images is 1000000000; expected"):
        simulated(asked, 4)


def test_the_goodput_takes_the_bound_of_the_objective_unless_told_another():
    found = simulated(workload(), 3)
    assert found.within_s == 2.0
    assert found.goodput is not None
    assert found.goodput.value > 0.95
    loose = simulated(workload(), 3, within_s=60.0).goodput
    assert loose is not None
    assert loose.value == loose.high == 1.0
    assert simulated(workload(objective=None), 3).goodput is None
    with pytest.raises(InputError, match=r"within_s is 0; expected a finite number of seconds"):
        simulated(workload(), 3, within_s=0)


def test_what_is_turned_away_is_lost_and_no_goodput():
    fleet = Fleet(calibration=H200.alias, replicas=1, queue_limit=2)
    found = simulate(workload(), fleet, requests=5000, replications=4, calibration=H200)
    assert found.images_lost == round(found.lost.value * found.requests) > 0
    assert found.goodput is not None
    assert found.goodput.value == pytest.approx(1 - found.lost.value, abs=1e-9)
    assert (found.probability_met, found.verdict) == (0.0, "overloaded")


def test_a_reserve_is_paid_for_and_stands_by():
    fleet = Fleet(calibration=H200.alias, replicas=3, reserve=1)
    spare = simulate(workload(), fleet, requests=5000, replications=4, calibration=H200)
    plain = simulated(workload(), 3)
    assert spare.response["p95"].value == plain.response["p95"].value
    assert plain.replicas_rented.value == pytest.approx(3)
    assert spare.replicas_rented.value == pytest.approx(4)
    assert spare.utilization.value == pytest.approx(plain.utilization.value * 3 / 4)


def test_a_reserve_serves_where_replicas_fail():
    failing = Failures(between_failures_s=3000.0, recovery_s=600.0)
    found = {
        reserve: simulate(
            workload(),
            Fleet(calibration=H200.alias, replicas=2, reserve=reserve, failures=failing),
            requests=5000,
            replications=4,
            calibration=H200,
        )
        for reserve in (0, 1)
    }
    assert found[0].response["p95"].value > 2 * found[1].response["p95"].value
    assert found[1].calls_cut_short > 0
    assert found[1].lost.value == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"failures": Failures(between_failures_s=0.1, recovery_s=1.0)},
            r"failures.between_failures_s is 0.1, less than the 0.52 s a call takes; expected",
        ),
        (
            {
                "queue_limit": 0,
                "scaling": Scaling(least=0, cold_start_s=1e6, idle_timeout_s=1.0),
            },
            "no request was answered; expected a fleet that answers some: add replicas",
        ),
    ],
)
def test_a_fleet_that_answers_nobody_is_an_error(fields: Any, message: str):
    fleet = Fleet(calibration=H200.alias, replicas=1, **fields)
    with pytest.raises(InfeasibleError, match=message):
        simulate(workload(), fleet, requests=500, replications=2, calibration=H200)


def test_a_fleet_may_start_from_nothing():
    scaling = Scaling(least=0, cold_start_s=9.0, idle_timeout_s=30.0)
    fleet = Fleet(calibration=H200.alias, replicas=2, scaling=scaling)
    rare = workload(arrivals={"requests_per_s": 0.001})
    found = simulate(rare, fleet, requests=500, replications=4, calibration=H200)
    # Most come to an empty house, wait for the start, and leave it empty half a minute later.
    assert found.response["p50"].value == pytest.approx(9.0 + CALL_S, rel=0.02)
    assert found.starts > 0.9 * found.requests
    assert found.replicas_rented.value == pytest.approx(0.001 * (39 + CALL_S), rel=0.1)
    assert found.verdict == "stable"


def shipped(fleet: Fleet) -> Fleet:
    scaling = Scaling(idle_timeout_s=0.8, compile_cache="shipped")
    return fleet.model_copy(update={"scaling": scaling})


def test_the_cold_start_is_the_measured_one_unless_stated():
    scaling = Scaling(idle_timeout_s=0.8)
    fleet = Fleet(calibration=H200.alias, replicas=3, scaling=scaling)
    with pytest.raises(MissingDataError, match="measured no cold start; state cold_start_s"):
        simulate(workload(), fleet, requests=5000, replications=4, calibration=H200)
    start = ColdStartRecord(build_s=20.0, load_cold_cache_s=11.0, first_call_s=4.0)
    built = ColdStartRecord(build_s=9.0, first_call_s=1.0)
    runs = [
        H200.runs[0].model_copy(update={"id": f"run-{index}", "cold_start": each})
        for index, each in enumerate((start, built, None), 1)
    ]
    timed = H200.model_copy(update={"runs": tuple(runs)})
    found = simulate(workload(), fleet, requests=5000, replications=4, calibration=timed)
    assert found.fleet.scaling is not None
    assert found.fleet.scaling.cold_start_s == 15.0
    assert found.starts > 0
    with pytest.raises(MissingDataError, match="measured no start that found one"):
        simulate(workload(), shipped(fleet), calibration=timed)
    compiled = cold_started(H200, first_call_s=70.0, filled_s=16.0)
    for each, first_call_s in ((fleet, 70.0), (shipped(fleet), 16.0)):
        started = with_cold_start(each, compiled).scaling
        assert started is not None
        assert started.cold_start_s == 20.0 + first_call_s
    stated = fleet.model_copy(update={"scaling": Scaling(idle_timeout_s=0.8, cold_start_s=3.0)})
    kept = simulate(workload(), stated, requests=5000, replications=4, calibration=timed)
    assert kept.fleet == stated
    assert kept.response["p99"].value < found.response["p99"].value


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scaling": {"least": 4, "idle_timeout_s": 9.0}}, "scaling.least of at most replicas"),
        ({"reserve": 1, "scaling": {"idle_timeout_s": 9.0}}, "no reserve beside scaling: raise"),
        ({"failures": {"between_failures_s": 0.0, "recovery_s": 1.0}}, "between_failures_s is 0.0"),
        ({"failures": {"recovery_s": 1.0}}, "failures.between_failures_s is missing; add it"),
        ({"failures": {"between_failures_s": 9.0}}, "failures.recovery_s is missing; add it"),
        ({"reserve": -1}, "reserve is -1"),
    ],
)
def test_a_fleet_that_contradicts_itself_is_refused(fields: Any, message: str):
    with pytest.raises(InputError, match=message):
        Fleet.parse({"calibration": "made", "replicas": 3} | fields, "fleet")


def test_too_few_replicas_are_overloaded_and_a_rush_hour_is_backlogged():
    assert simulated(workload(), 1).verdict == "overloaded"
    rush = [0.2] * 20 + [5.0] * 4
    asked = workload(arrivals={"requests_per_s": 2.0, "hourly_weights": rush})
    found = simulated(asked, 2)
    assert (found.verdict, found.load < 1) == ("backlogged", True)


def test_every_request_of_a_trace_is_answered(tmp_path: Path):
    rows = [f"{0.7 * n},{512 if n % 3 else 1024},{512 if n % 3 else 1024},4" for n in range(90)]
    (tmp_path / "log.csv").write_text("\n".join(["timestamp,width,height,steps", *rows]))
    (tmp_path / "w.yaml").write_text(
        "format: fluxcost-workload\nversion: 1\nname: log\nmodel: flux2-klein-4b\n"
        "arrivals: {process: trace, trace: log.csv}\n"
    )
    found = simulated(load_workload(tmp_path / "w.yaml"), 2)
    assert (found.requests, found.warm_up) == (4 * 90, 0)
    assert {line.shape: line.requests for line in found.lines} == {
        "512x512, 4 steps": 4 * 60,
        "1024x1024, 4 steps": 4 * 30,
    }


def test_a_job_takes_the_work_over_the_replicas():
    asked = workload(
        arrivals=None,
        objective=None,
        deadline={"images": 3000, "hours": 1},
        utilization=0.9,
        startup_minutes=10,
    )
    found = simulated(asked, 4)
    expected = 600 + 3000 * CALL_S / 4
    assert found.response["p99.99"].value == pytest.approx(expected, rel=0.02)
    assert found.probability_met == 1.0


@pytest.mark.parametrize(
    ("arrivals", "message"),
    [
        ({"process": "gamma", "requests_per_s": 1.0}, "coefficient_of_variation beside"),
        ({"requests_per_s": 1.0, "hourly_weights": [1.0] * 5}, "24 or 168 weights, not all 0"),
        ({"requests_per_s": 1.0, "trace": "x.csv"}, "trace, the path of a file, beside"),
        ({}, "or a rate or trace in arrivals, one of them"),
        ({"requests_per_s": float("nan")}, "requests_per_s is nan"),
    ],
)
def test_arrivals_that_contradict_themselves_are_refused(arrivals: Any, message: str):
    with pytest.raises(InputError, match=message):
        workload(arrivals=arrivals)


def test_a_monthly_volume_does_not_say_how_requests_arrive():
    asked = workload(
        arrivals=None, objective=None, images_per_month=1000, utilization=0.5, startup_minutes=5
    )
    with pytest.raises(InputError, match="how requests arrive is not stated"):
        simulated(asked, 2)
