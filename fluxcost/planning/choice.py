"""A model and step count whose pictures a record says are good enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fluxcost.estimate import Estimate
from fluxcost.performance.quality.metrics import Metric


@dataclass(frozen=True, eq=False)
class Choice:
    """What a quality floor lets through.

    Attributes:
        model: Name of the model.
        steps: Denoising steps; None for an API whose steps nobody states.
        metric: What was scored.
        value: The score.
        judge: Whose it is.
    """

    model: str
    steps: int | None
    metric: Metric
    value: Estimate
    judge: str

    def __str__(self) -> str:
        return self.model if self.steps is None else f"{self.model} at {self.steps} steps"

    def to_dict(self) -> dict[str, Any]:
        """Return the choice as plain values."""
        return {
            "model": self.model,
            "steps": self.steps,
            "metric": str(self.metric),
            "value": self.value.to_dict(),
            "judge": self.judge,
        }
