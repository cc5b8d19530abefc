"""Is the fit true? Whole groups of cells left out, predicted from the rest, and compared.

A group is one width, height and batch: leaving out single cells would let a cell of the same size
at another step count give the answer away. Errors at the edges of the measured region are
extrapolations and count like the others.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration import Calibration, Cell
from fluxcost.performance.fit import fit
from fluxcost.performance.groups import fitted_cells, groups_of
from fluxcost.records import Count, Finite, Fraction, Name, NonNegative, Positive, Record

FEWEST_GROUPS = 3
"""Fewest groups of which one can be left out and something still be said of it."""


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
    groups: Count
    cells: tuple[CellError, ...]
    refusals: tuple[Refusal, ...] = ()
    median_error: NonNegative = Field(description="Median of the absolute relative errors.")
    p95_error: NonNegative = Field(description="95th percentile of them.")
    bias: Finite = Field(description="Mean relative error; positive when predictions are slow.")
    coverage: Fraction = Field(description="Share of cells inside their 90 % interval.")
    median_half_width: NonNegative = Field(description="Relative, median over cells.")


def validate(
    calibration: Calibration, *, architecture: Architecture | None = None
) -> ValidationReport:
    """Leave every group of cells out in turn, refit, and predict it.

    Args:
        calibration: With samples; published tables have nothing to leave out.
        architecture: The model, where it is not one that ships.

    Raises:
        MissingDataError: Fewer than 3 groups of cells have samples.
    """
    groups = groups_of(fitted_cells(calibration))
    if len(groups) < FEWEST_GROUPS:
        raise MissingDataError(
            f"{calibration.alias}: {len(groups)} groups of cells have samples; expected at least "
            f"{FEWEST_GROUPS} to leave one out: measure more sizes or batches."
        )
    errors: list[CellError] = []
    refusals: list[Refusal] = []
    for group in groups:
        left_out = set(map(id, group.cells))
        rest = tuple(cell for cell in calibration.cells if id(cell) not in left_out)
        others = fit(calibration.model_copy(update={"cells": rest}), architecture=architecture)
        for cell in group.cells:
            try:
                errors.append(_compare(cell, others.latency(cell.shape, cell.batch)))
            except FluxcostError as error:
                refusals.append(Refusal(cell=cell.label, reason=str(error)))
    return _summarize(calibration, len(groups), errors, refusals)


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
    calibration: Calibration, groups: int, errors: list[CellError], refusals: list[Refusal]
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
        groups=groups,
        cells=tuple(errors),
        refusals=tuple(refusals),
        median_error=float(np.median(np.abs(relative))),
        p95_error=float(np.quantile(np.abs(relative), 0.95)),
        bias=float(np.mean(relative)),
        coverage=float(np.mean([error.covered for error in errors])),
        median_half_width=float(np.median(widths)),
    )
