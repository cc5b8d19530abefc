"""Predicted against records whose truth is known: SimPy made them."""

import functools

import numpy as np
import pytest

from fluxcost.capacity.fleet import Batching
from fluxcost.errors import InputError, MissingDataError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.fit import fit
from fluxcost.validation.scenarios.scenario_record import ScenarioRecord
from fluxcost.validation.scenarios.scenario_validation import validate_scenario
from fluxcost.workload.shape import Shape
from tests.validation.scenarios.made import CALL_S, Service, made, served

NEAR = 0.02
"""Calls vary by 1 %, and replayed arrivals leave nothing else to chance."""


@functools.cache
def reports():
    return validate_scenario(made(), runs=100)


def test_a_replayed_record_is_predicted_within_its_noise():
    report = reports()
    assert [run.load for run in report.runs] == [0.5, 0.5, 0.85, 0.85, 1.1, 1.1]
    for run in report.runs:
        (prediction,) = run.predictions
        for each in prediction.compared:
            assert abs(each.error) < NEAR, (run.run, each)
        assert abs(run.slower_calls) < 0.01
        assert prediction.verdict == run.verdict
        fresh = next(band for band in prediction.bands if band.arrivals == "fresh")
        recorded = next(band for band in prediction.bands if band.arrivals == "recorded")
        assert fresh.high_s - fresh.low_s > recorded.high_s - recorded.low_s


def test_more_work_than_the_replica_can_do_is_called_overloaded_and_less_is_not():
    verdicts = {run.run: run.verdict for run in reports().runs}
    assert {name for name, verdict in verdicts.items() if verdict == "overloaded"} == {
        "load 1.1, at most 1",
        "load 1.1, at most 4",
    }


def test_calls_a_fifth_slower_under_load_than_warm_show_as_such():
    report = validate_scenario(made((0.5, 0.85), slower=1.2), runs=20)
    for run in report.runs:
        (prediction,) = run.predictions
        assert run.slower_calls == pytest.approx(0.2, abs=0.01)
        assert prediction.error("p50") < -0.1
        assert prediction.error("p99") < -0.1
        assert prediction.error("utilization") < -0.1
        assert not any(band.holds for band in prediction.bands if band.arrivals == "recorded")


@pytest.mark.parametrize("records", [20, pytest.param(50, marks=pytest.mark.long)])
def test_nine_in_ten_records_of_one_load_fall_into_the_band_of_fresh_arrivals(records: int):
    """Runs that differ by their arrivals alone: the band must hold about nine in ten of them."""
    record = made((0.7,), requests=80)
    random = np.random.default_rng(5)
    runs = []
    for index in range(records):
        times = np.cumsum(random.standard_exponential(80)) / 7.0
        run = record.runs[0].to_dict() | {"name": f"run {index}"}
        runs.append(run | served(times, 1, Service(), random))
    many = ScenarioRecord.parse(record.to_dict() | {"runs": runs}, "many runs")
    report = validate_scenario(many, runs=40)
    held = [run.predictions[0].bands[1].holds for run in report.runs]
    assert 0.76 <= np.mean(held) <= 0.99


def test_a_calibration_predicts_from_its_own_times_and_says_so():
    alias = "h100-sxm/flux2-klein-4b/compiled-bf16"
    pace = fit(load_calibration(alias)).latency(Shape(512, 512, 4)).value / CALL_S[1]
    report = validate_scenario(made((0.5,), alias=alias, pace=pace), runs=20)
    same, shipped = report.runs[0].predictions
    assert (same.timings, shipped.timings) == ("same start", alias)
    assert shipped.source == "measured"
    assert abs(shipped.error("p99")) < 0.05
    given = validate_scenario(made((0.5,), pace=pace), calibration=load_calibration(alias), runs=20)
    assert given.runs[0].predictions[1].compared == shipped.compared


def test_what_is_not_replayed_is_named_with_its_reason():
    closed = made((0.5,)).runs[0].to_dict() | {"name": "one by one", "scenario": "single-stream"}
    search = made((0.5,)).runs[0].to_dict() | {"name": "search", "searching": True}
    report = validate_scenario(made((0.5,), more=(closed, search)), runs=20)
    assert {each.what for each in report.skipped} == {"one by one", "nowhere/flux2-klein-4b/made"}
    assert "search" not in {run.run for run in report.runs}
    with pytest.raises(MissingDataError, match="no run of the record has arrivals of its own"):
        validate_scenario(made((), more=(closed,)), runs=20)


def test_calls_are_filled_up_to_the_sizes_that_were_warmed():
    record = made((0.85,), sizes=(1, 2, 4))
    assert (3, 4) in zip(record.runs[1].calls.images, record.runs[1].calls.size, strict=True)
    for each in validate_scenario(record, runs=20).runs[1].predictions[0].compared:
        assert abs(each.error) < NEAR, each
    none = record.model_copy(update={"warm_calls": record.warm_calls[:2]})
    with pytest.raises(MissingDataError, match="no warm call of 4 images at 512x512, 4 steps"):
        validate_scenario(none, runs=20)


@pytest.mark.parametrize("asked", [{"runs": 19}, {"runs": 20.0}, {"seed": -1}])
def test_counts_out_of_range_are_refused(asked):
    with pytest.raises(InputError, match=r"expected a whole number(, at least 20| from 0 to )"):
        validate_scenario(made((0.5,)), **asked)


def test_the_frame_has_a_row_for_every_number():
    frame = reports().to_frame()
    assert len(frame) == 6 * 5
    assert set(frame["quantity"]) == {"p50", "p95", "p99", "throughput", "utilization"}
    assert str(Batching(max_batch=4)) in set(frame["batching"])
