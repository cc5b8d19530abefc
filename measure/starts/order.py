"""The task and the answer of a cold start's process, as plain records."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from fluxcost.performance.cold_start import Found, Start
from fluxcost.performance.measured.identity import GpuIdentity, Stack
from fluxcost.performance.measured.run import Environment
from fluxcost.records import Count, Name, NonNegative, Positive, Record
from measure.suites import Quadruple


class SaveOrder(Record):
    """Build a model with synthetic weights and save it."""

    kind: Literal["save"] = "save"
    model: Name
    device: Name
    seed: int
    folder: Path = Field(description="An empty folder, to hold the weights.")


class Saved(Record):
    """A folder of weights, and what making it took where it was made."""

    folder: Path
    label: Name = Field(description="'synthetic (seed N, scale S)' or the checkpoint's name.")
    file_gib: Positive
    save_s: Positive | None = None


class StartOrder(Record):
    """Load weights and call every shape some times."""

    kind: Literal["start"] = "start"
    model: Name
    stack: Name
    device: Name
    seed: int
    weights: Saved
    points: tuple[Quadruple, ...] = Field(min_length=1, description="In the order called.")
    calls: Count = Field(description="Of each shape.")
    page_cache: Found
    compile_cache: Found
    cache: Path = Field(description="Folder of the compile cache.")


class Started(Record):
    """A start, and what it ran on."""

    gpu: GpuIdentity
    environment: Environment
    model: Name
    architecture_hash: Name
    stack: Stack
    start: Start


class Task(Record):
    """An order as a process gets it: on file, with the moment it was started."""

    order: SaveOrder | StartOrder = Field(discriminator="kind")
    started_s: NonNegative = Field(description="On the monotonic clock, one for all processes.")
