"""Where the time of a call goes, how near it is to its floor, and how it grows with image size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.estimate import LEVEL, Estimate, UntrustworthyError, derive
from fluxcost.performance.fit import Fit
from fluxcost.performance.fit_parts import StageName
from fluxcost.performance.roofline import Floor
from fluxcost.workload.shape import MULTIPLE_PX, Shape


@dataclass(frozen=True, eq=False)
class StagePart:
    """One stage of a call.

    Attributes:
        stage: text_encode, denoise (all steps), vae_decode or host.
        seconds: Its median.
        floor_s: The least its arithmetic and bytes take; None for host work, which has no floor.
    """

    stage: StageName
    seconds: Estimate
    floor_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the stage as plain values."""
        return {"stage": self.stage, "seconds": self.seconds.to_dict(), "floor_s": self.floor_s}


@dataclass(frozen=True, eq=False)
class Breakdown:
    """A call stage by stage beside its floor.

    Attributes:
        shape: What is asked.
        batch: Images a call.
        latency: Seconds of the whole call; medians of stages need not add up to it.
        stages: In the order they run, host work last.
        floor: The least seconds of each stage.
        floor_share: The floor of the whole call over its latency; 1 leaves nothing to gain.
    """

    shape: Shape
    batch: int
    latency: Estimate
    stages: tuple[StagePart, ...]
    floor: Floor
    floor_share: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the breakdown as plain values."""
        return {
            "shape": str(self.shape),
            "batch": self.batch,
            "latency": self.latency.to_dict(),
            "stages": [part.to_dict() for part in self.stages],
            "floor": self.floor.to_dict(),
            "floor_share": self.floor_share.to_dict(),
        }


def breakdown(fit: Fit, shape: Shape, batch: int = 1) -> Breakdown:
    """Return where the time of a call goes, stage by stage.

    The floor is at the ceilings the runs reached bare, or at the datasheet's rates where the
    calibration holds no ceilings; its basis says which.

    Args:
        fit: Timings with stages; a published table has none.
        shape: What is asked.
        batch: Images a call.

    Raises:
        FluxcostError: As `Fit.latency` and `Fit.floor` raise.
    """
    latency = fit.latency(shape, batch)
    stages = fit.stages(shape, batch)
    floor = _floor(fit, shape, batch)
    least: dict[StageName, float] = {
        "text_encode": floor.text_encode_s,
        "denoise": shape.steps * floor.denoise_step_s,
        "vae_decode": floor.vae_decode_s,
    }
    return Breakdown(
        shape=shape,
        batch=batch,
        latency=latency,
        stages=tuple(
            StagePart(stage, seconds, least.get(stage)) for stage, seconds in stages.items()
        ),
        floor=floor,
        floor_share=derive(lambda seconds: floor.total_s / seconds, latency, unit="1"),
    )


def _floor(fit: Fit, shape: Shape, batch: int) -> Floor:
    try:
        return fit.floor(shape, batch, "ceilings")
    except MissingDataError:
        return fit.floor(shape, batch, "peak")


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
