"""Memory and energy of cells left out: a known machine, the shipped records, and what is absent."""

import pytest

from fluxcost.estimate import Source
from fluxcost.evidence.folds import HeldOut, folds
from fluxcost.evidence.resources import resource_report
from fluxcost.evidence.validation import validate_all
from fluxcost.performance.fit import fit
from fluxcost.performance.library import load_calibration, shipped_calibrations
from tests.synthetic import make_calibration

MEASURED = [entry.alias for entry in shipped_calibrations() if entry.source is Source.MEASURED]
FEW = [alias for alias in MEASURED if len(load_calibration(alias).cells) <= 7]
"""Records of other models, of too few cells to tell energy from."""
SCORED = [alias for alias in FEW if "z-image" not in alias]
"""Z-Image's two sizes, an image a call, leave none to predict another from."""


@pytest.mark.parametrize("alias", SCORED)
def test_shipped_memory_of_other_models_is_predicted_unseen(alias: str):
    """A UNet's activations weigh more beside its weights, which the decoder's do not tell.

    Compiled, whose peak also depends on what was compiled before, one of its 6 is outside.
    """
    calibration = load_calibration(alias)
    parts = folds(calibration, HeldOut.GROUP)
    memory = resource_report(fit(calibration), "memory", HeldOut.GROUP, parts)
    wide = alias.endswith("sdxl-1.0/compiled-bf16")
    assert memory.max_error <= (0.075 if wide else 0.04 if "sdxl" in alias else 0.015)
    assert memory.coverage >= (0.8 if wide else 1)


@pytest.mark.parametrize("alias", [alias for alias in MEASURED if alias not in FEW])
def test_shipped_memory_and_energy_are_predicted_unseen(alias: str):
    """The aims are 3 % for memory and 5 % for energy.

    A compiled stack's peak depends on what was compiled before it by up to 4 %.
    """
    calibration = load_calibration(alias)
    measured, parts = fit(calibration), folds(calibration, HeldOut.GROUP)
    memory = resource_report(measured, "memory", HeldOut.GROUP, parts)
    energy = resource_report(measured, "energy", HeldOut.GROUP, parts)
    assert memory.median_error <= 0.03
    assert memory.max_error <= (0.04 if "compiled" in alias else 0.01)
    assert energy.median_error <= (0.035 if "fp8" in alias else 0.02)
    assert energy.p95_error <= (0.055 if "fp8" in alias else 0.05)
    assert memory.coverage >= (0.7 if "fp8" in alias else 0.85)  # of its 7 cells, 2 outside
    assert energy.coverage >= 0.75  # of 9 cells, 2 outside


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
