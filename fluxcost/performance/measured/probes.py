"""What one cell was asked beside its times: do they last, overlap, depend on the weights?"""

from __future__ import annotations

from pydantic import Field

from fluxcost.performance.measured.readings import Telemetry
from fluxcost.records import Count, Name, NonNegative, Positive, Record


class Soak(Record):
    """A long run at one cell: does speed last?"""

    width: Count
    height: Count
    steps: Count
    batch: Count
    run: Name
    wall_s: tuple[Positive, ...]
    telemetry: tuple[Telemetry, ...] = ()


class Pipelined(Record):
    """Calls launched without a pause, host work of one behind the device work of the next."""

    width: Count
    height: Count
    steps: Count
    batch: Count
    run: Name
    done_s: tuple[Positive, ...] = Field(
        min_length=2, description="When each call's pictures were in host memory, from the start."
    )
    telemetry: tuple[Telemetry, ...] = ()

    @property
    def images_per_s(self) -> float:
        """Images a second between the first call's end and the last's."""
        return self.batch * (len(self.done_s) - 1) / (self.done_s[-1] - self.done_s[0])


class WeightScale(Record):
    """The same cell timed with synthetic weights of another scale."""

    width: Count
    height: Count
    steps: Count
    batch: Count
    run: Name
    scale: NonNegative = Field(description="1 is a checkpoint's scale, 0 all zeros.")
    wall_s: tuple[Positive, ...]
