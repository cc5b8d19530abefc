"""One record's fit scored on the cells of another record.

Where the other record is of another GPU or model, what is scored is the transfer to it.
"""

from __future__ import annotations

from fluxcost.errors import InputError, MissingDataError
from fluxcost.evidence.report import Against, Difference, Scores, ValidationReport
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.conditions import CONDITIONS, conditions
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.transfer.target import launch_rate
from fluxcost.performance.transfer.transferred import Transferred, transfer


def validate_against(
    calibration: Calibration,
    other: Calibration,
    *,
    architecture: Architecture | None = None,
) -> ValidationReport:
    """Predict every cell of another record: another machine, driver, stack, GPU, model or day.

    To a record of another GPU or model the fit is transferred, with the launches a second that the
    other record's runs show.

    Args:
        calibration: Whose fit is asked.
        other: Whose cells, with samples, it is asked for.
        architecture: The model of the calibration, where it is not one that ships.

    Raises:
        InputError: The two share cells.
        MissingDataError: The other has no cells with samples, all of them were refused, or a GPU
            has no datasheet rates.
        UnknownNameError: The other's model does not ship.
    """
    cells = cells_to_predict(calibration, other)
    scores = Scores()
    same_run = len(_runs(calibration) | _runs(other)) == 1
    fitted = fit(calibration, architecture=architecture, same_run=same_run)
    scores.add(_asked(fitted, other), cells)
    return scores.report(calibration, against=describe(calibration, other), same_run=same_run)


def _asked(fitted: Fit, other: Calibration) -> Fit | Transferred:
    calibration = fitted.calibration
    if (calibration.model, calibration.gpu.key) == (other.model, other.gpu.key):
        return fitted
    return transfer(
        fitted,
        gpu=other.gpu.key,
        model=None if calibration.model == other.model else other.model,
        launches_per_s=launch_rate(other),
    )


def cells_to_predict(calibration: Calibration, other: Calibration) -> tuple[Cell, ...]:
    """Return the cells of another record that have times, one GPU, text to image.

    Raises:
        InputError: The calibration holds some of them.
        MissingDataError: There are none.
    """
    cells = _timed_cells(other)
    if not cells:
        raise MissingDataError(
            f"{other.alias}: no cell has samples to score a fit on; give a measured record."
        )
    known = {_fingerprint(cell) for cell in _timed_cells(calibration)}
    shared = sum(_fingerprint(cell) in known for cell in cells)
    if shared:
        raise InputError(
            f"{shared} of {len(cells)} cells of {other.alias} are in {calibration.alias} too; "
            "expected none, since a fit knows its own: choose a record of other runs."
        )
    return cells


def _timed_cells(calibration: Calibration) -> tuple[Cell, ...]:
    """Return the cells whose calls were timed, stages or not: one GPU, text to image."""
    return tuple(
        cell
        for cell in calibration.ok_cells
        if cell.calls_s and cell.gpus == 1 and not cell.reference_images
    )


def _fingerprint(cell: Cell) -> tuple[str, tuple[float, ...]]:
    """Return what no two measurements have in common: clocks tick in nanoseconds."""
    return cell.label, cell.calls_s


def describe(calibration: Calibration, other: Calibration) -> Against:
    """Return what two records have in common and what not."""
    here, there = conditions(calibration), conditions(other)
    rows = [
        ("model", calibration.model, other.model),
        ("stack", _stack(calibration), _stack(other)),
    ]
    rows += [(name, here[name], there[name]) for name in CONDITIONS]
    known = [(name, ours, theirs) for name, ours, theirs in rows if ours and theirs]
    return Against(
        calibration=other.alias,
        content_hash=other.content_hash,
        differences=tuple(
            Difference(name=name, here=ours, there=theirs)
            for name, ours, theirs in known
            if ours != theirs
        ),
        alike=tuple(name for name, ours, theirs in known if ours == theirs),
        unknown=tuple(name for name, ours, theirs in rows if not (ours and theirs)),
    )


def _runs(calibration: Calibration) -> set[str]:
    return {cell.run for cell in _timed_cells(calibration)}


def _stack(calibration: Calibration) -> str:
    return f"{calibration.stack.alias} ({calibration.stack.hash})"
