"""Times of calls as the simulator reads them, beside the fit that answers them."""

import numpy as np
import pytest

from fluxcost.capacity.service_times import ServiceTimes, no_spread, resampled, service_times
from fluxcost.errors import MissingDataError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape
from tests.synthetic import make_calibration

SMALL, LARGE = Shape(512, 512, 4), Shape(1024, 1024, 4)
MADE = fit(make_calibration())


def test_every_batch_takes_what_the_fit_says():
    served = service_times(MADE, ((SMALL, 0.25), (LARGE, 0.75)), 4)
    for line, shape in enumerate((SMALL, LARGE)):
        for batch in (1, 2, 4):
            busy = MADE.occupancy(shape, batch=batch).value
            whole = MADE.latency(shape, batch=batch, statistic="mean").value
            assert served.occupancy_s[line, batch - 1] == pytest.approx(busy)
            assert served.latency_s[line, batch - 1] == pytest.approx(whole)
    assert np.all(np.diff(served.occupancy_s) >= 0)
    full = served.occupancy_s[:, 3]
    assert served.image_s((0.25, 0.75)) == pytest.approx((full[0] / 4 + 3 * full[1] / 4) / 4)
    assert served.source is Source.MEASURED


def test_a_batch_that_cannot_be_answered_takes_as_long_as_the_next():
    """A published table answers only for the batches it prints: 1, 2, 4, 8 and 16 at 1024."""
    printed = fit(load_calibration("published/h100-sxm/flux2-klein-4b/diffusers-bf16"))
    times = service_times(printed, ((LARGE, 1.0),), 8).occupancy_s[0]
    for batch in (1, 2, 4, 8):
        assert times[batch - 1] == printed.occupancy(LARGE, batch=batch).value
    assert (times[2], set(times[4:])) == (times[3], {times[7]})
    with pytest.raises(MissingDataError):
        service_times(printed, ((LARGE, 1.0),), 17)


def test_calls_spread_as_those_measured():
    ratios = service_times(MADE, ((LARGE, 1.0),), 1).spread(np.random.default_rng(1), 100_000)
    calls = [cell for cell in MADE.calibration.cells if cell.shape == LARGE]
    measured = np.concatenate([np.array(cell.calls_s) / np.mean(cell.calls_s) for cell in calls])
    assert ratios.mean() == pytest.approx(1.0, abs=1e-3)
    assert ratios.std() == pytest.approx(measured.std(), rel=0.02)
    assert set(np.round(ratios, 9)) <= set(np.round(measured, 9))


def test_the_error_of_the_timings_is_common_to_all_calls():
    served = service_times(MADE, ((LARGE, 1.0),), 1)
    busy = MADE.occupancy(LARGE, batch=1)
    assert served.factors == pytest.approx(busy.draws / busy.value)


@pytest.mark.parametrize(
    "alias", ["h100-sxm/flux2-klein-4b/eager-bf16", "h200-sxm/flux2-klein-4b/eager-bf16"]
)
def test_batching_pays_at_512_and_hardly_at_1024(alias: str):
    fitted = fit(load_calibration(alias))
    gained = []
    for shape in (SMALL, LARGE):
        one, eight = (service_times(fitted, ((shape, 1.0),), batch) for batch in (1, 8))
        gained.append(one.image_s((1.0,)) / eight.image_s((1.0,)))
    assert gained[0] > 1.5
    assert 1.0 < gained[1] < 1.2


def test_plain_spreads():
    random = np.random.default_rng(1)
    assert no_spread(random, 3).tolist() == [1.0] * 3
    assert set(resampled(np.array([0.5, 1.5]))(random, 50)) == {0.5, 1.5}
    assert ServiceTimes(np.ones((2, 3)), np.ones((2, 3)), no_spread).max_batch == 3
