"""What every price row states: source, date, grade, status, and the error of its price."""

from __future__ import annotations

import datetime as dt
import math
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, ValidationInfo, field_validator, model_validator

from fluxcost.economics.terms import AccountPlan, Day, Exchange
from fluxcost.errors import UnknownNameError
from fluxcost.estimate import Source
from fluxcost.records import Name, Positive, Record

STALE_AFTER_DAYS = 90
"""Older prices count as assumed; in 2026 one vendor's H100 rose 21 % within 82 days."""

DRIFT_PER_SQRT_DAY = 0.019
"""How far a price's logarithm wanders with the square root of its age in days.

Root mean square over four moves of one vendor's H100 between two dates, which are those of rows in
pricing/ but for one: RunPod 3.29 to 3.49 USD in 37 days and on to 3.99 in 24 (seen on 2026-10-19 in
huggingface.co's 600me/gpu-cloud-h100-a100-pricing-benchmark, 21 days before the row of pricing/),
Lambda 3.78 to 4.29 in 136, Nebius 2.95 to 3.85 in 130. APIs are taken to drift alike, for want of
dated pairs of theirs.
"""

UNDATED_SIGMA = 0.31
"""How far the logarithm of a price on an undated page is from that of the dated price.

Root mean square over five pairs for one product: Lambda PCIe 2.49 and 3.29, Lambda SXM 3.29 and
4.29, Nebius 2.95 and 3.85, Hyperstack 1.90 and 3.2126, JarvisLabs 3.49 and 3.49.
"""

RowId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*$", max_length=100)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=100)]
Grade = Literal["A", "B", "C"]
"""A: the vendor's own page or feed. B: a dated transcription of it. C: a blog or aggregator."""


class Status(StrEnum):
    """What became of a price; only an active one may enter a plan."""

    ACTIVE = "active"
    RETIRED = "retired"
    NOT_FOUND = "not_found"
    SUPERSEDED = "superseded"


class DateKind(StrEnum):
    """What `as_of` is the date of."""

    STATED = "stated"
    MONTH = "month"
    PACKAGE = "package"
    COLLECTED = "collected"


def today_utc() -> dt.date:
    """Return the current day in UTC."""
    return dt.datetime.now(tz=dt.UTC).date()


