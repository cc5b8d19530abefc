"""Where memory runs out: the largest batch that ran on a GPU, beside what a fit said would fit."""

from __future__ import annotations

from pydantic import Field

from fluxcost.errors import InfeasibleError
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.performance.measured.memory_edge import MemoryEdge
from fluxcost.performance.room import MARGIN, largest_batch
from fluxcost.records import Count, Finite, Fraction, Name, NonNegative, Positive, Record
from fluxcost.workload import Shape


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
