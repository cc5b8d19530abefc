"""How well a fit predicts cells it has not seen: the record, and how it is summed up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.evidence.folds import HeldOut
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.transfer.transferred import Transferred
from fluxcost.records import Count, Finite, Fraction, Name, NonNegative, Positive, Record


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


class Difference(Record):
    """One thing that two records do not have in common."""

    name: Name
    here: Name = Field(description="In the record whose fit was asked.")
    there: Name = Field(description="In the record whose cells were predicted.")


class Against(Record):
    """The record whose cells were predicted, and how its environment differs."""

    calibration: Name
    content_hash: Name
    differences: tuple[Difference, ...] = ()
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
    against: Against | None = Field(
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


class Scores:
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
        against: Against | None = None,
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
