"""Cells measured to score fits on, which no fit ever sees: apart from what is left out in turn.

What is left out in turn chose the formulas; these did not. Cells of a start that the calibration
knows are asked of its answers for that start and show the formulas alone; asked of a fit without
that start they show the machines' differences too.
"""

from __future__ import annotations

from pydantic import Field

from fluxcost.errors import MissingDataError
from fluxcost.evidence.against import cells_to_predict, describe
from fluxcost.evidence.folds import only_runs, sampled_runs
from fluxcost.evidence.memory_edge import EdgeReport, edge_report
from fluxcost.evidence.report import Scores, ValidationReport
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.records import Record


class Unseen(Record):
    """A fit scored on cells and memory edges that it never saw."""

    known_start: ValidationReport | None = Field(
        default=None, description="Cells of starts of which the fit knows other cells."
    )
    new_start: ValidationReport | None = Field(
        default=None, description="Cells of starts the fit does not know, or is made not to know."
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
    calibration = fitted.calibration
    cells = cells_to_predict(calibration, unseen)
    runs = set(sampled_runs(calibration))
    known, new = Scores(), Scores()
    for start in sampled_runs(unseen):
        own = [cell for cell in cells if cell.run == start]
        if start in runs:
            known.add(fitted.of_start(start), own, users=None if runs == {start} else fitted)
        if runs != {start}:
            others = only_runs(calibration, runs - {start})
            new.add(fit(others, architecture=fitted.architecture), own)
    described = describe(calibration, unseen)
    return Unseen(
        known_start=known.report(calibration, against=described, same_start=True)
        if known.asked
        else None,
        new_start=new.report(calibration, against=described) if new.asked else None,
        edges=_edges(fitted, unseen),
    )


def _edges(fitted: Fit, unseen: Calibration) -> tuple[EdgeReport, ...]:
    try:
        return tuple(edge_report(fitted, edge, unseen) for edge in unseen.memory_edges)
    except MissingDataError:
        return ()
