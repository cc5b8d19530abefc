"""What a user asks for: the shape of a request."""

from __future__ import annotations

from dataclasses import dataclass

from fluxcost.errors import InputError

MULTIPLE_PX = 16
"""Step of width and height: the VAE shrinks by 8, and 2x2 latents make one token (diffusers)."""

MAX_SIDE_PX = 8192
MAX_STEPS = 1000
MAX_REFERENCE_IMAGES = 16


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
        _check_side("width", self.width)
        _check_side("height", self.height)
        _check_count("steps", self.steps, 1, MAX_STEPS)
        _check_count("reference_images", self.reference_images, 0, MAX_REFERENCE_IMAGES)

    @property
    def pixels(self) -> int:
        """Pixels of one image."""
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}, {self.steps} steps"


def _check_side(field: str, value: object) -> None:
    _check_count(field, value, MULTIPLE_PX, MAX_SIDE_PX)
    assert isinstance(value, int)  # noqa: S101 - narrows the type; _check_count has refused everything else
    if value % MULTIPLE_PX:
        nearest = max(MULTIPLE_PX, round(value / MULTIPLE_PX) * MULTIPLE_PX)
        raise InputError(
            f"{field} is {value}; expected a multiple of {MULTIPLE_PX} pixels; use {nearest}."
        )


def _check_count(field: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{field} is {value!r}; expected a whole number from {low} to {high}.")
