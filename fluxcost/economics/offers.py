"""Offers: GPUs for rent, with the price as quoted and the rules by which time becomes a bill."""

from __future__ import annotations

import datetime as dt
import math
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, model_validator

from fluxcost.economics.price_moves import PriceClass
from fluxcost.economics.price_row import Observation, PriceRow, Slug
from fluxcost.economics.terms import Commitment, InternalCurrency, Part, PriceSample, Usd
from fluxcost.errors import MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.records import Count, Name, Positive, Record

SECONDS_PER_HOUR = 3600

STANDARD_NORMAL_95 = 1.645
"""Where 5 % of a normal distribution lies above: the ends of a 90 % interval."""


class BillingKind(StrEnum):
    """How GPU time is sold."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    RESERVED = "reserved"
    SERVERLESS = "serverless"
    SERVERLESS_ALWAYS_ON = "serverless-always-on"
    DEDICATED = "dedicated"
    MARKETPLACE = "marketplace"


class PriceUnit(StrEnum):
    """The unit a price is quoted in."""

    GPU_HOUR = "gpu-hour"
    INSTANCE_HOUR = "instance-hour"
    GPU_SECOND = "gpu-second"


class Phase(StrEnum):
    """A part of a session's life that may be billed."""

    STARTUP = "startup"
    RUNNING = "running"
    IDLE = "idle"


class Basis(StrEnum):
    """What kind of number the price is; only list prices and market prices can be bought at."""

    LIST = "list"
    MARKET = "market"
    AUCTION = "auction"
    AVERAGE = "provider-average"
    VOLUME_FLOOR = "volume-floor"


