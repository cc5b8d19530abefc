"""The calibration record: cells, ceilings and environment of one GPU type, model and stack.

Format `fluxcost-calibration`, version 1 (2026-11): JSON, units in field names, raw samples kept,
content hash over everything but the hash itself. A file is immutable; a refreshed calibration is a
new file. Shipped files live in `fluxcost/data/calibrations/<gpu>/<model>/<stack>.json`, whose path
without the suffix is their alias, and published tables in `fluxcost/data/published/` likewise.
Cells measured to score fits on, which no fit sees, stand apart in `fluxcost/data/held_out/`.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fluxcost.documents import (
    content_hash,
    decoded,
    open_sealed,
    parse_json,
    read_json,
    refuse_broken_seal,
    write_sealed,
)
from fluxcost.errors import InputError
from fluxcost.estimate import Source
from fluxcost.performance.cold_start import ColdStart
from fluxcost.records import Count, Finite, Key, Name, NonNegative, Positive, Record
from fluxcost.workload import Shape

FORMAT: Literal["fluxcost-calibration"] = "fluxcost-calibration"
VERSION = 1


class GpuIdentity(Record):
    """Which GPU this is."""

    key: Key = Field(description="Key in data/gpus.yaml, such as h100-sxm.")
    name: Name = Field(description="Name the driver reports.")
    memory_gib: Positive = Field(description="Device memory the driver reports, GiB.")


class Stack(Record):
    """An optimization stack: resolved settings with a hash, known by an alias."""

    alias: Name
    settings: dict[str, str | int | float | bool] = Field(description="Resolved settings.")

    @property
    def is_lossy(self) -> bool:
        """Whether it changes the pictures, by its own `lossy` setting."""
        return self.settings.get("lossy") is True

    @property
    def keeps_prompts(self) -> bool:
        """Whether its calls find the embeddings of prompts that came before."""
        return self.settings.get("prompt_embeddings") == "cached"

    @property
    def hash(self) -> str:
        """First 12 hex digits of the SHA-256 of the sorted settings."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:12]


class Environment(Record):
    """What the samples of one run were taken on."""

    gpu_name: Name
    gpu_count: Count = 1
    gpu_memory_gib: Positive
    power_limit_w: Positive | None = Field(
        default=None, description="None where the driver hides it."
    )
    driver: str | None = None
    cuda: str | None = None
    cpu_model: Name
    cpu_cores: Count
    host_memory_gib: Positive
    python: Name
    packages: dict[str, str] = Field(description="Package to version: torch, diffusers, ...")
    weights: Name = Field(description="'synthetic (seed N, scale S)' or the checkpoint's name.")
    git_revision: str | None = None


class MatmulCeiling(Record):
    """Rate of one bare bf16 matrix product at a size the model uses."""

    rows: Count
    inner: Count
    columns: Count
    tflop_per_s: Positive


class AttentionCeiling(Record):
    """Rate of one bare attention call at a token count the model uses."""

    backend: Name
    tokens: Count
    heads: Count
    head_dim: Count
    tflop_per_s: Positive


class Ceilings(Record):
    """What the machine reached bare, in the same run."""

    matmul: tuple[MatmulCeiling, ...] = ()
    attention: tuple[AttentionCeiling, ...] = ()
    copy_gb_per_s: Positive | None = Field(
        None, description="Device copy, bytes read plus written."
    )
    launches_per_s: Positive | None = Field(
        None, description="Smallest kernels launched per second."
    )


class Telemetry(Record):
    """The device's state at one moment."""

    sm_clock_mhz: NonNegative | None = None
    memory_clock_mhz: NonNegative | None = None
    temperature_c: Finite | None = None
    power_w: NonNegative | None = None
    throttle_reasons: tuple[str, ...] = ()


class Run(Record):
    """One start of the measuring program on one machine."""

    id: Name
    started_at: datetime
    environment: Environment
    ceilings: Ceilings | None = None
    cold_start: ColdStart | None = None


class Samples(Record):
    """Raw samples of one cell, one entry a call, in the order taken. Seconds.

    `denoise_step_s[i][k]` is step k of call i. Stages partition the device's timeline from the
    first encoder kernel to the last decoder kernel; `host_s` is what remains of the wall time.
    """

    wall_s: tuple[Positive, ...] = Field(min_length=1)
    text_encode_s: tuple[NonNegative, ...]
    denoise_step_s: tuple[tuple[NonNegative, ...], ...]
    vae_decode_s: tuple[NonNegative, ...]
    reference_encode_s: tuple[NonNegative, ...] = Field(
        default=(), description="Reference images to latents; empty where there are none."
    )

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {
            len(self.wall_s),
            len(self.text_encode_s),
            len(self.denoise_step_s),
            len(self.vae_decode_s),
            len(self.reference_encode_s or self.wall_s),
        }
        if len(lengths) != 1:
            raise ValueError("the same number of samples in every stage")
        return self

    @property
    def host_s(self) -> tuple[float, ...]:
        """Wall time less the device stages, per call."""
        encode_s = self.reference_encode_s or (0.0,) * len(self.wall_s)
        rows = zip(
            self.wall_s,
            self.text_encode_s,
            encode_s,
            self.denoise_step_s,
            self.vae_decode_s,
            strict=True,
        )
        return tuple(wall - text - own - sum(steps) - vae for wall, text, own, steps, vae in rows)


class Energy(Record):
    """Energy over one window of back-to-back calls, from the device's counter."""

    joules: Positive
    window_s: Positive
    calls: Count


class Memory(Record):
    """Peak memory of one cell."""

    allocated_gib: Positive | None = Field(
        default=None, description="Peak the allocator handed out."
    )
    reserved_gib: Positive | None = Field(default=None, description="Peak the allocator held.")
    device_gib: Positive | None = Field(
        default=None, description="Used as the driver sees it (NVML)."
    )


