"""Held-out records: cells that no fit uses, predicted and compared.

The cells left out in turn were used to choose the formulas; those of a held-out record were not.
Where the calibration has other cells of their run, the answers for that run show the formulas'
error alone. A fit without that run shows the between-run effects too.
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
    """A fit scored on cells and memory limits of a held-out record."""

    known_run: ValidationReport | None = Field(
        default=None, description="Cells of runs of which other cells are in the fit."
    )
    new_run: ValidationReport | None = Field(
        default=None, description="Cells of runs that are not in the fit, or are left out of it."
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
    for run in sampled_runs(unseen):
        own = [cell for cell in cells if cell.run == run]
        if run in runs:
            known.add(fitted.for_run(run), own, users=None if runs == {run} else fitted)
        if runs != {run}:
            others = only_runs(calibration, runs - {run})
            new.add(fit(others, architecture=fitted.architecture), own)
    described = describe(calibration, unseen)
    return Unseen(
        known_run=known.report(calibration, against=described, same_run=True)
        if known.asked
        else None,
        new_run=new.report(calibration, against=described) if new.asked else None,
        edges=_edges(fitted, unseen),
    )


def _edges(fitted: Fit, unseen: Calibration) -> tuple[EdgeReport, ...]:
    try:
        return tuple(edge_report(fitted, edge, unseen) for edge in unseen.memory_edges)
    except MissingDataError:
        return ()
