"""What serves the requests: replicas of one stack, how they batch, and whether they come and go."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from fluxcost.records import Name, NonNegative, Positive, Record

MOST_REPLICAS = 4096

Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS, strict=True)]


class Batching(Record):
    """Dynamic batching: images of one shape and priority that wait together are made together.

    A free replica takes what waits, up to `max_batch`; with a `max_wait_s` it first waits that long
    for more. A largest batch of 1 is no batching.
    """

    max_batch: Annotated[int, Field(ge=1, le=256, strict=True)] = 1
    max_wait_s: NonNegative = Field(
        default=0.0, description="Longest a request is held back for company, seconds."
    )

    def __str__(self) -> str:
        if self.max_batch == 1:
            return "no batching"
        held = f" or {self.max_wait_s:g} s" if self.max_wait_s else ""
        return f"batches up to {self.max_batch}{held}"


class Scaling(Record):
    """Replicas started when images queue up and stopped when idle; `replicas` is the most."""

    least: Replicas = Field(default=1, description="Replicas always kept.")
    cold_start_s: NonNegative = Field(description="From asking for a replica until it serves.")
    idle_timeout_s: Positive = Field(description="Idle this long, a replica is stopped.")
    waiting_per_replica: Positive = Field(
        default=1.0, description="Images waiting per replica above which one more is started."
    )


class Fleet(Record):
    """Replicas of one calibration's stack, each on one GPU."""

    calibration: Name = Field(description="What load_calibration takes.")
    replicas: Replicas
    batching: Batching = Batching()
    queue_limit: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        default=None, description="Images that may wait; requests past it are turned away."
    )
    scaling: Scaling | None = None

    @model_validator(mode="after")
    def _least_is_less(self) -> Self:
        if self.scaling is not None and self.scaling.least > self.replicas:
            raise ValueError(f"scaling.least of at most replicas, which is {self.replicas}")
        return self
