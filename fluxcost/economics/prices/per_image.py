"""Prices per image: flat, by size or tier, by subscription, or none stated."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from fluxcost.economics.prices.api_request import PLAIN_REQUEST, ApiRequest
from fluxcost.economics.terms import Pack, Usd
from fluxcost.errors import InputError, MissingDataError
from fluxcost.records import Count, Positive, Record
from fluxcost.workload.shape import Shape

SizeName = Annotated[str, Field(pattern=r"^\d+x\d+$")]
"""Width x height in pixels, such as 1024x1536."""


class FlatPerImage(Record):
    """One price for every image."""

    shape: Literal["flat"]
    usd: Usd = Field(description="USD per `per_images` images.")
    per_images: Count = Field(
        default=1, description="Images the quoted price buys, such as 1, 100 or 1000."
    )

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image."""
        return self.usd / self.per_images


class BySize(Record):
    """One price per named size; other sizes are not sold."""

    shape: Literal["by-size"]
    usd_by_size: Annotated[dict[SizeName, Usd], Field(min_length=1)] = Field(
        description="USD per `per_images` images, by size."
    )
    per_images: Count = Field(default=1, description="Images the quoted price buys.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
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

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
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

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
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


class SubscriptionGpuTime(Record):
    """A monthly fee that includes GPU time; images per minute are the subscriber's to know."""

    shape: Literal["subscription-gpu-time"]
    usd_per_month: Usd = Field(description="Monthly fee.")
    included_gpu_hours: Positive = Field(description="Fast GPU hours the fee includes.")
    extra_usd_per_gpu_hour: Usd = Field(description="USD for each further GPU hour.")
    extra_expires_after_days: Count | None = Field(
        default=None, description="Days until bought hours are lost; None when not stated."
    )
    unlimited_slow: StrictBool = Field(
        default=False, description="Whether a slow lane makes images without using up hours."
    )
    yearly_discount: Annotated[float, Field(gt=0, lt=1, strict=True)] | None = Field(
        default=None, description="Share off the fee when a year is paid at once."
    )
    gpu_minutes_per_job: Positive = Field(description="GPU minutes of an average job.")
    images_per_job: Count | None = Field(
        default=None, description="Images one job makes; None when not found."
    )

    @property
    def usd_per_job(self) -> float:
        """USD per job when the included hours are used up to the last minute."""
        return self.usd_per_month / (self.included_gpu_hours * 60) * self.gpu_minutes_per_job

    def gpu_hours_per_image(self, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return the GPU hours one image takes.

        Raises:
            MissingDataError: Neither the request nor the row says how many images time makes.
        """
        if request.images_per_gpu_minute is not None:
            return 1 / request.images_per_gpu_minute / 60
        if self.images_per_job is None:
            raise MissingDataError(
                f"images_per_job is not known, at {self.usd_per_job:.4f} USD per job; add it to "
                "the row to price an image."
            )
        return self.gpu_minutes_per_job / self.images_per_job / 60

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for one image, at full use of the included hours.

        Raises:
            MissingDataError: The images of a job are not known.
        """
        return self.usd_per_month / self.included_gpu_hours * self.gpu_hours_per_image(request)


class Unpublished(Record):
    """No price is published."""

    shape: Literal["unpublished"]
    reason: Literal["contact-sales", "not-found"] = Field(description="contact-sales or not-found.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Refuse.

        Raises:
            MissingDataError: Always.
        """
        raise MissingDataError(
            f"no price is published ({self.reason}); ask the vendor and add the answer as a row "
            "of your own price folder."
        )


class ClaimedRange(Record):
    """A range somebody claimed, kept to be checked, that no price list confirms."""

    shape: Literal["claimed-range"]
    low_usd: Usd = Field(description="Lower end, USD per image.")
    high_usd: Usd = Field(description="Upper end, USD per image.")

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Refuse.

        Raises:
            MissingDataError: Always.
        """
        raise MissingDataError(
            f"{self.low_usd:g} to {self.high_usd:g} USD per image is a claim that no price list "
            "confirms; choose a tariff with a published price."
        )
