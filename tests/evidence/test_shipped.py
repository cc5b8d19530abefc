"""Every calibration that ships: above its floors, and predicted from its own rest as promised."""

import pytest

from fluxcost.estimate import Source
from fluxcost.evidence.validation import ValidationReport, validate
from fluxcost.performance.fit import fit
from fluxcost.performance.library import load_calibration, shipped_calibrations
from fluxcost.workload import Shape

MEASURED = [entry.alias for entry in shipped_calibrations() if entry.source is Source.MEASURED]


@pytest.fixture(scope="module", params=MEASURED)
def report(request: pytest.FixtureRequest) -> ValidationReport:
    return validate(load_calibration(request.param))


def test_errors_are_within_the_promise(report: ValidationReport):
    assert report.median_error <= 0.015, report.calibration
    assert report.p95_error <= 0.05, report.calibration


def test_intervals_are_honest_and_useful(report: ValidationReport):
    assert report.coverage >= 0.85, report.calibration
    assert report.median_half_width <= 0.04, report.calibration


@pytest.mark.parametrize("alias", MEASURED)
def test_shipped_fits_keep_their_order(alias: str):
    fitted = fit(load_calibration(alias))
    times = [fitted.latency(Shape(side, side, 5)).value for side in range(400, 2049, 16)]
    assert times == sorted(times)
    calls = [fitted.latency(Shape(768, 768, 5), batch).value for batch in range(1, 17)]
    assert calls == sorted(calls)
