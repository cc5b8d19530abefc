"""The record of a loaded replica: when every image came, in which call it was made, and when.

Format `fluxcost-scenario`, version 1 (2026-11): JSON, seconds since the start of each run, raw
times kept, content hash over everything but the hash itself. Shipped files live in
`fluxcost/data/scenarios/<gpu>/<model>/<stack>/NAME.json`; that path without .json is the name.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from fluxcost.capacity.fleet import Batching
from fluxcost.documents import (
    content_hash,
    open_sealed,
    read_json,
    refuse_broken_seal,
    write_sealed,
)
from fluxcost.errors import UnknownNameError
from fluxcost.performance.calibration.measured_cell import Telemetry
from fluxcost.performance.calibration.measuring_run import GpuIdentity, MeasuringRun, Stack
from fluxcost.records import Count, Name, NonNegative, Positive, Record
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape

FORMAT: Literal["fluxcost-scenario"] = "fluxcost-scenario"
VERSION = 1

Scenario = Literal["load", "single-stream", "multi-stream", "server", "offline"]

OPEN: tuple[Scenario, ...] = ("load", "server")
"""Scenarios whose requests come whether or not earlier ones were answered."""


class WarmCalls(Record):
    """Calls of one size on the warm replica, back to back, before the runs and between them."""

    width: Count
    height: Count
    steps: Count
    size: Count = Field(description="Images a call.")
    wall_s: tuple[Positive, ...] = Field(min_length=2)

    @property
    def shape(self) -> Shape:
        """The shape timed."""
        return Shape(self.width, self.height, self.steps)


class RecordedCalls(Record):
    """Calls of one run, one entry a call, in the order made."""

    started_s: tuple[NonNegative, ...] = Field(min_length=1)
    finished_s: tuple[Positive, ...]
    images: tuple[Count, ...] = Field(description="Images asked of the call.")
    size: tuple[Count, ...] = Field(description="Images it made: what is over is thrown away.")

    @model_validator(mode="after")
    def _one_entry_a_call(self) -> Self:
        lengths = {len(each) for each in (self.started_s, self.finished_s, self.images, self.size)}
        if len(lengths) != 1:
            raise ValueError("as many starts, ends, images and sizes as calls")
        if any(end <= start for start, end in zip(self.started_s, self.finished_s, strict=True)):
            raise ValueError("calls that end after they start")
        if any(asked > made for asked, made in zip(self.images, self.size, strict=True)):
            raise ValueError("calls that make at least the images asked of them")
        return self


class Override(Record):
    """A setting of LoadGen that is not its default."""

    setting: Name
    default: str
    value: str


class LoadgenVerdict(Record):
    """What LoadGen said of a run, word for word."""

    validity: Literal["VALID", "INVALID"]
    reasons: str = Field(description="LoadGen's reasons and advice; empty where it gives none.")
    early_stopping: str
    results: dict[str, str | int | float | bool] = Field(description="Its results, by its names.")
    errors: tuple[str, ...] = ()
    overrides: tuple[Override, ...]
    version: Name


class LoadedRun(Record):
    """One run of one scenario on one replica, one entry an image, in the order they came.

    Times are seconds since the run's start. An image's response is from `arrived_s`, when it was
    due by the schedule or when LoadGen handed it over, to the end of its call.
    """

    name: Name
    scenario: Scenario
    config: Name
    width: Count
    height: Count
    steps: Count
    batching: Batching
    load: Positive | None = Field(
        default=None, description="Rate over what the replica can do, by its warm calls."
    )
    rate_per_s: Positive | None = Field(default=None, description="Mean requests a second, stated.")
    within_s: Positive | None = Field(default=None, description="Bound on p99, server only.")
    searching: bool = Field(
        default=False, description="A shorter run made to find the rate, not a result."
    )
    seed: int
    arrived_s: tuple[NonNegative, ...] = Field(min_length=1)
    query: tuple[int, ...] = Field(
        default=(), description="Query of each image; () where every image is one of its own."
    )
    call: tuple[Annotated[int, Field(ge=0)], ...] = Field(description="Call each was made in.")
    calls: RecordedCalls
    loadgen: LoadgenVerdict | None = None
    before: Telemetry | None = None
    after: Telemetry | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if len(self.call) != len(self.arrived_s):
            raise ValueError("one call for every image")
        if self.query and len(self.query) != len(self.arrived_s):
            raise ValueError("one query for every image, or none at all")
        made = np.bincount(self.call, minlength=len(self.calls.images))
        if made.tolist() != list(self.calls.images):
            raise ValueError("as many images in each call as say they were made in it")
        if bool(np.any(np.diff(self.arrived_s) < 0)):
            raise ValueError("images in the order they came")
        if bool(np.any(self.wait_s < 0)):
            raise ValueError("no image made before it came")
        return self

    @property
    def shape(self) -> Shape:
        """The shape asked for."""
        return Shape(self.width, self.height, self.steps)

    @property
    def wait_s(self) -> Array:
        """Seconds each image waited for its call to begin, shape (images,)."""
        waited: Array = np.array(self.calls.started_s)[list(self.call)] - np.array(self.arrived_s)
        return waited

    @property
    def image_response_s(self) -> Array:
        """Seconds from each image's arrival to the end of its call, shape (images,)."""
        ended: Array = np.array(self.calls.finished_s)[list(self.call)] - np.array(self.arrived_s)
        return ended

    @property
    def response_s(self) -> Array:
        """Seconds from each query's arrival to its last image, shape (queries,)."""
        if not self.query:
            return self.image_response_s
        _, first = np.unique(self.query, return_inverse=True)
        slowest = np.zeros(int(first.max()) + 1)
        np.maximum.at(slowest, first, self.image_response_s)
        return slowest

    @property
    def throughput_per_s(self) -> float:
        """Images a second, from the run's start to the end of the last call."""
        return len(self.arrived_s) / max(self.calls.finished_s)


