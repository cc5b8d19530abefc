"""The samples of a cell: what its stages leave is the host's."""

import pytest

from fluxcost.performance.calibration.schema import Calibration


def test_host_is_what_the_stages_leave(calibration: Calibration):
    samples = calibration.cells[0].samples
    assert samples is not None
    total = (
        samples.text_encode_s[0]
        + sum(samples.denoise_step_s[0])
        + samples.vae_decode_s[0]
        + samples.host_s[0]
    )
    assert total == pytest.approx(samples.wall_s[0])
