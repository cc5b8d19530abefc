"""Leaving groups out of synthetic calibrations: small errors, honest intervals."""

import pytest

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.validation.fit_validation import validate
from tests.synthetic import make_calibration


def test_a_synthetic_calibration_is_predicted_from_the_rest():
    report = validate(make_calibration(seed=5))
    assert report.folds == 14
    assert len(report.cells) + len(report.refusals) == 24
    assert report.median_error <= 0.015
    assert report.p95_error <= 0.05
    assert abs(report.bias) <= 0.01
    assert report.coverage >= 0.7
    assert report.to_dict()["cells"][0]["cell"] == "384x384, 4 steps, batch 1"


@pytest.mark.parametrize(("held_out", "answered"), [("resolution", 20), ("batch", 20)])
def test_sizes_and_batches_nobody_measured_are_predicted(held_out: str, answered: int):
    report = validate(make_calibration(seed=5), held_out=held_out)
    assert len(report.cells) >= answered
    assert report.median_error <= 0.02
    assert report.p95_error <= 0.08
    assert abs(report.bias) <= 0.02
    assert report.coverage >= 0.65  # one batch left out is one error for all its cells


def test_refusals_are_listed_with_their_reason():
    """Without batch 16 the largest cell left is a quarter of it."""
    report = validate(make_calibration(grid=[
        (512, 512, 4, 1), (768, 768, 4, 1), (1024, 1024, 4, 1), (1024, 1024, 4, 4),
        (1024, 1024, 4, 16),
    ]))  # fmt: skip
    assert "1024x1024, 4 steps, batch 16" in {refusal.cell for refusal in report.refusals}


def test_too_little_to_leave_out_is_refused():
    with pytest.raises(MissingDataError, match="at least 3"):
        validate(make_calibration(grid=[(512, 512, 4, 1), (1024, 1024, 4, 1)]))
    with pytest.raises(MissingDataError, match="0 groups"):
        validate(load_calibration("published/h100-sxm/flux2-klein-4b/diffusers-bf16"))
