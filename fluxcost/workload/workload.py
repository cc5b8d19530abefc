"""What a user asks for: how many images of which shapes, when, how soon, and what is forbidden.

A workload file (format `fluxcost-workload`, version 1) says which images are wanted, how many, by
when, and what a plan must never do. It holds what only the user knows; nothing here is assumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from fluxcost.checks import MOST_IMAGES
from fluxcost.documents import decoded, parse_yaml, read_yaml, refuse_other_format
from fluxcost.errors import InputError
from fluxcost.records import Name, Record
from fluxcost.workload.constraints import Constraints, Objective, QualityFloor
from fluxcost.workload.shape import Shape, ShapeShare

FORMAT: Literal["fluxcost-workload"] = "fluxcost-workload"
VERSION = 1

SECONDS_PER_MONTH = 730 * 3600
"""A month is 730 hours: 365 days over 12."""

LEAST_UTILIZATION = 0.001
"""Least share of rented time in which images are made; nothing is planned or priced under it."""

HOURS_PER_DAY = 24
HOURS_PER_WEEK = 168

Images = Annotated[int, Field(ge=1, le=MOST_IMAGES, strict=True)]
Hours = Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False, strict=True)]
Minutes = Annotated[float, Field(ge=0, le=1440, allow_inf_nan=False, strict=True)]
Utilization = Annotated[float, Field(ge=LEAST_UTILIZATION, le=1, allow_inf_nan=False, strict=True)]
Rate = Annotated[float, Field(ge=1e-6, le=1e5, allow_inf_nan=False, strict=True)]
Variation = Annotated[float, Field(ge=0.05, le=20, allow_inf_nan=False, strict=True)]
CompileCache = Literal["empty", "shipped"]
Hourly = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False, strict=True)]


class Deadline(Record):
    """A batch of images that must be ready within some hours."""

    images: Images
    hours: Hours = Field(description="From the order to rent until the last image is ready.")


class OnDemand(Record):
    """GPUs rented only while there is work, several times a month."""

    starts_per_month: Annotated[int, Field(ge=1, le=10_000, strict=True)]


class Arrivals(Record):
    """When requests come in.

    `poisson` is many independent users; `gamma` has gaps of the stated coefficient of variation, so
    over 1 is bursty and 1 is Poisson; `constant` is a metronome; `trace` replays a file.
    """

    process: Literal["poisson", "gamma", "constant", "trace"] = "poisson"
    requests_per_s: Rate | None = Field(
        default=None, description="Mean over the whole profile; or state images_per_month."
    )
    coefficient_of_variation: Variation | None = Field(
        default=None, description="Of the gaps between requests: standard deviation over mean."
    )
    hourly_weights: tuple[Hourly, ...] | None = Field(
        default=None,
        description="Relative rate of each hour of a day (24) or of a week (168), repeated.",
    )
    trace: Name | None = Field(
        default=None,
        description="CSV or Parquet of timestamp, width, height, steps; beside the workload file.",
    )

    @model_validator(mode="after")
    def _one_process(self) -> Self:
        if (self.process == "gamma") != (self.coefficient_of_variation is not None):
            raise ValueError("coefficient_of_variation beside process: gamma, and only there")
        if (self.process == "trace") != (self.trace is not None):
            raise ValueError("trace, the path of a file, beside process: trace, and only there")
        if self.process == "trace" and (self.requests_per_s or self.hourly_weights):
            raise ValueError("no rate and no hourly_weights beside a trace, which holds both")
        return self

    @field_validator("hourly_weights")
    @classmethod
    def _whole_days(cls, weights: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weights is None:
            return None
        if len(weights) not in {HOURS_PER_DAY, HOURS_PER_WEEK} or sum(weights) <= 0:
            raise ValueError(f"{HOURS_PER_DAY} or {HOURS_PER_WEEK} weights, not all 0")
        return weights


class Workload(Record):
    """How many images of which shapes, by when, and what is out of the question."""

    format: Literal["fluxcost-workload"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION, strict=True)] = VERSION
    name: Name
    model: Name = Field(description="Such as flux2-klein-4b.")
    arrivals: Arrivals | None = Field(
        default=None, description="How requests come in, where someone waits for each."
    )
    objective: Objective | None = Field(default=None, description="Only beside arrivals.")
    shapes: tuple[ShapeShare, ...] = Field(
        default=(), validate_default=True, description="Left out beside a trace, which holds them."
    )
    images_per_request: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    images_per_month: Images | None = None
    deadline: Deadline | None = None
    on_demand: OnDemand | None = Field(
        default=None, description="Consider renting by the hour as well as around the clock."
    )
    utilization: Utilization | None = Field(
        default=None,
        validate_default=True,
        description="Share of rented time, start-up aside, in which the GPUs make images; left "
        "out beside arrivals, where it is an answer.",
    )
    startup_minutes: Minutes | None = Field(
        default=None,
        validate_default=True,
        description="Billed from renting a GPU until it makes its first image; beside arrivals for "
        "plans that rent by the hour, where the measured one does not suit.",
    )
    compile_cache: CompileCache = Field(
        default="empty",
        description="What a new replica of a stack that compiles finds: nothing, or what was "
        "compiled before and comes with its image.",
    )
    constraints: Constraints = Constraints()
    quality: QualityFloor | None = Field(
        default=None, description="How good the pictures must be, by a record that says so."
    )

    @field_validator("utilization", "startup_minutes")
    @classmethod
    def _stated_or_found(cls, value: float | None, info: ValidationInfo) -> float | None:
        _require(value is not None, unless=info.data.get("arrivals") is not None)
        return value

    @field_validator("shapes")
    @classmethod
    def _here_or_in_the_trace(
        cls, value: tuple[ShapeShare, ...], info: ValidationInfo
    ) -> tuple[ShapeShare, ...]:
        arrivals = info.data.get("arrivals")
        _require(bool(value), unless=arrivals is not None and arrivals.trace is not None)
        return value

    @model_validator(mode="after")
    def _one_volume(self) -> Self:
        if self.arrivals is not None and self.arrivals.trace is not None:
            own: object = self.arrivals.trace
        else:
            own = self.arrivals and self.arrivals.requests_per_s
        volumes = [own, self.images_per_month, self.deadline]
        if sum(volume is not None for volume in volumes) != 1:
            also = "" if self.arrivals is None else ", or a rate or trace in arrivals"
            raise ValueError(f"either images_per_month or deadline{also}, one of them")
        if self.deadline is not None and self.arrivals is not None:
            raise ValueError("a deadline without arrivals: its images are all there at once")
        if self.images_per_month is None and self.on_demand is not None:
            raise ValueError("on_demand only beside images_per_month")
        return self

    @model_validator(mode="after")
    def _fits_arrivals(self) -> Self:
        if self.arrivals is None and (self.objective or self.images_per_request > 1):
            raise ValueError("objective and images_per_request only beside arrivals")
        if self.arrivals is None:
            return self
        if self.on_demand is not None or self.utilization is not None:
            raise ValueError("no utilization and no on_demand beside arrivals: GPUs are kept")
        if self.arrivals.trace is not None and self.shapes:
            raise ValueError("no shapes beside a trace, which holds the shape of each request")
        return self

    @property
    def images(self) -> int:
        """Images of the whole job, or of one month.

        Raises:
            InputError: A trace says how many; `capacity.demand` reads it.
        """
        if self.deadline is not None:
            return self.deadline.images
        if self.images_per_month is not None:
            return self.images_per_month
        assert self.arrivals is not None  # noqa: S101 - narrows the type; _one_volume has checked
        if self.arrivals.requests_per_s is None:
            raise InputError(f"{self.name}: the trace {self.arrivals.trace} says how many images.")
        per_s = self.arrivals.requests_per_s * self.images_per_request
        return max(1, round(per_s * SECONDS_PER_MONTH))

    @property
    def mix(self) -> tuple[tuple[Shape, float], ...]:
        """Each shape and its share of the images; shares sum to 1."""
        total = sum(share.weight for share in self.shapes)
        return tuple((share.shape, share.weight / total) for share in self.shapes)


def load_workload(path: str | Path) -> Workload:
    """Read and check one workload file; a trace is looked for beside it.

    Raises:
        DocumentError: Unreadable, not YAML, or not a workload.
        FormatVersionError: Written for a newer fluxcost.
        InputError: A field is missing, unknown or out of range.
    """
    path = Path(path)
    workload = _checked(read_yaml(path), str(path))
    if workload.arrivals is None or workload.arrivals.trace is None:
        return workload
    found = workload.arrivals.model_copy(
        update={"trace": str(path.parent / workload.arrivals.trace)}
    )
    return workload.model_copy(update={"arrivals": found})


def parse_workload(data: bytes, where: str) -> Workload:
    """Check the bytes of one workload file, such as an upload's; nothing is opened by name.

    Args:
        data: The file's content.
        where: What it is called, for the message.

    Raises:
        DocumentError: Not UTF-8, not YAML, or not a workload.
        FormatVersionError: Written for a newer fluxcost.
        InputError: A field is missing, unknown or out of range, or names a trace.
    """
    workload = _checked(parse_yaml(decoded(data, where), where), where)
    if workload.arrivals is not None and workload.arrivals.trace is not None:
        raise InputError(
            f"{where}: arrivals.trace is {workload.arrivals.trace!r}, a file beside the workload, "
            "which is not at hand here; state requests_per_s, or load the file where it lies."
        )
    return workload


def _checked(document: Any, where: str) -> Workload:  # noqa: ANN401 - as read
    refuse_other_format(document, where, what="a workload", kind=FORMAT, version=VERSION)
    return Workload.parse(document, where)


def _require(given: bool, *, unless: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not given and not unless:
        raise PydanticCustomError("missing", "Field required")
