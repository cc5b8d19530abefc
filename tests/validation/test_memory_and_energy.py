"""Memory and energy of cells left out: a known machine, and what is absent."""

import pytest

from fluxcost.performance.fit import fit
from fluxcost.validation.fit_validation import validate_all
from fluxcost.validation.folds import HeldOut, folds
from fluxcost.validation.memory_and_energy import resource_report
from tests.synthetic import make_calibration


def test_a_report_is_of_the_cells_that_carry_the_quantity():
    sides = (512, 640, 768, 1024)
    full = make_calibration(grid=[(side, side, n, 1) for side in sides for n in (4, 8, 12)])
    cells = [
        cell.model_copy(update={"energy": None}) if cell.steps == 12 else cell
        for cell in full.cells
    ]
    calibration = full.model_copy(update={"cells": tuple(cells)})
    report = resource_report(
        fit(calibration), "energy", HeldOut.GROUP, folds(calibration, HeldOut.GROUP)
    )
    assert report.unit == "J"
    assert len(report.cells) + report.refused == sum(cell.energy is not None for cell in cells)
    worst = max(abs(cell.relative_error) for cell in report.cells)
    assert report.max_error == pytest.approx(worst)
    one = report.cells[0]
    assert one.relative_error == pytest.approx(one.predicted / one.measured - 1)
    assert one.covered == (one.low <= one.measured <= one.high)


def test_what_was_not_recorded_is_skipped_with_the_reason():
    sides = (512, 768, 1024)
    full = make_calibration(grid=[(side, side, 4, 1) for side in sides], calls=5)
    bare = tuple(cell.model_copy(update={"memory": None, "energy": None}) for cell in full.cells)
    found = validate_all(full.model_copy(update={"cells": bare}))
    assert found.resources == ()
    reasons = {skipped.check: skipped.reason for skipped in found.skipped}
    assert "no cell left out has its memory predicted" in reasons["memory"]
    assert "energy" in reasons
