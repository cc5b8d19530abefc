"""Peak memory, energy and the largest batch that runs: predicted without the cells and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, InfeasibleError, MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration.extra_measurements import MemoryEdge
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.performance.headroom import MARGIN, largest_batch
from fluxcost.records import Count, Finite, Fraction, Name, NonNegative, Positive, Record
from fluxcost.validation.folds import Fold, HeldOut
from fluxcost.workload.shape import Shape


class PeakError(Record):
    """The peak of one batch that ran, as the fit predicts it."""

    batch: Count
    measured_gib: Positive
    predicted_gib: Positive
    relative_error: Finite = Field(description="Predicted over measured, less 1.")


class EdgeReport(Record):
    """The largest batch of one size: as tried on the GPU, and as a fit that saw no trial says."""

    size: Name = Field(description="Width x height.")
    ran: int = Field(ge=0, description="Largest batch that ran.")
    refused: Count | None = Field(description="Smallest that did not; None where all tried ran.")
    reason: Name | None = Field(description="Why: 'out_of_memory', or 'failed' of another cause.")
    predicted: int = Field(ge=0, description="Largest batch that the fit says runs.")
    answered: int = Field(ge=0, description="What `largest_batch` says, its margin left free.")
    margin: Fraction = Field(description="Share of the memory that answer leaves free.")
    limited_by: Name = Field(description="What keeps the answer from being larger.")
    answer_ran: bool = Field(description="Whether a batch as large as the answer ran.")
    peaks: tuple[PeakError, ...] = ()
    worst_peak_error: NonNegative | None = Field(
        default=None, description="Largest absolute relative error of the peaks."
    )


def edge_report(fitted: Fit, edge: MemoryEdge, others: Calibration) -> EdgeReport:
    """Compare an edge that was found by trying with what a fit says.

    Args:
        fitted: Of a calibration with memory readings.
        edge: Found on a GPU of the same kind.
        others: The record the edge is of, whose GPU it was.

    Raises:
        MissingDataError: The calibration has no memory readings, or an image of this size is past
            its reach.
    """
    shape = Shape(edge.width, edge.height, edge.steps)
    answered, limited_by = _answer(fitted, shape)
    read = zip(edge.trials, fitted.peak.read(edge.trials), strict=True)
    peaks = tuple(
        PeakError(
            batch=trial.batch,
            measured_gib=measured_gib,
            predicted_gib=(predicted_gib := fitted.peak.gib(shape.pixels, trial.batch)),
            relative_error=predicted_gib / measured_gib - 1,
        )
        for trial, measured_gib in read
        if measured_gib is not None
    )
    refused = edge.smallest_refused
    reason = next((trial.status for trial in edge.trials if trial.batch == refused), None)
    return EdgeReport(
        size=f"{edge.width}x{edge.height}",
        ran=edge.largest,
        refused=refused,
        reason=reason,
        predicted=fitted.peak.fits(shape.pixels, others.gpu.memory_gib),
        answered=answered,
        margin=MARGIN,
        limited_by=limited_by,
        answer_ran=answered <= edge.largest,
        peaks=peaks,
        worst_peak_error=max((abs(peak.relative_error) for peak in peaks), default=None),
    )


def _answer(fitted: Fit, shape: Shape) -> tuple[int, str]:
    try:
        room = largest_batch(fitted, shape)
    except InfeasibleError:
        return 0, "memory"
    return room.batch, room.limited_by


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
