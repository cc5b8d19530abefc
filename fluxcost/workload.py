"""What a user asks for: the shape of a request, and the workload made of them.

A workload file (format `fluxcost-workload`, version 1) says which images are wanted, how many, by
when, and what a plan must never do. It holds what only the user knows; nothing here is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from fluxcost.documents import decoded, parse_yaml, read_yaml, refuse_other_format
from fluxcost.errors import InputError
from fluxcost.estimate import Source
from fluxcost.records import Name, NonNegative, Positive, Record

FORMAT: Literal["fluxcost-workload"] = "fluxcost-workload"
VERSION = 1

MULTIPLE_PX = 16
"""Step of width and height: the VAE shrinks by 8, and 2x2 latents make one token (diffusers)."""

MAX_SIDE_PX = 8192
MAX_STEPS = 1000
MAX_REFERENCE_IMAGES = 16

SECONDS_PER_MONTH = 730 * 3600
"""A month is 730 hours: 365 days over 12."""

HOURS_PER_DAY = 24
HOURS_PER_WEEK = 168

Images = Annotated[int, Field(ge=1, le=10**12, strict=True)]
Hours = Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False, strict=True)]
Minutes = Annotated[float, Field(ge=0, le=1440, allow_inf_nan=False, strict=True)]
Weight = Annotated[float, Field(ge=1e-6, le=1e6, allow_inf_nan=False, strict=True)]
Utilization = Annotated[float, Field(ge=0.001, le=1, allow_inf_nan=False, strict=True)]
Rate = Annotated[float, Field(ge=1e-6, le=1e5, allow_inf_nan=False, strict=True)]
Variation = Annotated[float, Field(ge=0.05, le=20, allow_inf_nan=False, strict=True)]
Percentile = Annotated[float, Field(ge=1, le=99.99, allow_inf_nan=False, strict=True)]
Tier = Literal["standard", "secure", "community", "marketplace"]
Hourly = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False, strict=True)]


@dataclass(frozen=True, order=True)
class Shape:
    """What one request asks of the model.

    Attributes:
        width: Pixels, a multiple of 16 up to 8192.
        height: Pixels, a multiple of 16 up to 8192.
        steps: Denoising steps, 1 to 1000.
        reference_images: Images given with the prompt; 0 is text to image.

    Raises:
        InputError: A field is out of range; the message names the nearest usable value.
    """

    width: int
    height: int
    steps: int
    reference_images: int = 0

    def __post_init__(self) -> None:
        checks = {
            "width": _checked_side,
            "height": _checked_side,
            "steps": _checked_steps,
            "reference_images": _checked_reference_images,
        }
        for field, check in checks.items():
            value = getattr(self, field)
            try:
                check(value)
            except ValueError as error:
                raise InputError(f"{field} is {value!r}; expected {error}.") from None

    @property
    def pixels(self) -> int:
        """Pixels of one image."""
        return self.width * self.height

    def __str__(self) -> str:
        given = f", {self.reference_images} references" if self.reference_images else ""
        return f"{self.width}x{self.height}, {self.steps} steps{given}"


def _checked_side(value: object) -> int:
    side = _checked_count(value, MULTIPLE_PX, MAX_SIDE_PX)
    if side % MULTIPLE_PX:
        nearest = round(side / MULTIPLE_PX) * MULTIPLE_PX
        raise ValueError(f"a multiple of {MULTIPLE_PX} pixels; use {nearest}")
    return side


def _checked_steps(value: object) -> int:
    return _checked_count(value, 1, MAX_STEPS)


def _checked_reference_images(value: object) -> int:
    return _checked_count(value, 0, MAX_REFERENCE_IMAGES)


def _checked_count(value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"a whole number from {low} to {high}")
    return value


class ShapeShare(Record):
    """One shape of a mix and its weight; weights are relative and need not sum to 1."""

    width: Annotated[int, BeforeValidator(_checked_side)]
    height: Annotated[int, BeforeValidator(_checked_side)]
    steps: Annotated[int, BeforeValidator(_checked_steps)]
    reference_images: Annotated[int, BeforeValidator(_checked_reference_images)] = 0
    weight: Weight = 1.0
    priority: Annotated[int, Field(ge=0, le=9, strict=True)] = Field(
        default=0, description="0 is served first; a call that has begun is never interrupted."
    )

    @property
    def shape(self) -> Shape:
        """The shape asked for."""
        return Shape(self.width, self.height, self.steps, self.reference_images)


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


class Objective(Record):
    """How soon requests must be answered: `percentile` of all of them `within_s` of their arrival.

    Requests that may be rejected are turned away when the queue is too long to answer them in time;
    they do not count in the percentile.
    """

    percentile: Percentile = Field(description="Such as 95: 95 of 100 requests.")
    within_s: Positive = Field(description="From a request's arrival to its last image, seconds.")
    may_reject: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False, strict=True)] = Field(
        default=0.0, description="Largest share of requests that may be turned away."
    )


class Constraints(Record):
    """What a plan must never do. None, or an empty list of denials, constrains nothing."""

    allow_providers: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="Who may be bought from; anyone unless stated."
    )
    deny_providers: tuple[Name, ...] = Field(default=(), description="Who must not be bought from.")
    allow_billing: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="Billing kinds of GPU offers, such as on-demand."
    )
    least_grade: Literal["A", "B", "C"] = Field(
        default="B", description="Weakest evidence of a price accepted: A is the vendor's own."
    )
    allow_stale: StrictBool = Field(
        default=False,
        description="Use prices over 90 days old or from undated pages too; your own always count.",
    )
    allow_marketplace: StrictBool = Field(
        default=False, description="Use hosts of a marketplace, whose prices move day by day, too."
    )
    spot_interruptions_per_hour: NonNegative | None = Field(
        default=None,
        description="Of one spot instance, as you see them; without it no spot offer is used.",
    )
    allow_sources: tuple[Source, ...] | None = Field(
        default=None, min_length=1, description="Of timings; APIs are not timed, so not concerned."
    )
    max_latency_p95_s: Positive | None = Field(
        default=None, description="Of one call on an idle GPU, without queueing."
    )
    allow_lossy: StrictBool = Field(
        default=False, description="Whether stacks that change the pictures may be used."
    )
    allow_untimed: StrictBool = Field(
        default=False,
        description="Whether APIs, which nobody timed, may answer where an objective is stated.",
    )
    non_commercial: StrictBool = Field(
        default=False, description="Whether weights licensed for no commercial use may be run."
    )
    allow_regions: tuple[Name, ...] | None = Field(
        default=None,
        min_length=1,
        description="Words of which an offer's region must hold one, such as us-east; what states "
        "no region, as APIs do not, holds none.",
    )
    allow_tiers: tuple[Tier, ...] | None = Field(
        default=None, min_length=1, description="Who may stand behind the host of a GPU."
    )
    max_price_age_days: Annotated[int, Field(ge=0, le=36_500, strict=True)] | None = Field(
        default=None, description="Oldest price accepted, by the day it was true."
    )


class QualityFloor(Record):
    """How good pictures must be; model and steps are then the plan's to choose among records.

    The steps of the shapes give way to those of a record, where one says.
    """

    metric: Literal["clip", "clip_by_steps", "lpips", "binding", "accepted"]
    at_least: Positive = Field(description="The low end of the record's interval reaches it.")
    category: Name | None = Field(
        default=None, description="Of prompts; the mean over all if None."
    )
    judge: Name | None = Field(
        default=None, description="Whose scores count, where records hold those of several."
    )
    models: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="To choose among; the workload's alone if None."
    )


class Workload(Record):
    """How many images of which shapes, by when, and what is out of the question."""

    format: Literal["fluxcost-workload"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION
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
        description="Billed from renting a GPU until it makes its first image; left out beside "
        "arrivals, for which GPUs are kept.",
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
