"""Prices that follow the area of an image: pixels, megapixels, tiles.

A reference image counts as large as the image made, since a shape does not give its size.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, StrictBool

from fluxcost.economics.rows import Usd
from fluxcost.errors import MissingDataError
from fluxcost.records import Count, Record
from fluxcost.workload import Shape

Megapixel = Literal[1_000_000, 1_048_576]
"""Pixels of a megapixel: decimal, or 1024 x 1024; vendors differ."""


class PerPixel(Record):
    """A price per pixel made."""

    shape: Literal["per-pixel"]
    usd_per_pixel: Usd = Field(description="USD for each output pixel.")

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for one image.

        Raises:
            MissingDataError: Reference images are asked for and have no price.
        """
        return self.usd_per_pixel * shape.pixels + _inputs_usd(None, 0, shape)


class PerMegapixel(Record):
    """A price per megapixel, of output and perhaps of input."""

    shape: Literal["per-megapixel"]
    usd: Usd = Field(description="USD per output megapixel.")
    input_usd: Usd | None = Field(
        default=None, description="USD per megapixel of reference images; None when not found."
    )
    megapixel_px: Megapixel = Field(description="What this vendor calls a megapixel.")
    rounding: Literal["up", "none"] = Field(description="up to whole megapixels, or none.")

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for one image.

        Raises:
            MissingDataError: Reference images are asked for and have no price.
        """
        megapixels = shape.pixels / self.megapixel_px
        if self.rounding == "up":
            megapixels = math.ceil(megapixels)
        return self.usd * megapixels + _inputs_usd(self.input_usd, megapixels, shape)


class FirstAndExtraMegapixel(Record):
    """One price for the first megapixel, another for each further one, rounded up."""

    shape: Literal["first-and-extra-megapixel"]
    first_usd: Usd = Field(description="USD for the first megapixel or part of it.")
    extra_usd: Usd | None = Field(
        default=None,
        description="USD for each further megapixel or part of it; None when not found.",
    )
    megapixel_px: Megapixel = Field(description="What this vendor calls a megapixel.")

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for one image.

        Raises:
            MissingDataError: The image is over one megapixel and that rate was not found, or
                reference images are asked for.
        """
        extra = math.ceil(shape.pixels / self.megapixel_px) - 1
        if extra and self.extra_usd is None:
            raise MissingDataError(
                f"extra_usd, the price of a megapixel after the first, was not found; {shape} "
                "needs it: use at most one megapixel or add the rate."
            )
        return self.first_usd + extra * (self.extra_usd or 0.0) + _inputs_usd(None, 0, shape)


class PerTile(Record):
    """A price per square tile, started tiles counting whole, of output and of input."""

    shape: Literal["per-tile"]
    tile_px: Count = Field(description="Side of a tile in pixels.")
    output_usd: Usd = Field(description="USD per output tile.")
    input_usd: Usd | None = Field(
        default=None, description="USD per tile of reference images; None when not found."
    )
    per_step: StrictBool = Field(default=False, description="Whether the price is for each step.")

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for one image.

        Raises:
            MissingDataError: Reference images are asked for and have no price.
        """
        tiles = math.ceil(shape.width / self.tile_px) * math.ceil(shape.height / self.tile_px)
        usd = self.output_usd * tiles + _inputs_usd(self.input_usd, tiles, shape)
        return usd * (shape.steps if self.per_step else 1)


def _inputs_usd(usd_per_unit: float | None, units: float, shape: Shape) -> float:
    if not shape.reference_images:
        return 0.0
    if usd_per_unit is None:
        raise MissingDataError(
            f"reference_images is {shape.reference_images} and the price of a reference image was "
            "not found; use 0 or add the rate."
        )
    return usd_per_unit * units * shape.reference_images
