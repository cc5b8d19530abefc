"""Prices that follow the work of an image: its pixels, megapixels, tiles or denoising steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from fluxcost.economics.prices.api_request import PLAIN_REQUEST, ApiRequest
from fluxcost.economics.terms import Usd
from fluxcost.errors import InputError, MissingDataError
from fluxcost.records import Count, Record
from fluxcost.workload.shape import Shape

Megapixel = Literal[1_000_000, 1_048_576]
"""Pixels of a megapixel: decimal, or 1024 x 1024; vendors differ."""


class PerPixel(Record):
    """A price per pixel made."""

    shape: Literal["per-pixel"]
    usd_per_pixel: Usd = Field(description="USD for each output pixel.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image.

        Raises:
            MissingDataError: Reference images are asked for and have no price.
        """
        _refuse_references(shape)
        return self.usd_per_pixel * shape.pixels


class PerMegapixel(Record):
    """A price per megapixel, of output and perhaps of input."""

    shape: Literal["per-megapixel"]
    usd: Usd = Field(description="USD per output megapixel.")
    input_usd: Usd | None = Field(
        default=None, description="USD per megapixel of reference images; None when not found."
    )
    megapixel_px: Megapixel = Field(description="What this vendor calls a megapixel.")
    rounding: Literal["up", "none"] = Field(description="up to whole megapixels, or none.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image.

        Raises:
            MissingDataError: Reference images are asked for and have no price.
            InputError: Their sizes are not as many as the reference images.
        """
        output = self.usd * self._megapixels(shape.width, shape.height)
        return output + _inputs_usd(self.input_usd, shape, request, self._megapixels)

    def _megapixels(self, width: int, height: int) -> float:
        megapixels = width * height / self.megapixel_px
        return math.ceil(megapixels) if self.rounding == "up" else megapixels


class FirstAndExtraMegapixel(Record):
    """One price for the first megapixel, another for each further one and each of input."""

    shape: Literal["first-and-extra-megapixel"]
    first_usd: Usd = Field(description="USD for the first megapixel or part of it.")
    extra_usd: Usd | None = Field(
        default=None,
        description="USD for each further megapixel or part of it; None when not found.",
    )
    input_usd: Usd | None = Field(
        default=None,
        description="USD for each megapixel of a reference image or part of it; None when not "
        "found.",
    )
    megapixel_px: Megapixel = Field(description="What this vendor calls a megapixel.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image.

        Raises:
            MissingDataError: The image is over one megapixel, or reference images are asked for,
                and that rate was not found.
            InputError: Their sizes are not as many as the reference images.
        """
        extra = self._megapixels(shape.width, shape.height) - 1
        if extra and self.extra_usd is None:
            raise MissingDataError(
                f"extra_usd, the price of a megapixel after the first, was not found; {shape} "
                "needs it: use at most one megapixel or add the rate."
            )
        output = self.first_usd + extra * (self.extra_usd or 0.0)
        return output + _inputs_usd(self.input_usd, shape, request, self._megapixels)

    def _megapixels(self, width: int, height: int) -> float:
        return math.ceil(width * height / self.megapixel_px)


class PerTile(Record):
    """A price per square tile, started tiles counting whole, of output and of input."""

    shape: Literal["per-tile"]
    tile_px: Count = Field(description="Side of a tile in pixels.")
    output_usd: Usd = Field(description="USD per output tile.")
    input_usd: Usd | None = Field(
        default=None, description="USD per tile of reference images; None when not found."
    )
    per_step: StrictBool = Field(default=False, description="Whether the price is for each step.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image.

        Raises:
            MissingDataError: Reference images are asked for and have no price.
            InputError: Their sizes are not as many as the reference images.
        """
        output = self.output_usd * self._tiles(shape.width, shape.height)
        usd = output + _inputs_usd(self.input_usd, shape, request, self._tiles)
        return usd * (shape.steps if self.per_step else 1)

    def _tiles(self, width: int, height: int) -> float:
        return math.ceil(width / self.tile_px) * math.ceil(height / self.tile_px)


def _inputs_usd(
    usd_per_unit: float | None,
    shape: Shape,
    request: ApiRequest,
    units: Callable[[int, int], float],
) -> float:
    if usd_per_unit is None:
        _refuse_references(shape)
        return 0.0
    alike = ((shape.width, shape.height),) * shape.reference_images
    sizes = alike if request.reference_sizes is None else request.reference_sizes
    if len(sizes) != shape.reference_images:
        raise InputError(
            f"reference_sizes holds {len(sizes)} sizes and reference_images is "
            f"{shape.reference_images}; give one size for each."
        )
    return usd_per_unit * sum(units(width, height) for width, height in sizes)


def _refuse_references(shape: Shape) -> None:
    if shape.reference_images:
        raise MissingDataError(
            f"reference_images is {shape.reference_images} and the price of a reference image was "
            "not found; use 0 or add the rate."
        )


class PerStep(Record):
    """A price per step."""

    shape: Literal["per-step"]
    usd_per_step: Usd = Field(description="USD for each step of one image.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image."""
        return self.usd_per_step * shape.steps


class AreaTimesSteps(Record):
    """A price in proportion to area and to steps."""

    shape: Literal["area-times-steps"]
    usd: Usd = Field(
        description="USD for an image `reference_side_px` square made in `reference_steps` steps."
    )
    reference_side_px: Count = Field(description="Side of the reference image in pixels.")
    reference_steps: Count = Field(description="Steps of the reference image.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image."""
        area = shape.pixels / self.reference_side_px**2
        return self.usd * area * shape.steps / self.reference_steps


class StepTable(Record):
    """A price list by steps, linear between its entries."""

    shape: Literal["step-table"]
    usd_by_steps: Annotated[dict[Count, Usd], Field(min_length=2)] = Field(
        description="USD per image, by steps."
    )
    max_px: Count = Field(description="Largest image sold, in pixels.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image.

        Raises:
            InputError: The steps are outside the list or the image is larger than sold.
        """
        steps = sorted(self.usd_by_steps)
        if not steps[0] <= shape.steps <= steps[-1]:
            raise InputError(f"steps is {shape.steps}; expected {steps[0]} to {steps[-1]}.")
        _refuse_larger(shape, self.max_px)
        above = next(step for step in steps if step >= shape.steps)
        below = max(step for step in steps if step <= shape.steps)
        if above == below:
            return self.usd_by_steps[above]
        share = (shape.steps - below) / (above - below)
        return self.usd_by_steps[below] * (1 - share) + self.usd_by_steps[above] * share


class StepBucket(Record):
    """One price for all steps up to a number, another up to the next."""

    shape: Literal["step-bucket"]
    usd_by_max_steps: Annotated[dict[Count, Usd], Field(min_length=1)] = Field(
        description="USD per image, by the most steps it buys."
    )
    max_px: Count = Field(description="Largest image sold, in pixels.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image.

        Raises:
            InputError: The steps are more than sold or the image is larger than sold.
        """
        _refuse_larger(shape, self.max_px)
        buckets = [steps for steps in sorted(self.usd_by_max_steps) if steps >= shape.steps]
        if not buckets:
            most = max(self.usd_by_max_steps)
            raise InputError(f"steps is {shape.steps}; expected at most {most}.")
        return self.usd_by_max_steps[buckets[0]]


def _refuse_larger(shape: Shape, max_px: int) -> None:
    if shape.pixels > max_px:
        raise InputError(f"image has {shape.pixels} pixels; expected at most {max_px}.")
