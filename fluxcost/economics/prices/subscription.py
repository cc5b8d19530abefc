"""A monthly fee that includes GPU time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from fluxcost.economics.prices.request import PLAIN, Request
from fluxcost.economics.terms import Usd
from fluxcost.errors import MissingDataError
from fluxcost.records import Count, Positive, Record
from fluxcost.workload import Shape


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

    def gpu_hours_per_image(self, request: Request = PLAIN) -> float:
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

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image, at full use of the included hours.

        Raises:
            MissingDataError: The images of a job are not known.
        """
        return self.usd_per_month / self.included_gpu_hours * self.gpu_hours_per_image(request)
