"""One record's fit on another's cells, where the truth of both is known."""

import dataclasses

import pytest

from fluxcost.errors import InputError, MissingDataError, UnknownNameError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.validation.cells import ConditionDifference, validate_against
from tests.synthetic import Machine, make_calibration

HERE = [(side, side, 4, batch) for side in (512, 1024) for batch in (1, 2, 4)]
THERE = [(512, 512, 4, 1), (1024, 1024, 4, 4), (768, 768, 4, 1), (768, 768, 8, 2)]
"""Two points that were measured here too, and two that were not."""


def slower(factor: float) -> Machine:
    """The same machine with every clock slowed alike."""
    times = [field.name for field in dataclasses.fields(Machine) if "noise" not in field.name]
    return Machine(**{name: factor * getattr(Machine(), name) for name in times})


def restarted(calibration: Calibration) -> Calibration:
    """The same record of another start."""
    runs = (calibration.runs[0].model_copy(update={"id": "run-2"}),)
    cells = tuple(cell.model_copy(update={"run": "run-2"}) for cell in calibration.cells)
    return calibration.model_copy(update={"runs": runs, "cells": cells})


def elsewhere(calibration: Calibration) -> Calibration:
    """The same record on other hardware and software."""
    run = calibration.runs[0]
    environment = run.environment.model_copy(
        update={
            "gpu_name": "Other H100",
            "driver": "590.1",
            "cpu_model": "Other CPU",
            "packages": {"torch": "2.12.0"},
        }
    )
    runs = (run.model_copy(update={"environment": environment}),)
    return calibration.model_copy(update={"runs": runs})


def test_another_start_of_the_same_truth_is_predicted():
    other = restarted(make_calibration(grid=THERE, seed=2))
    report = validate_against(make_calibration(grid=HERE, seed=1), other)
    assert report.held_out is None
    assert not report.same_run
    assert report.folds == 1
    assert len(report.cells) == 4
    assert [cell.source for cell in report.cells[:2]] == ["measured", "measured"]
    assert report.median_error <= 0.015
    assert report.p95_error <= 0.04
    assert abs(report.bias) <= 0.015
    assert report.coverage == 1
    assert report.against is not None
    assert report.against.calibration == other.alias
    assert report.against.content_hash == other.content_hash
    assert report.against.differences == ()
    assert "held_out" not in report.to_dict()


def test_cells_of_the_same_run_do_not_pay_for_others():
    here, there = make_calibration(grid=HERE, seed=1), make_calibration(grid=THERE, seed=2)
    same, other = validate_against(here, there), validate_against(here, restarted(there))
    assert same.same_run
    assert same.median_error == other.median_error
    assert same.median_half_width < other.median_half_width - 0.01


def test_a_slower_machine_shows_as_bias():
    """A tenth more time is a prediction of 1/1.1 of it."""
    other = make_calibration(slower(1.1), grid=THERE, seed=2)
    report = validate_against(make_calibration(grid=HERE, seed=1), other)
    assert report.bias == pytest.approx(1 / 1.1 - 1, abs=0.015)
    assert report.median_error == pytest.approx(1 - 1 / 1.1, abs=0.015)
    assert report.coverage < 1


def test_what_differs_is_named():
    other = elsewhere(make_calibration(grid=THERE, seed=2))
    report = validate_against(make_calibration(grid=HERE, seed=1), other)
    assert report.against is not None
    assert report.against.differences == (
        ConditionDifference(name="gpu", here="Synthetic H100", there="Other H100"),
        ConditionDifference(name="cpu", here="Synthetic CPU", there="Other CPU"),
        ConditionDifference(name="torch", here="2.11.0", there="2.12.0"),
    )
    assert report.against.alike == ("model", "stack", "cpu_cores", "weights")
    assert report.against.unknown == ("power_limit_w", "driver", "diffusers", "transformers")


def test_a_record_of_another_gpu_is_predicted_by_transfer():
    """Both imagined machines are one, so only what the datasheets say apart shows."""
    report = validate_against(
        make_calibration(grid=HERE, seed=1), make_calibration(grid=THERE, seed=2, gpu="h200-sxm")
    )
    assert {cell.source for cell in report.cells} == {"transferred"}
    assert report.bias < 0
    assert report.median_error < 0.15


def test_records_that_cannot_be_compared_are_refused():
    here = make_calibration(grid=HERE, seed=1)
    with pytest.raises(MissingDataError, match="no datasheet rates for GPU 'toaster'"):
        validate_against(here, make_calibration(grid=THERE, seed=2, gpu="toaster"))
    renamed = make_calibration(grid=THERE, seed=2).model_copy(update={"model": "other"})
    with pytest.raises(UnknownNameError, match="architecture 'other' is not known"):
        validate_against(here, renamed)
    published = load_calibration("published/h100-sxm/flux2-klein-4b/diffusers-bf16")
    with pytest.raises(MissingDataError, match="no cell has samples to score a fit on"):
        validate_against(here, published)
    with pytest.raises(InputError, match=r"6 of 6 cells of .* expected none, since a fit knows"):
        validate_against(here, here)
