"""What a plan must reach and what it must never do: objective, constraints, quality floor."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from fluxcost.estimate import Source
from fluxcost.records import Name, NonNegative, Positive, Record

Percentile = Annotated[float, Field(ge=1, le=99.99, allow_inf_nan=False, strict=True)]
Tier = Literal["standard", "secure", "community", "marketplace"]


class Objective(Record):
    """How soon requests must be answered: most of them `within_s` of their arrival.

    How many is either a percentile of those answered or the goodput, a share of all that came.
    Requests that may be rejected are turned away when the queue is too long to answer them in time:
    they do not count in the percentile, and are missed in the goodput.
    """

    percentile: Percentile | None = Field(
        default=None, description="Such as 95: 95 of 100 requests answered."
    )
    goodput: Annotated[float, Field(ge=0.01, le=0.9999, strict=True)] | None = Field(
        default=None,
        description="Instead: such as 0.99, of all requests; those turned away or never answered "
        "are missed.",
    )
    within_s: Positive = Field(description="From a request's arrival to its last image, seconds.")
    may_reject: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False, strict=True)] = Field(
        default=0.0, description="Largest share of requests that may be turned away."
    )

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.percentile is None) == (self.goodput is None):
            raise ValueError("either percentile, such as 95, or goodput, such as 0.95, one of them")
        if self.goodput is not None and self.may_reject > 1 - self.goodput + 1e-12:
            raise ValueError(
                f"may_reject of at most {1 - self.goodput:.4g} beside this goodput, in which those "
                "turned away are missed"
            )
        return self

    @property
    def rank(self) -> float:
        """How many of 100 requests must be in time, such as 95."""
        if self.percentile is not None:
            return self.percentile
        assert self.goodput is not None  # noqa: S101 - narrows the type; _one_measure has checked
        return 100 * self.goodput

    @property
    def counts_all(self) -> bool:
        """Whether requests that were never answered count as late."""
        return self.goodput is not None

    @property
    def may_lose(self) -> float:
        """Largest share of requests that may go unanswered."""
        return self.may_reject if self.goodput is None else 1 - self.goodput

    @property
    def label(self) -> str:
        """What must be in time: "p95" of those answered, or "p95 of all" that came."""
        return f"p{self.rank:g} of all" if self.counts_all else f"p{self.rank:g}"

    def __str__(self) -> str:
        return f"{self.label} within {self.within_s:g} s"


class Constraints(Record):
    """What a plan must never do. None, or an empty list of denials, constrains nothing."""

    allow_providers: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="Who may be bought from; anyone unless stated."
    )
    deny_providers: tuple[Name, ...] = Field(default=(), description="Who must not be bought from.")
    allow_billing: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="Billing kinds of GPU offers, such as on-demand."
    )
    least_grade: Literal["A", "B", "C"] = Field(
        default="B", description="Weakest evidence of a price accepted: A is the vendor's own."
    )
    allow_stale: StrictBool = Field(
        default=True,
        description="Use prices over 90 days old or of unknown age too, with their wider interval; "
        "your own always count.",
    )
    allow_marketplace: StrictBool = Field(
        default=False, description="Use hosts of a marketplace, whose prices move day by day, too."
    )
    spot_interruptions_per_hour: NonNegative | None = Field(
        default=None,
        description="Of one spot instance, as you see them; without it no spot offer is used.",
    )
    allow_sources: tuple[Source, ...] | None = Field(
        default=None, min_length=1, description="Of timings; APIs are not timed, so not concerned."
    )
    max_latency_p95_s: Positive | None = Field(
        default=None, description="Of one call on an idle GPU, without queueing."
    )
    allow_lossy: StrictBool = Field(
        default=False, description="Whether stacks that change the pictures may be used."
    )
    allow_cached_prompts: StrictBool = Field(
        default=False,
        description="Whether every prompt comes again and again, so that stacks which keep what "
        "was encoded before may be used.",
    )
    allow_untimed: StrictBool = Field(
        default=False,
        description="Whether APIs, which nobody timed, may answer where an objective is stated.",
    )
    non_commercial: StrictBool = Field(
        default=False, description="Whether weights licensed for no commercial use may be run."
    )
    allow_regions: tuple[Name, ...] | None = Field(
        default=None,
        min_length=1,
        description="Words of which an offer's region must hold one, such as us-east; what states "
        "no region, as APIs do not, holds none.",
    )
    allow_tiers: tuple[Tier, ...] | None = Field(
        default=None, min_length=1, description="Who may stand behind the host of a GPU."
    )
    max_price_age_days: Annotated[int, Field(ge=0, le=36_500, strict=True)] | None = Field(
        default=None, description="Oldest price accepted, by the day it was true."
    )


class QualityFloor(Record):
    """How good pictures must be; model and steps are then the plan's to choose among records.

    The steps of the shapes give way to those of a record, where one says.
    """

    metric: Literal["clip", "clip_by_steps", "lpips", "binding", "accepted"]
    at_least: Positive = Field(
        description="The lower bound of the record's interval must reach it."
    )
    category: Name | None = Field(
        default=None, description="Of prompts; the mean over all if None."
    )
    judge: Name | None = Field(
        default=None, description="Whose scores count, where records hold those of several."
    )
    models: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="To choose among; the workload's alone if None."
    )
