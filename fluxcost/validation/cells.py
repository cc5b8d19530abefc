"""Cells against their predictions: errors, coverage and refusals.

Where the other record is of another GPU or model, what is scored is the transfer to it. Cells
recorded as held out are seen by no fit: what is left out in turn chose the formulas, these did
not. Cells of a run that the calibration knows are asked of its answers for that run and show the
formulas alone; asked of a fit without that run they show the between-run effects too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, InputError, MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.conditions import CONDITIONS, conditions
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.transfer.transfer_target import launch_rate
from fluxcost.performance.transfer.transferred import Transferred, transfer
from fluxcost.records import Count, Finite, Fraction, Name, NonNegative, Positive, Record
from fluxcost.validation.folds import HeldOut


class CellError(Record):
    """One cell as the others predict it."""

    cell: Name = Field(description="Shape and batch.")
    measured_s: Positive
    predicted_s: Positive
    low_s: NonNegative
    high_s: Positive
    source: Name = Field(description="Of the prediction, such as interpolated or transferred.")
    relative_error: Finite = Field(description="Predicted over measured, less 1.")
    covered: bool = Field(description="Whether the 90 % interval holds the measured time.")


class Refusal(Record):
    """One cell the others refuse to predict, with the reason."""

    cell: Name
    reason: str


class ConditionDifference(Record):
    """One thing that two records do not have in common."""

    name: Name
    here: Name = Field(description="In the record whose fit was asked.")
    there: Name = Field(description="In the record whose cells were predicted.")


class OtherRecord(Record):
    """The record whose cells were predicted, and how its environment differs."""

    calibration: Name
    content_hash: Name
    differences: tuple[ConditionDifference, ...] = ()
    alike: tuple[Name, ...] = Field(default=(), description="What is the same in both.")
    unknown: tuple[Name, ...] = Field(default=(), description="What one of them does not record.")


class ValidationReport(Record):
    """How well a calibration's fit predicts what it has not seen.

    Errors are relative to the measured time, over cells; every cell counts once.
    """

    calibration: Name
    content_hash: Name
    held_out: HeldOut | None = Field(
        default=None, description="What was left out in turn; None against another record."
    )
    against: OtherRecord | None = Field(
        default=None, description="Whose cells were predicted, where they are another record's."
    )
    folds: Count = Field(description="How many fits were asked, each for what it does not know.")
    same_run: bool = Field(
        default=False,
        description="Whether other cells of the same runs are in the fits, so that the "
        "intervals leave out what another run, machine or set of weights would add.",
    )
    cells: tuple[CellError, ...]
    refusals: tuple[Refusal, ...] = ()
    median_error: NonNegative = Field(description="Median of the absolute relative errors.")
    p95_error: NonNegative = Field(description="95th percentile of them.")
    bias: Finite = Field(description="Mean relative error; positive when predictions are slow.")
    coverage: Fraction = Field(description="Share of cells inside their 90 % interval.")
    median_half_width: NonNegative = Field(description="Relative, median over cells.")


class CellScores:
    """Cells against their predictions, gathered fit by fit."""

    def __init__(self) -> None:
        self.errors: list[CellError] = []
        self.refusals: list[Refusal] = []

    @property
    def asked(self) -> bool:
        """Whether any fit was asked for any cell."""
        return bool(self.errors or self.refusals)

    def add(
        self, fitted: Fit | Transferred, cells: Sequence[Cell], *, users: Fit | None = None
    ) -> None:
        """Ask a fit for cells it does not know, and keep the errors and the refusals.

        Args:
            fitted: Whose answers are compared.
            cells: Asked for.
            users: What users ask, where `fitted` answers for the run that timed the cells: its
                refusals count.
        """
        for cell in cells:
            try:
                if users is not None:
                    users.latency(cell.shape, cell.batch)
                self.errors.append(_compare(cell, fitted.latency(cell.shape, cell.batch)))
            except FluxcostError as error:
                self.refusals.append(Refusal(cell=cell.label, reason=str(error)))

    def report(
        self,
        calibration: Calibration,
        *,
        held_out: HeldOut | None = None,
        against: OtherRecord | None = None,
        folds: int = 1,
        same_run: bool = False,
    ) -> ValidationReport:
        """Sum up.

        Args:
            calibration: Whose fit was asked.
            held_out: What was left out in turn, or
            against: whose cells they are instead.
            folds: How many fits were asked.
            same_run: Whether other cells of the same runs are in the fits.

        Raises:
            MissingDataError: Every cell was refused.
        """
        if not self.errors:
            raise MissingDataError(
                f"{calibration.alias}: every cell asked for was refused, the first since "
                f"{self.refusals[0].reason}"
            )
        relative = np.array([error.relative_error for error in self.errors])
        widths = [(error.high_s - error.low_s) / 2 / error.predicted_s for error in self.errors]
        return ValidationReport(
            calibration=calibration.alias,
            content_hash=calibration.content_hash,
            held_out=held_out,
            against=against,
            folds=folds,
            same_run=same_run,
            cells=tuple(self.errors),
            refusals=tuple(self.refusals),
            median_error=float(np.median(np.abs(relative))),
            p95_error=float(np.quantile(np.abs(relative), 0.95)),
            bias=float(np.mean(relative)),
            coverage=float(np.mean([error.covered for error in self.errors])),
            median_half_width=float(np.median(widths)),
        )


def _compare(cell: Cell, predicted: Estimate) -> CellError:
    measured = float(np.median(cell.calls_s))
    return CellError(
        cell=cell.label,
        measured_s=measured,
        predicted_s=predicted.value,
        low_s=predicted.low,
        high_s=predicted.high,
        source=str(predicted.source),
        relative_error=predicted.value / measured - 1,
        covered=predicted.low <= measured <= predicted.high,
    )


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
    scores = CellScores()
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


def describe(calibration: Calibration, other: Calibration) -> OtherRecord:
    """Return what two records have in common and what not."""
    here, there = conditions(calibration), conditions(other)
    rows = [
        ("model", calibration.model, other.model),
        ("stack", _stack(calibration), _stack(other)),
    ]
    rows += [(name, here[name], there[name]) for name in CONDITIONS]
    known = [(name, ours, theirs) for name, ours, theirs in rows if ours and theirs]
    return OtherRecord(
        calibration=other.alias,
        content_hash=other.content_hash,
        differences=tuple(
            ConditionDifference(name=name, here=ours, there=theirs)
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
