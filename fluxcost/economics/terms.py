"""What a price comes with: parts billed beside it, terms, fees, quotas, other currencies."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fluxcost.errors import InputError
from fluxcost.records import Count, Name, NonNegative, Positive, Record

GB_PER_GIB = 2**30 / 1e9
"""Decimal gigabytes in a binary one; vendors bill both under names that look alike."""

Usd = Positive
"""A price in US dollars; text that looks like a number is refused, and so is 0."""

Day = Annotated[dt.date, Field(strict=True)]


class Exchange(Record):
    """A dated exchange rate; without one no other currency than USD is accepted."""

    usd_per_unit: Usd = Field(description="USD for one unit of the row's currency.")
    as_of: Day = Field(description="Day of the rate.")
    source: Name = Field(description="Who published the rate.")


class InternalCurrency(Record):
    """A vendor's own unit, such as a credit, neuron or DBU, and what it sells for."""

    name: Name = Field(description="What the vendor calls it.")
    usd: Usd = Field(description="USD for `per` of them.")
    per: Count = Field(default=1, description="How many the quoted price buys, such as 1000.")


PartUnit = Literal[
    "core-second", "core-hour", "gib-second", "gib-hour", "gb-month", "gib-month", "gb", "gib"
]
"""A core or GiB for a time; GB (10^9 bytes) or GiB (2^30) for a month of 730 h, or once."""


class Part(Record):
    """Something billed beside the GPUs, in proportion to what the renter takes of it."""

    of: Literal["cpu", "memory", "storage", "traffic"] = Field(description="What is taken.")
    amount: Usd = Field(description="Price of one `unit`.")
    unit: PartUnit = Field(description="Such as core-second, gib-second, gb-month or gb.")
    least: NonNegative = Field(
        default=0.0, description="Least quantity billed, in cores, GB or GiB as the unit says."
    )
    while_stopped: bool = Field(
        default=False, description="Whether it is billed through the month, also while stopped."
    )

    @model_validator(mode="after")
    def _unit_fits(self) -> Self:
        units = {
            "cpu": ("core-second", "core-hour"),
            "memory": ("gib-second", "gib-hour"),
            "storage": ("gb-month", "gib-month"),
            "traffic": ("gb", "gib"),
        }[self.of]
        if self.unit not in units:
            raise ValueError(f"a unit of {self.of}: {' or '.join(units)}")
        return self

    @property
    def is_once(self) -> bool:
        """Whether it is billed by the amount moved, not by time."""
        return "-" not in self.unit

    def quantity(self, taken: float) -> float:
        """Return cores, or gibibytes turned into what the unit counts, at least `least`."""
        in_gb = self.unit.startswith("gb")
        return max(taken * (GB_PER_GIB if in_gb else 1.0), self.least)

    def __str__(self) -> str:
        least = f", at least {self.least:g}" if self.least else ""
        return f"{self.of} at {self.amount:.10f}".rstrip("0") + f" per {self.unit}{least}"


class Commitment(Record):
    """A term bought whole and paid whether used or not."""

    term_hours: Positive = Field(description="Length of the term; a month is 730 hours.")
    payment: Literal["upfront", "monthly"] = Field(
        description="upfront: the whole term is paid at its start; monthly: as it goes."
    )
    upfront: Usd | None = Field(
        default=None,
        description="Paid at the start for each instance besides the price; only with monthly.",
    )

    @model_validator(mode="after")
    def _upfront_once(self) -> Self:
        if self.payment == "upfront" and self.upfront is not None:
            raise ValueError("no further upfront amount where the whole term is paid up front")
        return self


class AccountPlan(Record):
    """A monthly fee of the account, and the use it includes."""

    usd_per_month: NonNegative = Field(description="Fee; 0 where the plan is free.")
    included_usd: NonNegative = Field(default=0.0, description="Use the fee includes, in USD.")


class FreeQuota(Record):
    """Use that is free each day or month, in the vendor's own unit."""

    units: Positive = Field(description="Units that are free.")
    currency: InternalCurrency = Field(description="What a unit is worth.")
    every: Literal["day", "month"] = Field(description="When it starts anew; none is kept.")


class PriceSample(Record):
    """What a price summarizes where it is a statistic of several offers."""

    statistic: Literal["median", "mean", "lowest", "highest"]
    size: Count = Field(description="Offers it was taken over; a few make a thin market.")


class Pack(Record):
    """Credits sold only in packs."""

    credits: Positive = Field(description="Credits in a pack.")
    usd: Usd = Field(description="USD of a pack.")
    expires_after_days: Count | None = Field(
        default=None, description="Days until unspent credits are lost; None when never stated."
    )


class GatewayFee(Record):
    """What a go-between adds."""

    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, strict=True)] = Field(
        description="Share of the amount, such as 0.05."
    )
    charged_on: Literal["top-up", "call"] = Field(
        description="top-up: on the money paid in, spent or not; call: on what is used."
    )


@dataclass(frozen=True)
class Resources:
    """What an instance takes beside its GPUs.

    Attributes:
        cpu: Cores.
        memory_gib: GiB of host memory.
        storage_gib: GiB of disk.
        traffic_gib: GiB sent out in the month, by all instances together.
    """

    cpu: float = 0.0
    memory_gib: float = 0.0
    storage_gib: float = 0.0
    traffic_gib: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise InputError(f"{name} is {value!r}; expected 0 or more.")

    def of(self, part: Part) -> float:
        """Return how much of a part an instance takes, in cores or GiB."""
        return {
            "cpu": self.cpu,
            "memory": self.memory_gib,
            "storage": self.storage_gib,
            "traffic": self.traffic_gib,
        }[part.of]


@dataclass(frozen=True)
class AccountTerms:
    """What the buyer says about the account.

    Attributes:
        resources: What an instance takes beside its GPUs.
        account_plan: Which of the row's monthly plans is paid; None where none is.
        tax_share: Tax on top of prices that exclude it, such as 0.19.
    """

    resources: Resources = Resources()
    account_plan: str | None = None
    tax_share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.tax_share <= 1:
            raise InputError(f"tax_share is {self.tax_share!r}; expected a share of 0 to 1.")


NO_ACCOUNT_TERMS = AccountTerms()
