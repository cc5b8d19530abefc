"""What every price row states: source, date, grade, status, and the error of its price."""

from __future__ import annotations

import abc
import datetime as dt
import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, ValidationInfo, field_validator, model_validator

from fluxcost.economics.price_moves import PriceClass, log_move_quantiles
from fluxcost.economics.terms import AccountPlan, Day, Exchange
from fluxcost.errors import InputError, UnknownNameError
from fluxcost.estimate import Draws, Source
from fluxcost.records import Name, Positive, Record

STALE_AFTER_DAYS = 90
"""Older prices count as assumed; in 2026 one vendor's H100 rose 21 % within 82 days."""

EXCHANGE_DRIFT_PER_SQRT_DAY = 0.0045
"""How far an exchange rate's logarithm wanders with the square root of its age in days.

The euro's reference rate in dollars (European Central Bank, since 1999) moves by 8 to 9 % a year:
0.085 / sqrt(365) = 0.0045.
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
    """What the day of a price is the day of.

    stated: the day that the source states. month: the first day of the month that it states. read:
    the day on which the vendor's own page, feed or answer was read. commit: the day of the commit
    that wrote the price down. package: the release day of the package that carried it; the price
    may be older. collected: the day on which an undated copy was read; the price may be older.
    """

    STATED = "stated"
    MONTH = "month"
    READ = "read"
    COMMIT = "commit"
    PACKAGE = "package"
    COLLECTED = "collected"

    @property
    def is_dated(self) -> bool:
        """Whether the price was true on that day; otherwise its age on that day is unknown."""
        return self not in {DateKind.PACKAGE, DateKind.COLLECTED}


class Observation(Record):
    """Someone saw the price of a row on a day other than the row's own `as_of`."""

    as_of: Day = Field(description="Day of the observation, as `as_of_kind` says.")
    as_of_kind: DateKind
    source: Name = Field(description="Page, package or data set the price was read from.")
    grade: Grade = Field(description="How good the source is, see `Grade`.")


@dataclass(frozen=True)
class PriceMove:
    """How far a price may have moved since it was seen: quantiles of ln(price now / price seen).

    Attributes:
        price_class: What kind of price it is.
        age_days: Days since it was seen, at least 0.
        unknown_age: Whether its age was unknown on the day it was seen.
        changes_seen: Changes among its dated observations.
        span_seen_days: Days between the first and the last of these.
    """

    price_class: PriceClass
    age_days: float
    unknown_age: bool = False
    changes_seen: int = 0
    span_seen_days: float = 0.0

    def __call__(self, u: Draws) -> Draws:
        """Return the move at probabilities `u`, in the shape of `u`."""
        return log_move_quantiles(
            self.price_class,
            self.age_days,
            u,
            unknown_age=self.unknown_age,
            changes_seen=self.changes_seen,
            span_seen_days=self.span_seen_days,
        )


def today_utc() -> dt.date:
    """Return the current day in UTC."""
    return dt.datetime.now(tz=dt.UTC).date()


