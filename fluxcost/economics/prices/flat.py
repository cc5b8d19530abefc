"""Prices that do not follow the area of an image: flat, by size or tier, credits."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fluxcost.economics.prices.request import PLAIN, Request
from fluxcost.economics.terms import Pack, Usd
from fluxcost.errors import InputError
from fluxcost.records import Count, Positive, Record
from fluxcost.workload import Shape

SizeName = Annotated[str, Field(pattern=r"^\d+x\d+$")]
"""Width x height in pixels, such as 1024x1536."""


class FlatPerImage(Record):
    """One price for every image."""

    shape: Literal["flat"]
    usd: Usd = Field(description="USD per `per_images` images.")
    per_images: Count = Field(
        default=1, description="Images the quoted price buys, such as 1, 100 or 1000."
    )

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image."""
        return self.usd / self.per_images


class BySize(Record):
    """One price per named size; other sizes are not sold."""

    shape: Literal["by-size"]
    usd_by_size: Annotated[dict[SizeName, Usd], Field(min_length=1)] = Field(
        description="USD per `per_images` images, by size."
    )
    per_images: Count = Field(default=1, description="Images the quoted price buys.")

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image.

        Raises:
            InputError: The size is not in the list.
        """
        return of_size(self.usd_by_size, shape) / self.per_images


class ByTier(Record):
    """One price per resolution tier, such as 1K, 2K and 4K, whatever the aspect."""

    shape: Literal["by-tier"]
    usd_by_max_px: Annotated[dict[Count, Usd], Field(min_length=1)] = Field(
        description="USD per image, by the most pixels of the tier: 1K is 1048576."
    )

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image: that of the smallest tier it fits into.

        Raises:
            InputError: The image is larger than the largest tier.
        """
        tiers = [most for most in sorted(self.usd_by_max_px) if most >= shape.pixels]
        if not tiers:
            most = max(self.usd_by_max_px)
            raise InputError(f"image has {shape.pixels} pixels; expected at most {most}.")
        return self.usd_by_max_px[tiers[0]]


class Credits(Record):
    """Credits bought for money; an image costs a number of them."""

    shape: Literal["credits"]
    usd_per_credit: Usd = Field(description="USD for `per_credits` credits.")
    per_credits: Count = Field(default=1, description="Credits the quoted price buys.")
    credits_per_image: Positive | None = Field(
        default=None, description="Credits one image costs, whatever its size."
    )
    credits_by_max_px: dict[Count, Positive] = Field(
        default_factory=dict, description="Credits by the most pixels, where size matters."
    )
    pack: Pack | None = Field(
        default=None, description="The pack credits are sold in; None when any number is."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.credits_per_image is None) == (not self.credits_by_max_px):
            raise ValueError("either credits_per_image or credits_by_max_px")
        return self

    def credits(self, shape: Shape) -> float:
        """Return the credits one image costs.

        Raises:
            InputError: The image is larger than any sold.
        """
        if self.credits_per_image is not None:
            return self.credits_per_image
        tiers = [most for most in sorted(self.credits_by_max_px) if most >= shape.pixels]
        if not tiers:
            most = max(self.credits_by_max_px)
            raise InputError(f"image has {shape.pixels} pixels; expected at most {most}.")
        return self.credits_by_max_px[tiers[0]]

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image, its share of a pack where credits come in packs.

        Raises:
            InputError: The image is larger than any sold.
        """
        return self.usd_per_credit / self.per_credits * self.credits(shape)


def of_size(table: dict[str, float] | dict[str, int], shape: Shape) -> float:
    """Return the entry of a table by size.

    Raises:
        InputError: The size is not in the table.
    """
    size = f"{shape.width}x{shape.height}"
    if size not in table:
        raise InputError(f"size is {size}; expected one of {', '.join(sorted(table))}.")
    return table[size]
