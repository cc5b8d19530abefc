"""simulate() on made calibrations: intervals, verdicts, traces, jobs, and mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest

from fluxcost.capacity.fleet import Batching, Fleet
from fluxcost.capacity.simulate import Simulation, simulate
from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.fit import fit
from fluxcost.workload import Shape, Workload, load_workload
from tests.synthetic import make_calibration

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


def test_more_replicas_meet_the_objective_more_surely():
    met = [simulated(workload(), replicas).probability_met for replicas in (1, 2, 4)]
    assert met[0] is not None and met[0] < 0.05  # noqa: PT018 - narrows the type
    assert met == sorted(met, key=lambda share: share or 0.0)
    assert met[-1] == 1.0


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp,width,height\n", "column steps is missing"),
        ("timestamp,width,height,steps\n0,1000,512,4\n", "line 2: width is 1000"),
        ("timestamp,width,height,steps\n0,512,512,4\n", "expected two or more times"),
        ("timestamp,width,height,steps\nnan,512,512,4\n", "line 2: timestamp is nan"),
    ],
)
def test_a_trace_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "log.csv").write_text(text)
    trace = {"process": "trace", "trace": str(tmp_path / "log.csv")}
    with pytest.raises(DocumentError, match=message):
        simulated(workload(arrivals=trace, shapes=None), 2)


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