class Quote(Record):
    """A price exactly as the vendor quotes it."""

    amount: Usd = Field(description="Price of one `unit` in the row's currency, > 0.")
    unit: PriceUnit = Field(description="gpu-hour, instance-hour or gpu-second.")
    internal: InternalCurrency | None = Field(
        default=None, description="The vendor's own unit the amount is in, where it has one."
    )
    list_amount: Usd | None = Field(
        default=None, description="The public price, where `amount` is what your contract says."
    )
    low: Usd | None = Field(default=None, description="Lower end, where a range is quoted.")
    high: Usd | None = Field(default=None, description="Upper end, where a range is quoted.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("both low and high, or neither")
        if not (self.low or self.amount) <= self.amount <= (self.high or self.amount):
            raise ValueError("low <= amount <= high")
        return self

    @property
    def range_sigma(self) -> float:
        """Standard deviation of the price's logarithm that puts 90 % inside the range quoted."""
        if self.low is None or self.high is None:
            return 0.0
        return math.log(self.high / self.low) / (2 * STANDARD_NORMAL_95)


class BillingRules(Record):
    """How a span of use becomes billed seconds."""

    granularity_s: Positive | None = Field(
        default=None,
        description="Billing step in seconds, rounded up; None when not found, and then the unit "
        "of the quote (an hour or a second) is the step.",
    )
    minimum_s: Positive | None = Field(
        default=None,
        description="Shortest bill in seconds; None when not found, and then taken as 0.",
    )
    billed_phases: Annotated[tuple[Phase, ...], Field(min_length=1)] = Field(
        default=tuple(Phase),
        description="Phases that cost money; an instance you rent is billed through all three.",
    )
    idle_timeout_s: Positive | None = Field(
        default=None,
        description="Seconds a serverless worker stays up, billed, after its last request.",
    )
    credit_to_start_h: Positive | None = Field(
        default=None, description="Hours of credit the account must hold before it may start."
    )

    @model_validator(mode="after")
    def _running_is_billed(self) -> Self:
        if Phase.RUNNING not in self.billed_phases:
            raise ValueError("billed_phases that include running")
        return self


HYPERSCALERS = frozenset({"aws", "azure", "gcp", "oci"})
"""Providers whose list prices move least."""


class OfferObservation(Observation):
    """An offer's price as someone saw it on another day."""

    amount: Usd | None = Field(
        default=None,
        description="Price in the row's unit and currency; left out where it was the row's.",
    )


class Offer(PriceRow):
    """Something rentable."""

    sku: Name = Field(description="The vendor's own name for it.")
    gpu: Slug = Field(description="GPU key such as h100-sxm.")
    variant_stated: StrictBool = Field(
        default=True,
        description="False when the source leaves open which variant (SXM, PCIe, NVL) it is.",
    )
    gpu_count: Count = Field(description="GPUs in the instance, which is sold whole.")
    kind: BillingKind = Field(description="How it is sold.")
    price: Quote | None = Field(
        default=None, description="The quote; None when `unpriced` says why there is none."
    )
    unpriced: Literal["contact-sales", "not-published"] | None = Field(
        default=None, description="contact-sales or not-published, which are not the same as free."
    )
    observed: tuple[OfferObservation, ...] = Field(
        default=(),
        description="When else the price was seen: earlier days, or copies of unknown age.",
    )
    basis: Basis = Field(default=Basis.LIST, description="What kind of number the price is.")
    billing: BillingRules = Field(default=BillingRules(), description="How time becomes a bill.")
    tier: Literal["standard", "secure", "community", "marketplace"] = Field(
        default="standard",
        description="Who stands behind the host: secure, community, marketplace, or the vendor's "
        "standard.",
    )
    region: str = Field(
        default="", description="Where, in the vendor's words; empty when not stated."
    )
    parts: tuple[Part, ...] = Field(
        default=(), description="What is billed beside the GPUs, with its price."
    )
    commitment: Commitment | None = Field(
        default=None,
        description="The term that is bought whole: a reservation's, or a capacity block's.",
    )
    sample: PriceSample | None = Field(
        default=None, description="What the price summarizes, where it is a statistic."
    )
    not_included: tuple[Name, ...] = Field(
        default=(), description="What is billed on top and not priced here."
    )

    @model_validator(mode="after")
    def _priced_or_not(self) -> Self:
        if (self.price is None) == (self.unpriced is None):
            raise ValueError("either price, or unpriced: contact-sales or not-published")
        if self.commitment is not None and self.kind is not BillingKind.RESERVED:
            raise ValueError("a commitment only where the kind is reserved")
        if self.price is None and self.observed:
            raise ValueError("observed only beside a price")
        return self

    @property
    def usd_per_gpu_hour(self) -> float:
        """USD per GPU and hour, derived from the quote.

        Raises:
            MissingDataError: The vendor publishes no price.
        """
        return self.per_gpu_hour(self._quote().amount)

    @property
    def usd_per_instance_hour(self) -> float:
        """USD per hour for the whole instance, which is the least one can rent.

        Raises:
            MissingDataError: The vendor publishes no price.
        """
        return self.usd_per_gpu_hour * self.gpu_count

    @property
    def list_usd_per_instance_hour(self) -> float:
        """USD per hour for the whole instance at the public price.

        Raises:
            MissingDataError: The vendor publishes no price.
        """
        quote = self._quote()
        return self.per_gpu_hour(quote.list_amount or quote.amount) * self.gpu_count

    def per_gpu_hour(self, amount: float) -> float:
        """Return an amount quoted in the row's unit and currency as USD per GPU and hour.

        Raises:
            MissingDataError: The vendor publishes no price.
        """
        quote = self._quote()
        usd = amount * self.factor
        if quote.internal is not None:
            usd *= quote.internal.usd / quote.internal.per
        if quote.unit is PriceUnit.GPU_SECOND:
            return usd * SECONDS_PER_HOUR
        return usd / self.gpu_count if quote.unit is PriceUnit.INSTANCE_HOUR else usd

    @property
    def is_interruptible(self) -> bool:
        """Whether the vendor may take it back at any time."""
        return self.kind is BillingKind.SPOT

    @property
    def is_marketplace(self) -> bool:
        """Whether hosts set the price day by day, or nobody but the host stands behind it."""
        by_hosts = self.tier == "marketplace" or self.basis is Basis.MARKET
        return by_hosts or self.kind is BillingKind.MARKETPLACE

    @property
    def price_class(self) -> PriceClass:
        """What kind of price it is: those of one class move alike."""
        if self.is_marketplace or self.is_interruptible or self.tier == "community":
            return PriceClass.MARKET
        if self.kind is BillingKind.SERVERLESS:
            return PriceClass.SERVERLESS
        return PriceClass.HYPERSCALER if self.provider in HYPERSCALERS else PriceClass.CLOUD

    def _price_seen(self, observation: Observation | None) -> float | None:
        if isinstance(observation, OfferObservation) and observation.amount is not None:
            return observation.amount
        return None if self.price is None else self.price.amount

    def _with_price(self, price: float) -> dict[str, Any]:
        # The list price and the range are of the day of the row itself.
        quote = {"amount": price, "list_amount": None, "low": None, "high": None}
        return {"price": self._quote().model_copy(update=quote)}

    def _stated(self, observation: Observation) -> Observation:
        return observation.model_copy(update={"amount": self._price_seen(observation)})

    @property
    def contract_end(self) -> dt.date | None:
        """Last day on which the price of a contract of yours cannot change; None without one."""
        is_signed = self.from_overlay and self.as_of_kind.is_dated
        if not is_signed or self.commitment is None or self.valid_until is not None:
            return super().contract_end
        begun = self.effective_from or self.as_of
        return begun + dt.timedelta(hours=self.commitment.term_hours)

    def price_estimate(self, today: dt.date | None = None) -> Estimate:
        """Return USD per GPU-hour; its interval is how far the price may have moved since.

        Raises:
            InputError: The day is before the price was seen.
            MissingDataError: The vendor publishes no price.
        """
        quote = self._quote()
        evidence = (
            f"offer {self.id}: {quote.amount:g} USD per {quote.unit}, "
            f"as of {self.as_of} ({self.as_of_kind}), grade {self.grade}"
        )
        errors = self.price_errors(today)
        if quote.range_sigma:
            errors[f"range/{self.id}"] = quote.range_sigma
        return Estimate.spread(
            self.usd_per_gpu_hour, errors, "USD/GPU-h", self.trust(today), evidence
        )

    def is_plannable(self, today: dt.date | None = None) -> bool:
        """Return whether a plan may rent it: current, priced, and a price one can buy at."""
        buyable = self.basis is not Basis.VOLUME_FLOOR
        return self.is_current(today) and self.price is not None and buyable

    def _quote(self) -> Quote:
        if self.price is None:
            raise MissingDataError(
                f"offer {self.id} has no price ({self.unpriced}); ask the vendor and add the "
                "answer as a row of your own price folder."
            )
        return self.price

    def _doubts(self, day: dt.date) -> list[str]:
        doubts = super()._doubts(day)
        if not self.variant_stated:
            doubts.append(f"the source does not say which variant; taken as {self.gpu}")
        if self.basis is Basis.VOLUME_FLOOR:
            doubts.append("the lowest price under a volume agreement, not a list price")
        if self.basis is Basis.AVERAGE:
            doubts.append("an average over the provider's offers, not a quote")
        return doubts

    def caveats(self, today: dt.date | None = None) -> tuple[str, ...]:
        """Return what a reader must be told: doubts, what is not included, what was not found."""
        more = []
        if apart := (*map(str, self.parts), *self.not_included):
            more.append(f"not included: {', '.join(apart)}")
        if self.exchange is not None:
            more.append(f"converted from {self.currency} at the rate of {self.exchange.as_of}")
        if self.sample is not None:
            more.append(f"{self.sample.statistic} of {self.sample.size} offers")
        if self.is_interruptible:
            more.append("may be interrupted at any time")
        if self.is_marketplace:
            more.append("a marketplace price, which moves from day to day")
        if self.billing.granularity_s is None:
            more.append("billing step not found; taken as the unit of the quote")
        return super().caveats(today) + tuple(f"{self.id}: {text}" for text in more)


HOURS_PER_MONTH = 730
"""Hours of a month: 365 days over 12."""
