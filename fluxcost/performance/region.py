"""Where a calibration may be asked: inside what was measured, around it, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.estimate import Estimate, Source, UntrustworthyError
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.call_time import REACH
from fluxcost.workload.shape import Shape

WIDEST_HALF_WIDTH = 0.25
"""Relative half-width of the interval past which an answer is refused as untrustworthy."""


class Region:
    """The ranges of pixels, tokens x batch and steps that the fitted cells span.

    Raises:
        MissingDataError: The calibration has no cell to fit: published tables answer only at the
            cells they print.
    """

    def __init__(
        self,
        calibration: Calibration,
        cells: Sequence[Cell],
        architecture: Architecture,
        edits: Sequence[Cell] = (),
    ) -> None:
        self._calibration = calibration
        self._architecture = architecture
        self.cells = cells
        self._most_references = max((cell.reference_images for cell in edits), default=0)
        self._pixels = _range([cell.shape.pixels for cell in cells])
        self._work = _range([self.work(cell.shape, cell.batch) for cell in (*cells, *edits)])
        self._steps = _range([cell.steps for cell in cells])

    def work(self, shape: Shape, batch: int) -> int:
        """Return tokens times batch."""
        return self._architecture.tokens(shape) * batch

    def most_batch(self, shape: Shape) -> int:
        """Return the largest batch within the measured tokens x batch, at least 1."""
        return max(1, self._work[1] // self._architecture.tokens(shape))

    def farthest_batch(self, shape: Shape) -> int:
        """Return the largest batch answered at all, 0 where not even one image is."""
        return REACH * self._work[1] // self._architecture.tokens(shape)

    def fewest_out_of_memory(self, shape: Shape) -> int | None:
        """Return the least batch at which a call that asks no more ran out of memory."""
        found = [
            cell.batch
            for cell in self._calibration.cells
            if cell.status == "out_of_memory"
            and cell.gpus == 1
            and cell.shape.pixels <= shape.pixels
        ]
        return min(found, default=None)

    def require(self, shape: Shape, batch: int) -> Source:
        """Return interpolated or extrapolated.

        Raises:
            MissingDataError: Reference images where none were measured, or beyond twice the
                measured tokens x batch.
            InfeasibleError: A call that asks no more ran out of memory when measured.
        """
        if not shape.reference_images:
            self._refuse_out_of_memory(shape, batch)
        self.require_within_reach(shape, batch)
        work = self.work(shape, batch)
        inside = (
            _within(self._pixels, shape.pixels)
            and _within(self._work, work)
            and _within(self._steps, shape.steps)
            and shape.reference_images <= self._most_references
        )
        return Source.INTERPOLATED if inside else Source.EXTRAPOLATED

    def require_within_reach(self, shape: Shape, batch: int) -> None:
        """Raise MissingDataError past twice the measured tokens x batch, or for unknown edits."""
        alias = self._calibration.alias
        if shape.reference_images and not self._most_references:
            raise MissingDataError(
                f"{alias}: reference_images is {shape.reference_images} but only text to image "
                "was measured; measure such a cell first."
            )
        work = self.work(shape, batch)
        if work > REACH * self._work[1]:
            raise MissingDataError(
                f"{alias}: {shape}, batch {batch} is {work} tokens x batch; expected at most "
                f"{REACH * self._work[1]}, twice what was measured; measure a larger cell first."
            )

    def _refuse_out_of_memory(self, shape: Shape, batch: int) -> None:
        for cell in self._calibration.cells:
            asks_less = cell.shape.pixels <= shape.pixels and cell.batch <= batch
            if cell.status == "out_of_memory" and cell.gpus == 1 and asks_less:
                raise InfeasibleError(
                    f"{self._calibration.alias}: {shape}, batch {batch} does not fit in memory: "
                    f"{cell.label} ran out of it when measured; use a smaller batch."
                )


def _range(values: list[int]) -> tuple[int, int]:
    return min(values), max(values)


def _within(bounds: tuple[int, int], value: int) -> bool:
    return bounds[0] <= value <= bounds[1]


def trusted(estimate: Estimate, shape: Shape, batch: int) -> Estimate:
    """Return the estimate, or raise UntrustworthyError that carries it."""
    if estimate.relative_half_width > WIDEST_HALF_WIDTH:
        raise UntrustworthyError(
            f"{shape}, batch {batch}: the interval is {estimate.relative_half_width:.0%} of the "
            f"value to either side; expected at most {WIDEST_HALF_WIDTH:.0%}; "
            "measure nearer cells.",
            estimate,
        )
    return estimate


SAME_RATE = 0.995
"""Share of the highest throughput that counts as reaching it: past saturation rates differ by
noise, and a larger batch only makes callers wait."""


def saturating_batch(batches: Iterable[int], occupancy: Callable[[int], Estimate]) -> int | None:
    """Return the smallest batch that reaches the highest rate; None where none can be answered.

    Args:
        batches: Those to choose from; what does not fit or cannot be trusted is passed over.
        occupancy: Seconds a call of a batch keeps the GPU.
    """
    rates: dict[int, float] = {}
    for batch in batches:
        try:
            rates[batch] = batch / occupancy(batch).value
        except (InfeasibleError, UntrustworthyError):
            continue
    enough = SAME_RATE * max(rates.values(), default=0.0)
    return min((batch for batch, rate in rates.items() if rate >= enough), default=None)
