"""Are memory and energy true? Cells left out of the fit, predicted from the rest, and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.evidence.folds import Fold, HeldOut
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.performance.measured.cell import Cell
from fluxcost.records import Count, Finite, Fraction, Name, NonNegative, Positive, Record

Quantity = Literal["memory", "energy"]

QUANTITIES: tuple[Quantity, ...] = ("memory", "energy")


class ResourceError(Record):
    """One cell's memory or energy as the others predict it, in the report's unit."""

    cell: Name
    measured: Positive
    predicted: Positive
    low: NonNegative
    high: Positive
    relative_error: Finite = Field(description="Predicted over measured, less 1.")
    covered: bool


class ResourceReport(Record):
    """How well a calibration's fit predicts peak memory (GiB) or energy of an image (J)."""

    calibration: Name
    content_hash: Name
    quantity: Quantity
    unit: Literal["GiB", "J"]
    held_out: HeldOut
    folds: Count
    cells: tuple[ResourceError, ...] = Field(min_length=1)
    refused: int = Field(ge=0, description="Cells the fit refuses to predict.")
    median_error: NonNegative
    p95_error: NonNegative
    max_error: NonNegative
    bias: Finite
    coverage: Fraction


def resource_report(
    measured: Fit, quantity: Quantity, held_out: HeldOut, parts: Sequence[Fold]
) -> ResourceReport:
    """Sum up the errors of one quantity over folds.

    Args:
        measured: The fit that knows every cell.
        quantity: "memory" or "energy".
        held_out: What the folds leave out.
        parts: The folds.

    Raises:
        MissingDataError: The calibration does not record the quantity, or every cell was refused.
    """
    ask, truth, unit = _ASK[quantity]
    errors: list[ResourceError] = []
    refused = 0
    for fold in parts:
        for cell in fold.cells:
            known = truth(measured, cell)
            if known is None:
                continue
            try:
                errors.append(_compare(cell, known, ask(fold.fit, cell)))
            except FluxcostError:
                refused += 1
    calibration = measured.calibration
    if not errors:
        raise MissingDataError(
            f"{calibration.alias}: no cell left out has its {quantity} predicted."
        )
    return _summed_up(calibration, quantity, unit, held_out, len(parts), errors, refused)


def _summed_up(
    calibration: Calibration,
    quantity: Quantity,
    unit: Literal["GiB", "J"],
    held_out: HeldOut,
    folds: int,
    errors: list[ResourceError],
    refused: int,
) -> ResourceReport:
    relative = np.array([error.relative_error for error in errors])
    return ResourceReport(
        calibration=calibration.alias,
        content_hash=calibration.content_hash,
        quantity=quantity,
        unit=unit,
        held_out=held_out,
        folds=folds,
        cells=tuple(errors),
        refused=refused,
        median_error=float(np.median(np.abs(relative))),
        p95_error=float(np.quantile(np.abs(relative), 0.95)),
        max_error=float(np.max(np.abs(relative))),
        bias=float(np.mean(relative)),
        coverage=float(np.mean([error.covered for error in errors])),
    )


def _compare(cell: Cell, known: float, predicted: Estimate) -> ResourceError:
    return ResourceError(
        cell=cell.label,
        measured=known,
        predicted=predicted.value,
        low=predicted.low,
        high=predicted.high,
        relative_error=predicted.value / known - 1,
        covered=predicted.low <= known <= predicted.high,
    )


def _peak_gib(measured: Fit, cell: Cell) -> float | None:
    return None if cell.memory is None else measured.peak.measured(cell.shape, cell.batch)


def _image_joules(_measured: Fit, cell: Cell) -> float | None:
    if cell.energy is None:
        return None
    return cell.energy.joules / cell.energy.calls / cell.batch


_ASK: dict[
    Quantity,
    tuple[
        Callable[[Fit, Cell], Estimate],
        Callable[[Fit, Cell], float | None],
        Literal["GiB", "J"],
    ],
] = {
    "memory": (lambda fitted, cell: fitted.memory(cell.shape, cell.batch), _peak_gib, "GiB"),
    "energy": (lambda fitted, cell: fitted.energy(cell.shape, cell.batch), _image_joules, "J"),
}
