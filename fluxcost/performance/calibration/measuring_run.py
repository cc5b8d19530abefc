"""One launch of the measuring program: its machine, ceilings, GPU, stack and cold start.

A cold start is timed part by part by processes that were started for it. A process imports its
libraries, loads weights, prepares the pipeline as its stack says, and makes a first call of each
shape, in which kernels load and a stack that compiles does so. Two caches on the machine's disk
shorten that: the weights' pages, and what a compiler wrote when an earlier process compiled the
same code, which an image may be shipped with.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from fluxcost.records import Count, Key, Name, NonNegative, Positive, Record
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import CompileCache


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


CacheState = Literal["empty", "filled"]
"""What a process found in a cache."""


class FirstCalls(Record):
    """A process's calls of one shape; the first loads kernels, and compiles where a stack does."""

    width: Count
    height: Count
    steps: Count
    batch: Count
    wall_s: tuple[Positive, ...] = Field(min_length=1, description="In the order made.")

    @property
    def shape(self) -> Shape:
        """The shape called."""
        return Shape(self.width, self.height, self.steps)

    @property
    def first_s(self) -> float:
        """Seconds of the first call."""
        return self.wall_s[0]

    @property
    def later_s(self) -> float | None:
        """Median seconds of the calls after the first; None where there are none."""
        return statistics.median(self.wall_s[1:]) if len(self.wall_s) > 1 else None


class ProcessStart(Record):
    """One process, from its start through its calls of some shapes."""

    page_cache: CacheState = Field(description="Whether the weights' file was in memory.")
    compile_cache: CacheState = Field(description="Whether it found what another start compiled.")
    import_s: Positive = Field(description="Interpreter and libraries, from the process's start.")
    load_s: Positive = Field(description="Weights from the file onto the device.")
    prepare_s: NonNegative = Field(description="The pipeline made ready as the stack says.")
    calls: tuple[FirstCalls, ...] = Field(min_length=1, description="Shapes in the order called.")
    compile_cache_mib: NonNegative = Field(description="Size of the compile cache at the end.")

    @property
    def loaded_s(self) -> float:
        """Seconds until the pipeline could be called."""
        return self.import_s + self.load_s + self.prepare_s


class ColdStartRecord(Record):
    """Seconds from nothing to the first image, part by part."""

    build_s: Positive = Field(description="Build or load, the libraries' import included.")
    save_s: Positive | None = None
    file_gib: Positive | None = None
    load_cold_cache_s: Positive | None = None
    load_warm_cache_s: Positive | None = None
    first_call_s: Positive = Field(description="First call after the build, kernels loading.")
    starts: tuple[ProcessStart, ...] = Field(
        default=(), description="Each process timed; () in a record that holds the parts alone."
    )

    @model_validator(mode="after")
    def _starts_from_nothing(self) -> ColdStartRecord:
        if self.starts and not self._found("empty"):
            raise ValueError("a start with both caches empty among the starts")
        return self

    @property
    def loaded_s(self) -> float:
        """Seconds until the pipeline can be called, the weights not yet in memory."""
        if self.starts:
            return max(start.loaded_s for start in self._found("empty"))
        return self.load_cold_cache_s or self.build_s

    def first_call_with_s(self, compile_cache: CompileCache) -> float | None:
        """Return seconds of the first call; None where that was not measured."""
        if compile_cache == "empty":
            return self.first_call_s
        return max((start.calls[0].first_s for start in self._found("filled")), default=None)

    def _found(self, compile_cache: CacheState) -> list[ProcessStart]:
        return [
            start
            for start in self.starts
            if start.compile_cache == compile_cache
            and (compile_cache == "filled" or start.page_cache == "empty")
        ]


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


class MeasuringRun(Record):
    """One launch of the measuring program on one machine."""

    id: Name
    started_at: datetime
    environment: Environment
    ceilings: Ceilings | None = None
    cold_start: ColdStartRecord | None = None
