"""One synthetic calibration and its fit, made once: fitting costs a fifth of a second."""

import pytest

from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from tests.synthetic import make_calibration


@pytest.fixture(scope="session")
def calibration() -> Calibration:
    return make_calibration()


@pytest.fixture(scope="session")
def fitted(calibration: Calibration) -> Fit:
    return fit(calibration)
