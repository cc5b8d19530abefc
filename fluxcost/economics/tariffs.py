"""Tariffs: what an image API charges for an image of a shape."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, model_validator

from fluxcost.economics.price_moves import PriceClass
from fluxcost.economics.price_row import Observation, PriceRow, Slug
from fluxcost.economics.prices import Price
from fluxcost.economics.prices.api_request import PLAIN_REQUEST, ApiRequest
from fluxcost.economics.prices.per_image import (
    ClaimedRange,
    SizeName,
    SubscriptionGpuTime,
    Unpublished,
)
from fluxcost.economics.terms import FreeQuota, GatewayFee, Usd
from fluxcost.errors import InputError, MissingDataError, UnknownNameError
from fluxcost.estimate import Estimate
from fluxcost.records import Count, Name, Positive
from fluxcost.workload.shape import Shape

SECONDS_PER_MINUTE = 60

Task = Literal["text-to-image", "edit"]


class TariffObservation(Observation):
    """A tariff's price as someone saw it on another day."""

    price: Price | None = Field(
        default=None, description="Price then; left out where it was the row's."
    )


class Tariff(PriceRow):
    """How an image API charges for one model."""

    model: Slug = Field(description="Model key such as flux2-klein-4b.")
    price: Price = Field(description="The price shape.")
    observed: tuple[TariffObservation, ...] = Field(
        default=(),
        description="When else the price was seen: earlier days, or copies of unknown age.",
    )
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)] = Field(
        default=("text-to-image",),
        description="text-to-image (no reference images), edit (at least one), or both.",
    )
    quality: str | None = Field(
        default=None, description="The quality setting this price is for, where the API has one."
    )
    also_billed_for: tuple[Name, ...] = Field(
        default=(),
        description="Other quality settings billed at this price, such as auto; 'default' is what "
        "a request gets that names none.",
    )
    default_size: SizeName | None = Field(
        default=None, description="Size of a request that names none; None when not stated."
    )
    add_ons: dict[Name, Usd] = Field(
        default_factory=dict, description="USD a request for each add-on, such as a LoRA."
    )
    free_quota: FreeQuota | None = Field(
        default=None, description="Use that is free each day or month."
    )
    not_billed: tuple[Literal["failed-requests", "queue-time"], ...] = Field(
        default=(), description="What the vendor says it does not bill."
    )
    gateway_fee: GatewayFee | None = Field(
        default=None, description="What a go-between adds to the vendor's price."
    )
    stated_latency_s: Positive | None = Field(
        default=None, description="Seconds per image as the vendor states; not measured."
    )
    requests_per_minute: Positive | None = Field(
        default=None, description="Rate limit as the vendor states; None when not stated."
    )
    concurrent_requests: Count | None = Field(
        default=None,
        description="Requests of one account that run at once, as the vendor states for a new one.",
    )
    limits_source: str | None = Field(
        default=None, description="Where latency and limits are stated, and when."
    )
    fixed_steps: Count | None = Field(
        default=None,
        description="Steps the API always runs; None when they can be chosen or are not stated.",
    )
    is_from_price: StrictBool = Field(
        default=False,
        description="Whether the source says 'from', so that the real price may be higher.",
    )

    def usd_per_image(
        self, shape: Shape, today: dt.date | None = None, request: ApiRequest = PLAIN_REQUEST
    ) -> Estimate:
        """Return USD for one image of a shape; its interval is how far the price may have moved.

        Multipliers in force, add-ons and a go-between's fee are in it; free quotas and monthly
        fees are not, since they depend on the volume: see `api_bill`. Of a subscription it is the
        fee at full use of its included hours.

        Raises:
            InputError: The API does not make this shape, has no such add-on, or the day is before
                the price was seen.
            MissingDataError: The shape is made but its price was not found.
        """
        self._refuse_other_tasks(shape)
        try:
            usd = self.price.usd_per_image(shape, request)
        except (InputError, MissingDataError) as error:
            raise type(error)(f"tariff {self.id} cannot price {shape}: {error}") from None
        fee = 0.0 if self.gateway_fee is None else self.gateway_fee.share
        usd = (usd * self.factor + self.add_ons_usd(request)) * (1 + fee)
        evidence = (
            f"tariff {self.id}: {usd:g} USD per image at {shape}, "
            f"as of {self.as_of} ({self.as_of_kind}), grade {self.grade}"
        )
        errors = self.price_errors(today)
        return Estimate.spread(usd, errors, "USD/image", self.trust(today), evidence)

    @property
    def price_class(self) -> PriceClass:
        """What kind of price it is: those of one class move alike."""
        return PriceClass.API

    def _price_seen(self, observation: Observation | None) -> Price:
        if isinstance(observation, TariffObservation) and observation.price is not None:
            return observation.price
        return self.price

    def _with_price(self, price: Price) -> dict[str, Any]:
        return {"price": price}

    def _stated(self, observation: Observation) -> Observation:
        return observation.model_copy(update={"price": self._price_seen(observation)})

    @property
    def most_images_per_s(self) -> float | None:
        """Images a second that the stated limits let one account make; None where none tells."""
        rates = []
        if self.requests_per_minute is not None:
            rates.append(self.requests_per_minute / SECONDS_PER_MINUTE)
        if self.concurrent_requests is not None and self.stated_latency_s is not None:
            rates.append(self.concurrent_requests / self.stated_latency_s)
        return min(rates, default=None)

    @property
    def limits(self) -> str:
        """What is known of its speed and its limits, in words."""
        known = []
        if self.stated_latency_s is not None:
            known.append(f"{self.stated_latency_s:g} s an image")
        if self.requests_per_minute is not None:
            known.append(f"{self.requests_per_minute:g} requests a minute")
        if self.concurrent_requests is not None:
            known.append(f"{self.concurrent_requests} requests at once")
        if not known:
            return "whether its rate limit allows this volume is not known"
        untimed = "" if self.most_images_per_s else ", and how long one takes is not known"
        return f"the vendor states {' and '.join(known)}{untimed}"

    @model_validator(mode="after")
    def _limits_have_a_source(self) -> Self:
        stated = (self.stated_latency_s, self.requests_per_minute, self.concurrent_requests)
        if any(limit is not None for limit in stated) and not self.limits_source:
            raise ValueError("limits_source beside a stated latency or limit")
        return self

    @model_validator(mode="after")
    def _in_usd(self) -> Self:
        if self.currency != "USD":
            raise ValueError("a tariff in USD, as the names of its prices say; convert and note it")
        return self

    def is_plannable(self, today: dt.date | None = None) -> bool:
        """Return whether a plan may buy from it: current, and with a published price."""
        return self.is_current(today) and not isinstance(self.price, Unpublished | ClaimedRange)

    def add_ons_usd(self, request: ApiRequest) -> float:
        """Return USD of the add-ons of one request, without a gateway's fee.

        Raises:
            UnknownNameError: The tariff has no such add-on.
        """
        for name in request.add_ons:
            if name not in self.add_ons:
                raise UnknownNameError(f"add-on of {self.id}", name, self.add_ons)
        return sum(self.add_ons[name] * count for name, count in request.add_ons.items())

    def _refuse_other_tasks(self, shape: Shape) -> None:
        task: Task = "edit" if shape.reference_images else "text-to-image"
        if task not in self.tasks:
            raise InputError(
                f"tariff {self.id} is for {' and '.join(self.tasks)} and reference_images is "
                f"{shape.reference_images}; choose a tariff for {task}."
            )
        if self.fixed_steps is not None and shape.steps != self.fixed_steps:
            raise InputError(
                f"steps is {shape.steps}; tariff {self.id} always runs {self.fixed_steps}; "
                f"use {self.fixed_steps} or another tariff."
            )

    def _doubts(self, day: dt.date) -> list[str]:
        doubts = super()._doubts(day)
        if self.is_from_price:
            doubts.append("a 'from' price; the real one may be higher")
        if isinstance(self.price, SubscriptionGpuTime):
            doubts.append("how many images a GPU hour makes depends on what is asked")
        return doubts