class ScenarioRecord(Record):
    """Runs on one loaded replica of one model and stack, in one start of the program."""

    format: Literal["fluxcost-scenario"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION, strict=True)] = VERSION
    gpu: GpuIdentity
    model: Name
    stack: Stack
    run: MeasuringRun
    warm_calls: tuple[WarmCalls, ...] = Field(min_length=1)
    runs: tuple[LoadedRun, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [run.name for run in self.runs]
        if len(set(names)) != len(names):
            raise ValueError("runs with names of their own")
        return self

    @model_validator(mode="after")
    def _warm_calls_of_every_size(self) -> Self:
        timed = {(each.shape, each.size) for each in self.warm_calls}
        made = {(run.shape, size) for run in self.runs for size in run.calls.size}
        if len(timed) != len(self.warm_calls) or made - timed:
            raise ValueError("warm calls of every shape and size that the runs made, each once")
        return self

    @property
    def calibration(self) -> str:
        """Alias of the calibration of the same GPU, model and stack."""
        return f"{self.gpu.key}/{self.model}/{self.stack.alias}"

    @property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON of everything in the record, 64 hex digits."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True))

    def write(self, path: Path) -> None:
        """Write the record and its hash, whole or not at all; the runs so far may stand there.

        Raises:
            DocumentError: The folder cannot be written.
        """
        body = self.model_dump(mode="json", exclude_defaults=True)
        write_sealed(path, body, kind=FORMAT, version=VERSION)


def read_scenario(path: Path) -> ScenarioRecord:
    """Read and check one record of a loaded replica.

    Raises:
        DocumentError: Unreadable, truncated, or its content does not match its hash.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    document, stated = open_sealed(read_json(path), str(path), kind=FORMAT, version=VERSION)
    record = ScenarioRecord.parse(document, str(path))
    refuse_broken_seal(str(path), stated, record.content_hash)
    return record


def load_scenario(name: str | Path) -> ScenarioRecord:
    """Load a record by shipped name, `gpu/model/stack/name`, or by the path of a .json file.

    Raises:
        UnknownNameError: No shipped record has this name; carries the nearest.
        DocumentError: The file cannot be read, or was edited or damaged.
        FormatVersionError: Written in a newer format.
        InputError: A field is out of range.
    """
    text = str(name)
    if isinstance(name, Path) or text.endswith(".json"):
        return read_scenario(Path(name))
    shipped = shipped_scenarios()
    if text not in shipped:
        raise UnknownNameError("scenario record", text, shipped)
    return read_scenario(shipped[text])


def shipped_scenarios() -> dict[str, Path]:
    """Return name to path of every record that ships with fluxcost."""
    root = Path(str(files("fluxcost"))) / "data" / "scenarios"
    return {
        path.relative_to(root).with_suffix("").as_posix(): path
        for path in sorted(root.rglob("*.json"))
    }
