"""What is measured beside the cells: soaks, replicas, context parallelism, memory edges, load."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fluxcost.performance.calibration.measured_cell import Cell, Energy, Samples, Telemetry
from fluxcost.records import Count, Name, NonNegative, Positive, Record
from fluxcost.workload.shape import Shape


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


class Sameness(Record):
    """How far a stack's picture is from float32's, beside how far eager bfloat16's is.

    Errors are the norm of the difference over the norm of the true picture's deviation from its
    mean, from the same weights, prompt and noise. Errors of latents likewise, before decoding.
    """

    width: Count
    height: Count
    steps: Count
    batch: Count
    run: Name
    error: NonNegative = Field(description="Of the stack.")
    eager_error: NonNegative = Field(description="Of eager bfloat16, the yardstick.")
    spread: Positive = Field(description="Standard deviation of the true picture, values 0 to 1.")
    latent_error: NonNegative | None = Field(default=None, description="Of the stack's latents.")
    eager_latent_error: NonNegative | None = Field(
        default=None, description="Of eager bfloat16's latents."
    )
    planted_errors: dict[str, NonNegative] = Field(
        default={}, description="Error of eager bfloat16 with one fault planted, by the fault."
    )


class Replica(Record):
    """The calls of one replica in one window: replicas that ran at once share the window's name.

    A window of one replica has all other GPUs of the run idle: it is that GPU's solo rate, taken in
    the same run as the windows in which it works beside others.
    """

    window: Name
    run: Name
    rank: int = Field(ge=0, description="Of the replica; one replica a GPU.")
    replicas: Count = Field(description="How many ran at once in this window.")
    in_one_process: bool = Field(
        default=False, description="Threads of one process; otherwise each is a process."
    )
    width: Count
    height: Count
    steps: Count
    batch: Count
    cores: Count | None = Field(default=None, description="CPU cores it was held to; None for all.")
    cpus: tuple[int, ...] = Field(min_length=1, description="Logical CPUs it could run on.")
    threads: Count = Field(description="CPU threads of one operator (OMP_NUM_THREADS).")
    elapsed_s: Positive = Field(description="From the common start to the end of its last call.")
    seeds: tuple[int, ...] = Field(description="Seed of each call; no two of a window agree.")
    warmup_s: tuple[Positive, ...] = Field(default=(), description="Calls before; never pooled.")
    stable: bool = Field(default=True, description="Whether warm-up met its stability rule.")
    samples: Samples
    energy: Energy | None = None
    before: Telemetry | None = None
    during: tuple[Telemetry, ...] = ()
    after: Telemetry | None = None

    @model_validator(mode="after")
    def _one_seed_a_call(self) -> Self:
        if len(self.seeds) != len(self.samples.wall_s):
            raise ValueError("as many seeds as calls")
        return self

    @property
    def shape(self) -> Shape:
        """The shape measured."""
        return Shape(self.width, self.height, self.steps)


class Encoding(Record):
    """Seconds a CPU takes to turn one finished picture into a file's bytes."""

    window: Name
    run: Name
    rank: int = Field(ge=0)
    replicas: Count = Field(description="How many encoded at once.")
    width: Count
    height: Count
    picture: Name = Field(description="What was encoded; noise compresses unlike pictures.")
    image_format: Name = Field(description="Format and its settings, such as 'jpeg quality 90'.")
    to_disk: bool = Field(description="Written to a file, not flushed, or kept in memory.")
    size_bytes: Count
    wall_s: tuple[Positive, ...] = Field(min_length=1)


class GpuLink(Record):
    """How two GPUs of a host reach each other."""

    run: Name
    source: int = Field(ge=0, description="Index of the GPU copied from.")
    target: int = Field(ge=0, description="Index of the GPU copied to.")
    peer_access: bool = Field(description="Whether one may read the other's memory directly.")
    nvlink: bool | None = Field(default=None, description="None where the driver does not say.")
    gb_per_s: Positive = Field(description="Bytes copied one way per second.")


class ContextParallelImage(Record):
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


class SentLoad(Record):
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


class AdaptiveStop(Record):
    """How an adaptive calibration ended: its cells are the most informative ones, not a grid."""

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
