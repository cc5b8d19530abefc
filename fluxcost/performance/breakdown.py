"""Where the time of a call goes, and how near it is to the least it could take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fluxcost.errors import MissingDataError
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.fit import Fit
from fluxcost.performance.floor import Floor
from fluxcost.performance.stages import StageName
from fluxcost.shape import Shape


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
