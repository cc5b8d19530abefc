"""What serves the requests: replicas of one stack, how they batch, come and go, and fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fluxcost.errors import InfeasibleError
from fluxcost.records import Name, NonNegative, Positive, Record
from fluxcost.workload.workload import CompileCache

MOST_REPLICAS = 4096

Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS, strict=True)]


BatchCompatibility = Literal["shape", "tokens"]
"""What the images of a call have in common."""


class Batching(Record):
    """Dynamic batching: images of one kind and priority that wait together are made together.

    A free replica takes what waits, up to `max_batch`; with a `max_wait_s` it first waits that long
    for more. A largest batch of 1 is no batching.
    """

    max_batch: Annotated[int, Field(ge=1, le=256, strict=True)] = 1
    max_wait_s: NonNegative = Field(
        default=0.0, description="Longest a request is held back for company, seconds."
    )

    together: BatchCompatibility = Field(
        default="shape",
        description="What images of a call have in common: their shape, or only pixels, steps and "
        "reference images (`tokens`), which needs a server that packs them.",
    )

    def __str__(self) -> str:
        if self.max_batch == 1:
            return "no batching"
        held = f" or {self.max_wait_s:g} s" if self.max_wait_s else ""
        kind = " of one token count" if self.together == "tokens" else ""
        return f"batches up to {self.max_batch}{kind}{held}"


class Scaling(Record):
    """Replicas started when images queue up and stopped when idle; `replicas` is the most.

    A request that finds more than `waiting_per_replica` images waiting for each replica, those left
    out that free replicas take at once, starts one more. None stops while images wait.
    """

    least: Annotated[int, Field(ge=0, le=MOST_REPLICAS, strict=True)] = Field(
        default=1, description="Replicas always kept; 0 starts the first when someone comes."
    )
    cold_start_s: NonNegative | None = Field(
        default=None,
        description="From asking for a replica until it serves; the calibration's unless given.",
    )
    compile_cache: CompileCache = Field(
        default="empty",
        description="Where the cold start is the calibration's: what a new replica finds compiled.",
    )
    idle_timeout_s: Positive = Field(description="Idle this long, a replica is stopped.")
    waiting_per_replica: Positive = Field(
        default=1.0, description="Images waiting per replica above which one more is started."
    )


class Failures(Record):
    """Replicas that fail at random, independently, busy or idle, and come back.

    Time up is exponential. A failure cuts the call of its replica short: its images begin anew
    (`retried`), or are lost and their requests with them (`lost`).
    """

    between_failures_s: Positive = Field(description="Mean time a replica is up, seconds.")
    recovery_s: NonNegative = Field(description="From a failure until it serves again, seconds.")
    calls_cut_short: Literal["retried", "lost"] = "retried"

    @property
    def availability(self) -> float:
        """Share of time a replica is up."""
        return self.between_failures_s / (self.between_failures_s + self.recovery_s)


class Fleet(Record):
    """Replicas of one calibration's stack, each on one GPU unless several make each image."""

    calibration: Name = Field(description="What load_calibration takes.")
    replicas: Replicas
    gpus_per_image: Annotated[int, Field(ge=1, le=64, strict=True)] = Field(
        default=1,
        description="GPUs that make each image together; a replica is then all of them.",
    )
    batching: Batching = Batching()
    queue_limit: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        default=None, description="Images that may wait; requests past it are turned away."
    )
    scaling: Scaling | None = None
    failures: Failures | None = None
    reserve: Annotated[int, Field(ge=0, le=MOST_REPLICAS, strict=True)] = Field(
        default=0,
        description="Replicas kept besides (N+1 is 1). Beside failures they serve like the others; "
        "without, they are taken as the ones that are down: paid for, not serving.",
    )

    @property
    def serving(self) -> int:
        """Replicas that serve, the most where they come and go."""
        return self.replicas + (self.reserve if self.failures is not None else 0)

    @property
    def gpus(self) -> int:
        """GPUs of all replicas."""
        return self.replicas * self.gpus_per_image

    @model_validator(mode="after")
    def _least_is_less(self) -> Self:
        if self.scaling is not None and self.scaling.least > self.replicas:
            raise ValueError(f"scaling.least of at most replicas, which is {self.replicas}")
        return self

    @model_validator(mode="after")
    def _reserve_of_a_fixed_fleet(self) -> Self:
        if self.scaling is not None and self.reserve:
            raise ValueError("no reserve beside scaling: raise scaling.least instead")
        return self


def fewest_replicas(enough: Callable[[int], bool], lowest: int, guess: int) -> int:
    """Return the least count that is enough, looked for around a guess.

    Raises:
        InfeasibleError: Not even `MOST_REPLICAS` are.
    """
    known: dict[int, bool] = {lowest - 1: False}

    def ask(count: int) -> bool:
        if count not in known:
            known[count] = enough(count)
        return known[count]

    step, low, high = 1, lowest - 1, guess
    while not (high <= MOST_REPLICAS and ask(high)):
        if high >= MOST_REPLICAS:
            raise InfeasibleError(
                f"more than {MOST_REPLICAS} replicas are needed; split the workload."
            )
        low, high, step = high, min(high + step, MOST_REPLICAS), 2 * step
    step = 1
    while high - step > low and ask(high - step):
        high, step = high - step, 2 * step
    low = max(low, high - step)
    while high - low > 1:
        middle = (low + high) // 2
        if ask(middle):
            high = middle
        else:
            low = middle
    return high
