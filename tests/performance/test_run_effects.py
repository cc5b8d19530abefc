"""What starts of one machine show of each other."""

import numpy as np
import pytest

from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.noise.run_effects import RUN_SIGMAS, LaunchBoundCell, run_squares


def slower(cell: Cell, factor: float) -> Cell:
    assert cell.samples is not None
    walls = tuple(factor * wall_s for wall_s in cell.samples.wall_s)
    return cell.model_copy(update={"samples": cell.samples.model_copy(update={"wall_s": walls})})


def waiting(_cell: Cell) -> LaunchBoundCell:
    return LaunchBoundCell(share=1.0, sigma=1e-4)


def test_every_gpu_that_a_start_timed_tells_of_it_in_whatever_order(calibration: Calibration):
    first = [cell for cell in calibration.cells if cell.samples]
    second = [cell.model_copy(update={"run": "run-2"}) for cell in first]
    cells = [*first, *second, *(slower(cell, 1.1) for cell in second)]
    # One of the second start's GPUs is as the first start's, the other 10 % slower: the starts lie
    # half of that apart, each half of the half from their middle.
    from_middle = np.log(1.1) / 4
    for order in (cells, cells[::-1]):
        cpu, gpu = run_squares(order, waiting)
        assert cpu == pytest.approx(2 * from_middle**2, rel=1e-3)
        assert gpu == pytest.approx(2 * RUN_SIGMAS[1] ** 2 / 2), "nothing that tells of it"
