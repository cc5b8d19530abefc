"""Slow calls beside mean ones, on the records that ship."""

import pytest

from fluxcost.errors import FluxcostError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.library import load_calibration, shipped_calibrations
from fluxcost.performance.fit import Fit, fit
from fluxcost.workload.shape import Shape

SIZES = [(512, 512), (768, 768), (1024, 1024), (1280, 720), (2048, 1024)]
TIMED = [each.alias for each in shipped_calibrations() if each.source is not Source.PUBLISHED]


def p95_over_mean(timed: Fit, shape: Shape, batch: int) -> float:
    try:
        return timed.latency(shape, batch, "p95").value / timed.latency(shape, batch, "mean").value
    except FluxcostError:
        return 1.0


@pytest.mark.parametrize("alias", TIMED)
def test_one_call_in_twenty_is_no_faster_than_the_mean_one(alias: str):
    timed = fit(load_calibration(alias))
    for width, height in SIZES:
        for batch in (1, 2, 4, 16):
            assert p95_over_mean(timed, Shape(width, height, 6), batch) >= 1


@pytest.mark.parametrize("alias", TIMED)
def test_the_slowest_call_in_a_hundred_is_no_faster_than_that_in_twenty(alias: str):
    calibration = load_calibration(alias)
    timed = fit(calibration)
    for shape, batch in {(cell.shape, cell.batch) for cell in calibration.ok_cells}:
        p95, p99 = (timed.latency(shape, batch, statistic).value for statistic in ("p95", "p99"))
        assert p99 >= p95 * (1 - 1e-12), (shape, batch)
