"""The task and the answer of a cold start's process, as plain records, and its table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from rich.table import Table

from fluxcost.performance.calibration.measuring_run import (
    CacheState,
    ColdStartRecord,
    Environment,
    GpuIdentity,
    ProcessStart,
    Stack,
)
from fluxcost.records import Count, Name, NonNegative, Positive, Record
from measure.suites import Quadruple


class SaveWeightsTask(Record):
    """Build a model with synthetic weights and save it."""

    kind: Literal["save"] = "save"
    model: Name
    device: Name
    seed: int
    folder: Path = Field(description="An empty folder, to hold the weights.")


class SavedWeights(Record):
    """A folder of weights, and what making it took where it was made."""

    folder: Path
    label: Name = Field(description="'synthetic (seed N, scale S)' or the checkpoint's name.")
    file_gib: Positive
    save_s: Positive | None = None


class ColdStartTask(Record):
    """Load weights and call every shape some times."""

    kind: Literal["start"] = "start"
    model: Name
    stack: Name
    device: Name
    seed: int
    weights: SavedWeights
    points: tuple[Quadruple, ...] = Field(min_length=1, description="In the order called.")
    calls: Count = Field(description="Of each shape.")
    page_cache: CacheState
    compile_cache: CacheState
    cache: Path = Field(description="Folder of the compile cache.")


class ColdStartAnswer(Record):
    """A start, and what it ran on."""

    gpu: GpuIdentity
    environment: Environment
    model: Name
    architecture_hash: Name
    stack: Stack
    start: ProcessStart


class TaskFile(Record):
    """An order as a process gets it: on file, with the moment it was started."""

    order: SaveWeightsTask | ColdStartTask = Field(discriminator="kind")
    started_s: NonNegative = Field(description="On the monotonic clock, one for all processes.")


def cold_start_table(name: str, found: ColdStartRecord) -> Table:
    """Return one row per shape a process called; the parts before stand with its first shape."""
    table = Table(title=f"Cold start of {name}, seconds")
    for heading in ("caches", "import", "load", "prepare", "shape", "first call", "later calls"):
        table.add_column(heading, justify="left" if heading in {"caches", "shape"} else "right")
    for start in found.starts:
        parts = [f"{each:.2f}" for each in (start.import_s, start.load_s, start.prepare_s)]
        for place, calls in enumerate(start.calls):
            own = [start.compile_cache, *parts] if place == 0 else [""] * 4
            later = "-" if calls.later_s is None else f"{calls.later_s:.4f}"
            shape = f"{calls.shape}, batch {calls.batch}"
            table.add_row(*own, shape, f"{calls.first_s:.2f}", later)
    if not found.starts:
        load = found.load_cold_cache_s or found.build_s
        table.add_row("empty", "", f"{load:.2f}", "", "", f"{found.first_call_s:.2f}", "-")
    return table
