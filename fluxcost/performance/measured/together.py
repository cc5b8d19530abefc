"""GPUs that make one image together, and how they reach each other."""

from __future__ import annotations

from pydantic import Field

from fluxcost.records import Count, Name, NonNegative, Positive, Record
from fluxcost.workload import Shape


class Link(Record):
    """How two GPUs of a host reach each other."""

    run: Name
    source: int = Field(ge=0, description="Index of the GPU copied from.")
    target: int = Field(ge=0, description="Index of the GPU copied to.")
    peer_access: bool = Field(description="Whether one may read the other's memory directly.")
    nvlink: bool | None = Field(default=None, description="None where the driver does not say.")
    gb_per_s: Positive = Field(description="Bytes copied one way per second.")


class SplitImage(Record):
    """One image made by several GPUs together, timed beside one of them alone."""

    run: Name
    width: Count
    height: Count
    steps: Count
    batch: Count
    gpus: Count
    method: Name = Field(description="How attention is split, such as 'ulysses'.")
    wall_s: tuple[Positive, ...] = Field(min_length=1, description="All GPUs on one image.")
    alone_s: tuple[Positive, ...] = Field(min_length=1, description="One GPU, the others idle.")
    difference: NonNegative = Field(
        description="Norm of the pictures' difference over the deviation of the lone one's."
    )

    @property
    def shape(self) -> Shape:
        """The shape measured."""
        return Shape(self.width, self.height, self.steps)