class PriceRow(Record):
    """The part that offers and tariffs share."""

    id: RowId = Field(description="provider/name, unique in a catalog.")
    provider: Slug = Field(description="Who sells it; the first part of the id.")
    exchange: Exchange | None = Field(
        default=None, description="Dated rate of a currency other than USD."
    )
    currency: str = Field(
        description="USD; another currency of three capitals only beside `exchange`."
    )
    tax_included: StrictBool = Field(
        default=False, description="Whether the price already holds the tax."
    )
    source: Name = Field(description="Page, package or data set the price was read from.")
    as_of: Day = Field(
        description="Day the price was true, as `as_of_kind` says: the day stated by the source, "
        "the first day of the month it states, the release day of the package that carried it, or "
        "for an undated copy only the day it was collected."
    )
    as_of_kind: DateKind
    grade: Grade = Field(description="How good the source is, see `Grade`.")
    status: Status = Field(
        default=Status.ACTIVE, description="What became of it; anything but active needs a note."
    )
    superseded_by: RowId | None = Field(
        default=None, description="Id of the row with the later price of the same thing."
    )
    from_overlay: StrictBool = Field(
        default=False, description="Whether it was loaded from a folder of your own."
    )
    valid_until: Day | None = Field(
        default=None, description="Last day the price or the service exists."
    )
    effective_from: Day | None = Field(default=None, description="First day the price applies.")
    conflicts_with: tuple[RowId, ...] = Field(
        default=(),
        description="Ids of rows in which another source gives another price for the same thing.",
    )
    multipliers: dict[Name, Positive] = Field(
        default_factory=dict,
        description="Factors on every amount under a condition, such as a region or batch use.",
    )
    applied: tuple[Name, ...] = Field(
        default=(), description="The multipliers in force; none unless named."
    )
    account_plans: dict[Name, AccountPlan] = Field(
        default_factory=dict, description="Monthly fees with included use, one of which is chosen."
    )
    note: str = Field(default="", description="What a reader must know before trusting it.")

    @field_validator("currency")
    @classmethod
    def _dated_rate(cls, currency: str, info: ValidationInfo) -> str:
        rate = info.data.get("exchange")
        if currency != "USD" and rate is None:
            raise ValueError("USD, since no dated exchange rate is at hand; convert it and note it")
        if currency == "USD" and rate is not None:
            raise ValueError("another currency than USD beside `exchange`; remove one of the two")
        return currency

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.id.split("/")[0] != self.provider:
            raise ValueError(f"an id that begins with its provider, {self.provider}/")
        if self.status is not Status.ACTIVE and not self.note:
            raise ValueError(f"a note saying why the status is {self.status}")
        if self.superseded_by is not None and self.status is not Status.SUPERSEDED:
            raise ValueError("superseded_by only where the status is superseded")
        if unknown := set(self.applied) - set(self.multipliers):
            raise ValueError(f"applied multipliers that exist; not {', '.join(sorted(unknown))}")
        return self

    @property
    def factor(self) -> float:
        """USD per unit of currency, times the multipliers in force."""
        rate = 1.0 if self.exchange is None else self.exchange.usd_per_unit
        return rate * math.prod(self.multipliers[name] for name in self.applied)

    def under(self, *conditions: str) -> Self:
        """Return the row with some of its multipliers in force, such as a region's.

        Raises:
            UnknownNameError: The row has no such multiplier.
        """
        for name in conditions:
            if name not in self.multipliers:
                raise UnknownNameError(f"multiplier of {self.id}", name, self.multipliers)
        return self.model_copy(update={"applied": (*self.applied, *conditions)})

    def is_current(self, today: dt.date | None = None) -> bool:
        """Return whether the price can be bought at on a day (UTC today unless given)."""
        day = today or today_utc()
        started = self.effective_from is None or self.effective_from <= day
        ended = self.valid_until is not None and self.valid_until < day
        return self.status is Status.ACTIVE and started and not ended

    def age_days(self, today: dt.date | None = None) -> int:
        """Return the days between `as_of` and a day (UTC today unless given)."""
        return ((today or today_utc()) - self.as_of).days

    def staleness(self, today: dt.date | None = None) -> str | None:
        """Return why the price is too old to be relied on, or None where it is not.

        The age of what an undated page says is not known, so it is taken as old.
        """
        if self.as_of_kind is DateKind.COLLECTED:
            return f"from an undated page read on {self.as_of}"
        age = self.age_days(today)
        return f"{age} days old (as of {self.as_of})" if age > STALE_AFTER_DAYS else None

    def price_sigma(self, today: dt.date | None = None) -> float:
        """Return the standard deviation of the logarithm of the price's error by now."""
        if self.as_of_kind is DateKind.COLLECTED:
            return UNDATED_SIGMA
        return DRIFT_PER_SQRT_DAY * math.sqrt(max(self.age_days(today), 0))

    def trust(self, today: dt.date | None = None) -> Source:
        """Return published for a current, dated, fresh price of grade A or B, otherwise assumed."""
        return Source.ASSUMED if self._doubts(today or today_utc()) else Source.PUBLISHED

    def caveats(self, today: dt.date | None = None) -> tuple[str, ...]:
        """Return what a reader of an answer that uses this price must be told."""
        own = ["your own price"] if self.from_overlay else []
        return tuple(f"{self.id}: {text}" for text in (*own, *self._doubts(today or today_utc())))

    def _doubts(self, day: dt.date) -> list[str]:
        doubts = []
        if self.status is not Status.ACTIVE:
            doubts.append(f"{self.status}: {self.note}")
        if self.valid_until is not None and self.valid_until < day:
            doubts.append(f"ended on {self.valid_until}")
        if self.effective_from is not None and self.effective_from > day:
            doubts.append(f"applies only from {self.effective_from}")
        if stale := self.staleness(day):
            doubts.append(stale)
        if self.grade == "C":
            doubts.append("grade C: not from the vendor or a dated copy of the vendor's page")
        if self.conflicts_with:
            doubts.append(f"another source differs: see {', '.join(self.conflicts_with)}")
        return doubts