class PriceRow(Record, abc.ABC):
    """The part that offers and tariffs share: a price as last seen, and its history."""

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
        description="Last day the price was seen, as `as_of_kind` says. A copy without a date that "
        "was read later than a dated page does not replace it: give it as an observation."
    )
    as_of_kind: DateKind = Field(
        description="stated, month, read or commit: the price was true on that day. package or "
        "collected: it may be older, by an unknown age."
    )
    grade: Grade = Field(description="How good the source is, see `Grade`.")
    observed: tuple[Observation, ...] = ()
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
        for each in self.observed:
            own_is_better = self.as_of_kind.is_dated and not each.as_of_kind.is_dated
            if each.as_of > self.as_of and not own_is_better:
                raise ValueError(
                    f"observed up to as_of; what was seen on {each.as_of} is the row's own price"
                )
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

    @property
    @abc.abstractmethod
    def price_class(self) -> PriceClass:
        """What kind of price it is: those of one class move alike."""

    @abc.abstractmethod
    def _price_seen(self, observation: Observation | None) -> object:
        """Return the price of an observation, or of the row itself."""

    @abc.abstractmethod
    def _with_price(self, price: Any) -> dict[str, Any]:  # noqa: ANN401 - what `_price_seen` gave
        """Return the fields of a row that state a price seen."""

    @abc.abstractmethod
    def _stated(self, observation: Observation) -> Observation:
        """Return an observation that states its price even where it is the row's."""

    @property
    def history(self) -> tuple[tuple[dt.date, DateKind, object], ...]:
        """Day, kind and price of every observation, oldest first, the row's own included."""
        seen = [(each.as_of, each.as_of_kind, self._price_seen(each)) for each in self.observed]
        own = (self.as_of, self.as_of_kind, self._price_seen(None))
        return tuple(sorted((*seen, own), key=lambda each: each[0]))

    def known_on(self, day: dt.date) -> Self | None:
        """Return the row as it was known on a day; None before the first observation."""
        if day >= self.as_of:
            return self
        by_then = [each for each in self.observed if each.as_of <= day]
        if not by_then:
            return None
        # A copy of unknown age does not replace a dated page.
        latest = max(by_then, key=lambda each: (each.as_of_kind.is_dated, each.as_of))
        price = self._price_seen(latest)
        said = {name: getattr(latest, name) for name in Observation.model_fields}
        rest = tuple(self._stated(each) for each in by_then if each is not latest)
        return self.model_copy(update={**said, **self._with_price(price), "observed": rest})

    @property
    def contract_end(self) -> dt.date | None:
        """Last day on which the price of a contract of yours cannot change; None without one.

        Only a dated row of your own is a contract: until `valid_until`, or to the end of a
        commitment.
        """
        return self.valid_until if self.from_overlay and self.as_of_kind.is_dated else None

    @property
    def last_seen(self) -> dt.date:
        """Day of the latest observation."""
        return self.history[-1][0]

    def age_days(self, today: dt.date | None = None) -> int:
        """Return the days from the day the price was last seen to a day (UTC today unless given).

        Raises:
            InputError: The price was not seen before that day, see `refuse_before_seen`.
        """
        day = today or today_utc()
        self.refuse_before_seen(day)
        return (day - self.as_of).days

    def refuse_before_seen(self, day: dt.date) -> None:
        """Refuse a day before `as_of`.

        Raises:
            InputError: The row tells a later price; `Catalog.at` gives the one of that day.
        """
        if day < self.as_of:
            raise InputError(
                f"{self.id}: the price was seen on {self.as_of}, after {day}, the day it is asked "
                "for; expected that day or a later one, or correct as_of. Catalog.at(day) gives "
                "the prices known on an earlier day."
            )

    def staleness(self, today: dt.date | None = None) -> str | None:
        """Return why the price is not known to be fresh, or None where it is.

        A price is fresh within its contract and for `STALE_AFTER_DAYS` days after a day on which it
        was true. The age of what an undated page or a package says is not known.
        """
        day = today or today_utc()
        if self.contract_end is not None and day <= self.contract_end:
            return None
        if self.as_of_kind is DateKind.COLLECTED:
            return f"of unknown age, from an undated copy read on {self.as_of}"
        if self.as_of_kind is DateKind.PACKAGE:
            return f"of unknown age, from a package released on {self.as_of}"
        age = self.age_days(day)
        return f"{age} days old (as of {self.as_of})" if age > STALE_AFTER_DAYS else None

    def price_errors(self, today: dt.date | None = None) -> dict[str, float | PriceMove]:
        """Return the errors of the price's logarithm by key, as `Estimate.spread` takes them.

        A contract is exact within its term. After it, and for every other price, the error is how
        far prices of its class move in the days since it was seen (see `price_moves`); what was
        seen of this very price before says how often it moves. An exchange rate has an error of
        its own, which all rows of its currency share.
        """
        day = today or today_utc()
        age, end = self.age_days(day), self.contract_end
        if end is not None:
            age = max((day - end).days, 0)
        errors: dict[str, float | PriceMove] = {}
        if end is None or age > 0:
            dated = [each for each in self.history if each[1].is_dated]
            changes = sum(a[2] != b[2] for a, b in pairwise(dated))
            span = (dated[-1][0] - dated[0][0]).days if dated else 0
            unknown = end is None and not self.as_of_kind.is_dated
            errors[f"price/{self.id}"] = PriceMove(self.price_class, age, unknown, changes, span)
        if self.exchange is not None:
            days = max((day - self.exchange.as_of).days, 0)
            errors[f"exchange/{self.currency}"] = EXCHANGE_DRIFT_PER_SQRT_DAY * math.sqrt(days)
        return errors

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
