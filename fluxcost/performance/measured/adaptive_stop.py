"""Where a campaign that chose its own cells ended."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fluxcost.records import Name, NonNegative, Positive, Record


class AdaptiveStop(Record):
    """How an adaptive calibration ended: its cells are those that told most, not a grid."""

    run: Name
    target_error: Positive = Field(description="Median relative error asked for.")
    expected_error: NonNegative | None = Field(
        description="At the candidates left; None before enough is known."
    )
    stop: Literal["target", "budget", "exhausted"]
    cells: int = Field(ge=0, description="In the journal, failed ones included.")
    minutes: NonNegative = Field(description="Of timed calls, warm-up included.")
    usd_per_hour: Positive | None = Field(default=None, description="Of the machine, if stated.")

    @property
    def usd(self) -> float | None:
        """What the timed calls cost; None where no price was stated."""
        return None if self.usd_per_hour is None else self.minutes / 60 * self.usd_per_hour
