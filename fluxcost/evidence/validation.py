"""Is the fit true? Cells left out of it, predicted from the rest, and compared."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, InputError, MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.evidence.folds import HeldOut, folds, sampled_runs
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration import Calibration, Cell
from fluxcost.performance.fit import fit
from fluxcost.records import Count, Finite, Fraction, Name, NonNegative, Positive, Record


class CellError(Record):
    """One cell as the others predict it."""

    cell: Name = Field(description="Shape and batch.")
    measured_s: Positive
    predicted_s: Positive
    low_s: NonNegative
    high_s: Positive
    source: Name = Field(description="Interpolated or extrapolated.")
    relative_error: Finite = Field(description="Predicted over measured, less 1.")
    covered: bool = Field(description="Whether the 90 % interval holds the measured time.")


class Refusal(Record):
    """One cell the others refuse to predict, with the reason."""

    cell: Name
    reason: str


class ValidationReport(Record):
    """How well a calibration's fit predicts what it has not seen.

    Errors are relative to the measured time, over cells; every cell counts once.
    """

    calibration: Name
    content_hash: Name
    held_out: HeldOut = Field(description="What was left out in turn.")
    folds: Count = Field(description="How many times something was left out.")
    cells: tuple[CellError, ...]
    refusals: tuple[Refusal, ...] = ()
    median_error: NonNegative = Field(description="Median of the absolute relative errors.")
    p95_error: NonNegative = Field(description="95th percentile of them.")
    bias: Finite = Field(description="Mean relative error; positive when predictions are slow.")
    coverage: Fraction = Field(description="Share of cells inside their 90 % interval.")
    median_half_width: NonNegative = Field(description="Relative, median over cells.")


def validate(
    calibration: Calibration,
    *,
    held_out: HeldOut | str = HeldOut.GROUP,
    architecture: Architecture | None = None,
) -> ValidationReport:
    """Leave something out in turn, refit, and predict it.

    Args:
        calibration: With samples; published tables have nothing to leave out.
        held_out: "group" (a width, height and batch, of every run), "group-in-run" (the same
            within each run alone) or "run" (a whole run, as another machine would be).
        architecture: The model, where it is not one that ships.

    Raises:
        InputError: held_out is none of these.
        MissingDataError: Fewer than 3 groups of cells have samples, or fewer than 2 runs for "run".
    """
    chosen = _chosen(held_out)
    errors: list[CellError] = []
    refusals: list[Refusal] = []
    parts = folds(calibration, chosen)
    for fold in parts:
        others = fit(fold.rest, architecture=architecture)
        for cell in fold.cells:
            try:
                errors.append(_compare(cell, others.latency(cell.shape, cell.batch)))
            except FluxcostError as error:
                refusals.append(Refusal(cell=cell.label, reason=str(error)))
    return _summarize(calibration, chosen, len(parts), errors, refusals)


def validate_all(calibration: Calibration) -> tuple[ValidationReport, ...]:
    """Return every report the calibration has the runs for.

    Raises:
        MissingDataError: Fewer than 3 groups of cells have samples.
    """
    several = len(sampled_runs(calibration)) > 1
    ways = tuple(HeldOut) if several else (HeldOut.GROUP,)
    return tuple(validate(calibration, held_out=way) for way in ways)


def _chosen(held_out: HeldOut | str) -> HeldOut:
    try:
        return HeldOut(held_out)
    except ValueError:
        raise InputError(
            f"held_out is {held_out!r}; expected one of {', '.join(HeldOut)}."
        ) from None


def _compare(cell: Cell, predicted: Estimate) -> CellError:
    assert cell.samples is not None  # noqa: S101 - fitted cells have samples
    measured = float(np.median(cell.samples.wall_s))
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


def _summarize(
    calibration: Calibration,
    held_out: HeldOut,
    parts: int,
    errors: list[CellError],
    refusals: list[Refusal],
) -> ValidationReport:
    if not errors:
        raise MissingDataError(
            f"{calibration.alias}: every cell left out was refused, the first since "
            f"{refusals[0].reason}"
        )
    relative = np.array([error.relative_error for error in errors])
    widths = [(error.high_s - error.low_s) / 2 / error.predicted_s for error in errors]
    return ValidationReport(
        calibration=calibration.alias,
        content_hash=calibration.content_hash,
        held_out=held_out,
        folds=parts,
        cells=tuple(errors),
        refusals=tuple(refusals),
        median_error=float(np.median(np.abs(relative))),
        p95_error=float(np.quantile(np.abs(relative), 0.95)),
        bias=float(np.mean(relative)),
        coverage=float(np.mean([error.covered for error in errors])),
        median_half_width=float(np.median(widths)),
    )
