"""What repeats, against scatters laid out by hand."""

import numpy as np
import pytest

from fluxcost.performance.calibration.extra_measurements import Soak
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.noise.drift import _pooled, encoding_scatter, soak_scatter
from fluxcost.performance.observations import fitted_cells, groups_by_run
from tests.synthetic import make_calibration

GRID = [(512, 512, 4, 1), (768, 768, 4, 1), (1024, 1024, 4, 1), (512, 512, 4, 2)]


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return make_calibration(grid=GRID)


def encoding(cell: Cell, seconds: float) -> Cell:
    assert cell.samples is not None
    each = (seconds,) * len(cell.samples.wall_s)
    return cell.model_copy(
        update={"samples": cell.samples.model_copy(update={"text_encode_s": each})}
    )


def test_encodings_of_one_batch_repeat_at_every_size(calibration: Calibration):
    """Logs of -0.1, 0 and 0.1 scatter by 0.1; the one cell of batch 2 has nothing beside it."""
    told = dict(zip((512, 768, 1024), np.exp([-0.1, 0.0, 0.1]) * 0.04, strict=True))
    cells = [encoding(cell, float(told[cell.width])) for cell in fitted_cells(calibration)]
    (found,) = encoding_scatter(groups_by_run(cells))
    assert (found.batch, found.steps, found.freedom) == (1, 0, 2)
    assert found.scatter == pytest.approx(0.1)


def test_a_soak_is_read_block_by_block():
    """Blocks of 20 calls, a tenth above or below the middle in turn."""
    walls = np.repeat(np.exp(np.tile([-0.1, 0.1], 2)), 20)
    soak = Soak(width=512, height=512, steps=4, batch=1, run="run-1", wall_s=tuple(walls))
    (found,) = soak_scatter([soak])
    assert (found.pixels, found.steps, found.freedom) == (512**2, 4, 3)
    assert found.scatter == pytest.approx(float(np.std([-0.1, 0.1, -0.1, 0.1], ddof=1)))
    assert soak_scatter([soak.model_copy(update={"wall_s": (1.0,) * 5})]) == []


def test_scatters_are_pooled_by_their_freedom():
    assert _pooled([(0.3, 1), (0.1, 3)]) == pytest.approx(np.sqrt((0.09 + 0.03) / 4))
    assert _pooled([]) == 0
