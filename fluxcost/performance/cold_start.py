"""From nothing to the first image, as processes that were started for it measured it.

A process imports its libraries, loads weights, prepares the pipeline as its stack says, and makes a
first call of each shape, in which kernels load and a stack that compiles does so. Two caches on the
machine's disk shorten that: the weights' pages, and what a compiler wrote when an earlier process
compiled the same code, which an image may be shipped with.
"""

from __future__ import annotations

import statistics
from typing import Literal

from pydantic import Field, model_validator

from fluxcost.records import Count, NonNegative, Positive, Record
from fluxcost.workload import CompileCache, Shape

Found = Literal["empty", "filled"]
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


class Start(Record):
    """One process, from its start through its calls of some shapes."""

    page_cache: Found = Field(description="Whether the weights' file was in memory.")
    compile_cache: Found = Field(description="Whether it found what another start compiled.")
    import_s: Positive = Field(description="Interpreter and libraries, from the process's start.")
    load_s: Positive = Field(description="Weights from the file onto the device.")
    prepare_s: NonNegative = Field(description="The pipeline made ready as the stack says.")
    calls: tuple[FirstCalls, ...] = Field(min_length=1, description="Shapes in the order called.")
    compile_cache_mib: NonNegative = Field(description="Size of the compile cache at the end.")

    @property
    def loaded_s(self) -> float:
        """Seconds until the pipeline could be called."""
        return self.import_s + self.load_s + self.prepare_s


class ColdStart(Record):
    """Seconds from nothing to the first image, part by part."""

    build_s: Positive = Field(description="Build or load, the libraries' import included.")
    save_s: Positive | None = None
    file_gib: Positive | None = None
    load_cold_cache_s: Positive | None = None
    load_warm_cache_s: Positive | None = None
    first_call_s: Positive = Field(description="First call after the build, kernels loading.")
    starts: tuple[Start, ...] = Field(
        default=(), description="Each process timed; () in a record that holds the parts alone."
    )

    @model_validator(mode="after")
    def _starts_from_nothing(self) -> ColdStart:
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

    def _found(self, compile_cache: Found) -> list[Start]:
        return [
            start
            for start in self.starts
            if start.compile_cache == compile_cache
            and (compile_cache == "filled" or start.page_cache == "empty")
        ]
