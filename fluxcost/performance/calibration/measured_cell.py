"""One measured cell: the seconds of its calls, its energy and its peak memory."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from fluxcost.records import Count, Finite, Name, NonNegative, Positive, Record
from fluxcost.workload.shape import Shape


class Telemetry(Record):
    """The device's state at one moment."""

    sm_clock_mhz: NonNegative | None = None
    memory_clock_mhz: NonNegative | None = None
    temperature_c: Finite | None = None
    power_w: NonNegative | None = None
    throttle_reasons: tuple[str, ...] = ()


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