class Cell(Record):
    """One measured point: shape x batch, with raw samples, or the reason it has none.

    A published cell carries `reported_latency_s` and its rounding half-width instead of samples; an
    imported one `reported_wall_s`, whole calls that another tool timed without their stages.
    """

    width: Count
    height: Count
    steps: Count
    batch: Count
    reference_images: int = Field(default=0, ge=0)
    gpus: Count = 1
    run: Name
    suites: tuple[Name, ...] = ()
    order: int | None = Field(default=None, ge=0, description="Position in the shuffled order.")
    status: Literal["ok", "out_of_memory", "failed"] = "ok"
    reason: str | None = None
    warmup_s: tuple[Positive, ...] = Field(
        default=(), description="Calls before stability; never pooled."
    )
    stable: bool = Field(default=True, description="Whether warm-up met its stability rule.")
    samples: Samples | None = None
    reported_latency_s: Positive | None = None
    reported_half_width_s: NonNegative | None = None
    reported_wall_s: tuple[Positive, ...] = Field(
        default=(), description="Whole calls, one entry a call, where no stage was timed."
    )
    memory: Memory | None = None
    energy: Energy | None = None
    before: Telemetry | None = None
    during: tuple[Telemetry, ...] = ()
    after: Telemetry | None = None

    @model_validator(mode="after")
    def _carries_what_it_says(self) -> Self:
        has_time = bool(self.calls_s) or self.reported_latency_s is not None
        if self.status == "ok" and not has_time:
            raise ValueError("samples or a reported time in a cell whose status is ok")
        if self.samples is not None and self.reported_wall_s:
            raise ValueError("samples or reported_wall_s, not both")
        if self.status != "ok" and (has_time or not self.reason):
            raise ValueError("a reason and no samples in a cell that did not succeed")
        if self.samples and any(len(row) != self.steps for row in self.samples.denoise_step_s):
            raise ValueError(f"{self.steps} denoise spans in every sample")
        return self

    @property
    def shape(self) -> Shape:
        """The shape measured."""
        return Shape(self.width, self.height, self.steps, self.reference_images)

    @property
    def calls_s(self) -> tuple[float, ...]:
        """Seconds of every whole call, whoever timed it; empty where only a figure is known."""
        return self.samples.wall_s if self.samples is not None else self.reported_wall_s

    @property
    def label(self) -> str:
        """Such as '1024x1024, 4 steps, batch 1'."""
        return f"{self.shape}, batch {self.batch}"


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


class Calibration(Record):
    """Cells, ceilings and environment of one GPU type, model and stack."""

    format: Literal["fluxcost-calibration"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION
    gpu: GpuIdentity
    model: Key
    stack: Stack
    source: Literal[Source.MEASURED, Source.IMPORTED, Source.PUBLISHED] = Source.MEASURED
    reference: str | None = Field(
        default=None,
        description="Where a published table comes from, or the server whose calls were timed.",
    )
    runs: tuple[Run, ...] = ()
    cells: tuple[Cell, ...] = Field(min_length=1)
    soaks: tuple[Soak, ...] = ()
    pipelined: tuple[Pipelined, ...] = ()
    weight_scales: tuple[WeightScale, ...] = ()
    sameness: tuple[Sameness, ...] = ()
    replicas: tuple[Replica, ...] = ()
    encodings: tuple[Encoding, ...] = ()
    links: tuple[Link, ...] = ()
    split_images: tuple[SplitImage, ...] = ()
    loads: tuple[Load, ...] = ()
    memory_edges: tuple[MemoryEdge, ...] = ()
    adaptive_stops: tuple[AdaptiveStop, ...] = ()

    def __repr__(self) -> str:
        return f"<Calibration {self.alias}, {self.source}, {len(self.cells)} cells>"

    def __str__(self) -> str:
        """Return its name and size; the samples are in `to_dict`."""
        return repr(self)

    @property
    def alias(self) -> str:
        """Such as 'h100-sxm/flux2-klein-4b/eager-bf16'."""
        return f"{self.gpu.key}/{self.model}/{self.stack.alias}"

    @property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON of everything in the record, 64 hex digits."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True))

    @property
    def ok_cells(self) -> tuple[Cell, ...]:
        """The cells that succeeded."""
        return tuple(cell for cell in self.cells if cell.status == "ok")

    def save(self, path: Path) -> None:
        """Write the record and its hash to a new file, whole or not at all.

        Raises:
            InputError: The file exists; calibrations are never overwritten.
            DocumentError: The folder cannot be written.
        """
        if path.exists():
            raise InputError(f"{path} exists; choose another name or remove it first.")
        body = self.model_dump(mode="json", exclude_defaults=True)
        write_sealed(path, body, kind=FORMAT, version=VERSION)


def read_calibration(path: Path) -> Calibration:
    """Read and check one calibration file.

    Raises:
        DocumentError: Unreadable, truncated, or its content does not match its hash.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    return _checked(read_json(path), str(path))


def parse_calibration(data: bytes, where: str) -> Calibration:
    """Check the bytes of one calibration file, such as an upload's; nothing is opened by name.

    Args:
        data: The file's content.
        where: What it is called, for the message.

    Raises:
        DocumentError: Not UTF-8, truncated, or its content does not match its hash.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    return _checked(parse_json(decoded(data, where), where), where)


def _checked(document: object, where: str) -> Calibration:
    content, stated = open_sealed(document, where, kind=FORMAT, version=VERSION)
    calibration = Calibration.parse(content, where)
    refuse_broken_seal(where, stated, calibration.content_hash)
    return calibration
