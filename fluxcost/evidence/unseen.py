"""Cells measured to score fits on, which no fit ever sees: apart from what is left out in turn.

What is left out in turn chose the formulas; these did not. Cells of a start that the calibration
knows show the formulas alone, those of another start the machines' differences too.
"""

from __future__ import annotations

from pydantic import Field

from fluxcost.errors import MissingDataError
from fluxcost.evidence.against import validate_against
from fluxcost.evidence.memory_edge import EdgeReport, edge_report
from fluxcost.evidence.report import ValidationReport
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.records import Record


class Unseen(Record):
    """A fit scored on cells and memory edges that it never saw."""

    reports: tuple[ValidationReport, ...] = Field(
        min_length=1, description="Of starts the calibration knows, and of others."
    )
    edges: tuple[EdgeReport, ...] = ()


def score_unseen(fitted: Fit, unseen: Calibration) -> Unseen:
    """Predict the cells and memory edges of a record that is held out of every fit.

    Args:
        fitted: Whose predictions are scored.
        unseen: Of the same GPU and model.

    Raises:
        InputError: The calibration holds some of the cells.
        MissingDataError: No cell has samples, or every one was refused.
    """
    known = {cell.run for cell in fitted.calibration.cells}
    same = tuple(cell for cell in unseen.cells if cell.run in known)
    others = tuple(cell for cell in unseen.cells if cell.run not in known)
    return Unseen(
        reports=tuple(
            validate_against(
                fitted.calibration,
                unseen.model_copy(update={"cells": cells}),
                architecture=fitted.architecture,
            )
            for cells in (same, others)
            if cells
        ),
        edges=_edges(fitted, unseen),
    )


def _edges(fitted: Fit, unseen: Calibration) -> tuple[EdgeReport, ...]:
    try:
        return tuple(edge_report(fitted, edge, unseen) for edge in unseen.memory_edges)
    except MissingDataError:
        return ()
