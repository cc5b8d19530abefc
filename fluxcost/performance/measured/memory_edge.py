"""The largest batch that fits, found by trying."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from fluxcost.performance.measured.cell import Cell
from fluxcost.records import Count, Name, Record


class MemoryEdge(Record):
    """The largest batch of a size that ran on the GPU, found by trying: one call a trial.

    Trials are of one step, since a call's peak does not depend on how many there are.
    """

    width: Count
    height: Count
    steps: Count
    run: Name
    trials: tuple[Cell, ...] = Field(
        min_length=1, description="In the order tried; one sample each where it ran."
    )

    @model_validator(mode="after")
    def _has_an_edge(self) -> Self:
        if any(trial.status == "ok" and trial.batch > self.largest for trial in self.trials):
            raise ValueError("no batch that ran above one that did not")
        return self

    @property
    def largest(self) -> int:
        """Largest batch below all that did not run; 0 where not one image did."""
        failed = [trial.batch for trial in self.trials if trial.status != "ok"]
        below = [
            trial.batch
            for trial in self.trials
            if trial.status == "ok" and trial.batch < min(failed, default=trial.batch + 1)
        ]
        return max(below, default=0)

    @property
    def smallest_refused(self) -> int | None:
        """Smallest batch that did not run; None where every trial did."""
        return min((trial.batch for trial in self.trials if trial.status != "ok"), default=None)
