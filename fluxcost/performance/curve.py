"""Latency over image size, with the calls that were measured: how a fit looks on a chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.errors import InfeasibleError, MissingDataError, UntrustworthyError
from fluxcost.estimate import LEVEL, Estimate
from fluxcost.performance.fit import Fit
from fluxcost.shape import MULTIPLE_PX, Shape

SIDES = 24
"""Square sizes asked, evenly spaced in the logarithm of the side."""


@dataclass(frozen=True, eq=False)
class SizePoint:
    """The fit's answer at one square size.

    Attributes:
        shape: A square.
        latency: Seconds of a call.
    """

    shape: Shape
    latency: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain values."""
        return {
            "width": self.shape.width,
            "height": self.shape.height,
            "pixels": self.shape.pixels,
            "latency": self.latency.to_dict(),
        }


@dataclass(frozen=True)
class MeasuredPoint:
    """The calls of one cell.

    Attributes:
        shape: What was asked.
        run: Id of the launch of the measuring program.
        calls: How many.
        median_s: Their median.
        low_s: Below it lie 5 % of them.
        high_s: Above it lie 5 % of them.
    """

    shape: Shape
    run: str
    calls: int
    median_s: float
    low_s: float
    high_s: float

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain values."""
        return {
            "width": self.shape.width,
            "height": self.shape.height,
            "pixels": self.shape.pixels,
            "run": self.run,
            "calls": self.calls,
            "median_s": self.median_s,
            "low_s": self.low_s,
            "high_s": self.high_s,
        }


@dataclass(frozen=True, eq=False)
class SizeCurve:
    """Latency over size at one number of steps and one batch.

    Attributes:
        steps: Denoising steps.
        batch: Images a call.
        points: The fit's answers, size rising; sizes it refuses are left out.
        measured: The cells with these steps and this batch, of any aspect.
    """

    steps: int
    batch: int
    points: tuple[SizePoint, ...]
    measured: tuple[MeasuredPoint, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as plain values."""
        return {
            "steps": self.steps,
            "batch": self.batch,
            "points": [point.to_dict() for point in self.points],
            "measured": [point.to_dict() for point in self.measured],
        }


def size_curve(fit: Fit, *, steps: int, batch: int = 1) -> SizeCurve:
    """Return the latency of square images over the range of sizes a calibration measured.

    Args:
        fit: Timings.
        steps: Denoising steps.
        batch: Images a call.

    Raises:
        InputError: steps or batch is out of range.
        MissingDataError: Neither the fit nor a cell answers at these steps and this batch.
    """
    cells = fit.calibration.ok_cells
    sides = [float(np.sqrt(cell.shape.pixels)) for cell in cells]
    asked = np.geomspace(min(sides), max(sides), SIDES)
    # Measured squares are on the curve, so that it passes where the points are.
    own = {cell.width for cell in cells if cell.width == cell.height}
    rounded = {max(1, round(float(side) / MULTIPLE_PX)) * MULTIPLE_PX for side in asked}
    points = []
    for side in sorted(rounded | own):
        shape = Shape(side, side, steps)
        try:
            points.append(SizePoint(shape, fit.latency(shape, batch)))
        except (InfeasibleError, MissingDataError, UntrustworthyError):
            continue
    measured = tuple(
        _measured(cell.shape, cell.run, np.array(cell.calls_s))
        for cell in cells
        if (cell.steps, cell.batch, cell.gpus) == (steps, batch, 1) and cell.calls_s
    )
    if not points and not measured:
        raise MissingDataError(
            f"{fit.calibration.alias}: nothing answers at {steps} steps and batch {batch}; choose "
            "steps and a batch nearer to what was measured."
        )
    return SizeCurve(steps, batch, tuple(points), measured)


def _measured(shape: Shape, run: str, calls: np.typing.NDArray[np.float64]) -> MeasuredPoint:
    low, median, high = np.quantile(calls, ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2))
    return MeasuredPoint(shape, run, calls.size, float(median), float(low), float(high))
