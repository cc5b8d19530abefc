"""What a user asks for: the shape of a request, and the workload made of them.

A workload file (format `fluxcost-workload`, version 1) says which images are wanted, how many, by
when, and what a plan must never do. It holds what only the user knows; nothing here is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from fluxcost.documents import read_yaml
from fluxcost.errors import DocumentError, FormatVersionError, InputError
from fluxcost.estimate import Source
from fluxcost.records import Name, Positive, Record

FORMAT: Literal["fluxcost-workload"] = "fluxcost-workload"
VERSION = 1

MULTIPLE_PX = 16
"""Step of width and height: the VAE shrinks by 8, and 2x2 latents make one token (diffusers)."""

MAX_SIDE_PX = 8192
MAX_STEPS = 1000
MAX_REFERENCE_IMAGES = 16

Images = Annotated[int, Field(ge=1, le=10**12, strict=True)]
Hours = Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False, strict=True)]
Minutes = Annotated[float, Field(ge=0, le=1440, allow_inf_nan=False, strict=True)]
Weight = Annotated[float, Field(ge=1e-6, le=1e6, allow_inf_nan=False, strict=True)]
Utilization = Annotated[float, Field(ge=0.001, le=1, allow_inf_nan=False, strict=True)]


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
        return f"{self.width}x{self.height}, {self.steps} steps"


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


class Constraints(Record):
    """What a plan must never do. None, or an empty list of denials, constrains nothing."""

    allow_providers: tuple[Name, ...] | None = Field(default=None, min_length=1)
    deny_providers: tuple[Name, ...] = ()
    allow_billing: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="Billing kinds of GPU offers, such as on-demand."
    )
    least_grade: Literal["A", "B", "C"] = Field(
        default="C", description="Weakest evidence of a price accepted: A is the vendor's own."
    )
    allow_sources: tuple[Source, ...] | None = Field(
        default=None, min_length=1, description="Of timings; APIs are not timed, so not concerned."
    )
    max_latency_p95_s: Positive | None = Field(
        default=None, description="Of one call on an idle GPU, without queueing."
    )


class Workload(Record):
    """How many images of which shapes, by when, and what is out of the question."""

    format: Literal["fluxcost-workload"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION
    name: Name
    model: Name = Field(description="Such as flux2-klein-4b.")
    shapes: tuple[ShapeShare, ...] = Field(min_length=1)
    images_per_month: Images | None = None
    deadline: Deadline | None = None
    on_demand: OnDemand | None = Field(
        default=None, description="Consider renting by the hour as well as around the clock."
    )
    utilization: Utilization = Field(
        description="Share of rented time, start-up aside, in which the GPUs make images."
    )
    startup_minutes: Minutes = Field(
        description="Billed from renting a GPU until it makes its first image."
    )
    constraints: Constraints = Constraints()

    @model_validator(mode="after")
    def _one_volume(self) -> Self:
        if (self.images_per_month is None) == (self.deadline is None):
            raise ValueError("either images_per_month or deadline, one of them")
        if self.deadline is not None and self.on_demand is not None:
            raise ValueError("on_demand only beside images_per_month")
        return self

    @property
    def images(self) -> int:
        """Images of the whole job, or of one month."""
        if self.deadline is not None:
            return self.deadline.images
        assert self.images_per_month is not None  # noqa: S101 - narrows the type; _one_volume has checked
        return self.images_per_month

    @property
    def mix(self) -> tuple[tuple[Shape, float], ...]:
        """Each shape and its share of the images; shares sum to 1."""
        total = sum(share.weight for share in self.shapes)
        return tuple((share.shape, share.weight / total) for share in self.shapes)


def load_workload(path: str | Path) -> Workload:
    """Read and check one workload file.

    Raises:
        DocumentError: Unreadable, not YAML, or not a workload.
        FormatVersionError: Written for a newer fluxcost.
        InputError: A field is missing, unknown or out of range.
    """
    path = Path(path)
    document: Any = read_yaml(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DocumentError(f"{path}: not a workload; its first line must be 'format: {FORMAT}'.")
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise FormatVersionError(
            f"{path}: version is {version}; expected at most {VERSION}; upgrade fluxcost."
        )
    return Workload.parse(document, str(path))
