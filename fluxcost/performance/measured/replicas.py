"""Replicas at work at once on the GPUs of a host, and the pictures its CPU encodes."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from fluxcost.performance.measured.readings import Energy, Telemetry
from fluxcost.performance.measured.samples import Samples
from fluxcost.records import Count, Name, Positive, Record
from fluxcost.workload import Shape


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
