"""What a running server answered, and when."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from fluxcost.records import Count, Name, NonNegative, Positive, Record


class Load(Record):
    """Requests sent to a running server at times set beforehand, whatever it answered.

    One entry a request, in the order due; seconds since the load began. A request that is sent late
    or answered late delays no other. Its latency counts from when it was due: a server that falls
    behind cannot hide it by keeping the client from asking.
    """

    run: Name
    endpoint: Name = Field(description="Address of the server.")
    arrivals: Name = Field(description="Such as 'poisson, seed 0', or the file replayed.")
    requests_per_s: Positive = Field(description="Mean rate at which requests were due.")
    images: Count = Field(description="Images a request.")
    shapes: tuple[tuple[Count, Count, Count], ...] = Field(
        min_length=1, description="Width, height and steps of each distinct shape."
    )
    shape_of: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        min_length=1, description="Position of each request's shape in `shapes`."
    )
    due_s: tuple[NonNegative, ...]
    sent_s: tuple[NonNegative, ...]
    ended_s: tuple[NonNegative, ...] = Field(description="When the answer was whole, or given up.")
    status: tuple[Annotated[int, Field(ge=0, le=599)], ...] = Field(
        description="HTTP status; 0 where no usable answer came."
    )

    @model_validator(mode="after")
    def _one_entry_a_request(self) -> Self:
        columns = (self.shape_of, self.due_s, self.sent_s, self.ended_s, self.status)
        if len(set(map(len, columns))) != 1 or max(self.shape_of) >= len(self.shapes):
            raise ValueError("one shape, due, sent and ended time and status for every request")
        return self

    @property
    def latency_s(self) -> tuple[float, ...]:
        """Seconds from due to answered, of the requests answered with status 200."""
        rows = zip(self.due_s, self.ended_s, self.status, strict=True)
        return tuple(ended - due for due, ended, status in rows if status == 200)
