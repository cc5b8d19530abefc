"""Prices that do not follow the area of an image: flat, named sizes, credits, tokens, GPU time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fluxcost.economics.rows import Usd
from fluxcost.errors import InputError, MissingDataError
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

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for one image."""
        return self.usd / self.per_images


class BySize(Record):
    """One price per named size; other sizes are not sold."""

    shape: Literal["by-size"]
    usd_by_size: Annotated[dict[SizeName, Usd], Field(min_length=1)] = Field(
        description="USD per `per_images` images, by size."
    )
    per_images: Count = Field(default=1, description="Images the quoted price buys.")

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for one image.

        Raises:
            InputError: The size is not in the list.
        """
        return _of_size(self.usd_by_size, shape) / self.per_images


class Credits(Record):
    """Credits bought for money; an image costs a fixed number of them."""

    shape: Literal["credits"]
    usd_per_credit: Usd = Field(description="USD for one credit.")
    credits_per_image: Positive = Field(description="Credits one image costs.")

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for one image."""
        return self.usd_per_credit * self.credits_per_image


class PerToken(Record):
    """Tokens in and out; the image part needs the tokens an image of each size takes."""

    shape: Literal["per-token"]
    image_out_usd: Usd = Field(description="USD per million output image tokens.")
    image_in_usd: Usd | None = Field(
        default=None, description="USD per million input image tokens."
    )
    text_in_usd: Usd | None = Field(default=None, description="USD per million prompt tokens.")
    image_out_tokens: dict[SizeName, Count] = Field(
        default_factory=dict,
        description="Output tokens of one image, by size; empty when not found.",
    )

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for the output tokens of one image; the prompt's few tokens are left out.

        Raises:
            MissingDataError: The tokens of an image are not known.
            InputError: The size is not in the list.
        """
        if not self.image_out_tokens:
            raise MissingDataError(
                "image_out_tokens is empty; add the output tokens of an image of each size."
            )
        return self.image_out_usd * _of_size(self.image_out_tokens, shape) / 1e6


class SubscriptionGpuTime(Record):
    """A monthly fee that includes GPU time; images per job are the subscriber's to know."""

    shape: Literal["subscription-gpu-time"]
    usd_per_month: Usd = Field(description="Monthly fee.")
    included_gpu_hours: Positive = Field(description="Fast GPU hours the fee includes.")
    extra_usd_per_gpu_hour: Usd = Field(description="USD for each further GPU hour.")
    gpu_minutes_per_job: Positive = Field(description="GPU minutes of an average job.")
    images_per_job: Count | None = Field(
        default=None, description="Images one job makes; None when not found."
    )

    @property
    def usd_per_job(self) -> float:
        """USD per job when the included hours are used up to the last minute."""
        return self.usd_per_month / (self.included_gpu_hours * 60) * self.gpu_minutes_per_job

    def usd_per_image(self, shape: Shape) -> float:
        """Return USD for one image, at full use of the included hours.

        Raises:
            MissingDataError: The images of a job are not known.
        """
        if self.images_per_job is None:
            raise MissingDataError(
                f"images_per_job is not known, at {self.usd_per_job:.4f} USD per job; add it to "
                "the row to price an image."
            )
        return self.usd_per_job / self.images_per_job


def _of_size(table: dict[str, float] | dict[str, int], shape: Shape) -> float:
    size = f"{shape.width}x{shape.height}"
    if size not in table:
        raise InputError(f"size is {size}; expected one of {', '.join(sorted(table))}.")
    return table[size]
