"""The shape of a request, how command lines write it, and its share of a mix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from fluxcost.errors import InputError
from fluxcost.records import Record

MULTIPLE_PX = 16
"""Step of width and height: the VAE shrinks by 8, and 2x2 latents make one token (diffusers)."""

MAX_SIDE_PX = 8192
MAX_STEPS = 1000
MAX_REFERENCE_IMAGES = 16

Weight = Annotated[float, Field(ge=1e-6, le=1e6, allow_inf_nan=False, strict=True)]


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


def parse_shape(text: str, option: str = "--shape") -> Shape:
    """Return the shape that a command line writes as WIDTHxHEIGHTxSTEPS, such as 1024x1024x4.

    Args:
        text: Width and height in pixels, and denoising steps.
        option: Where it was given, for the message.

    Raises:
        InputError: Not three whole numbers, or one is out of range.
    """
    found = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})x([0-9]{1,6})", text.strip(), re.IGNORECASE)
    if found is None:
        raise InputError(f"{option} is {text!r}; expected WIDTHxHEIGHTxSTEPS, such as 1024x1024x4.")
    try:
        return Shape(*map(int, found.groups()))
    except InputError as error:
        raise InputError(f"{option} is {text}: {error}") from None


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
