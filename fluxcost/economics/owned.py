"""A machine of one's own: what an hour of its GPUs costs, used or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from fluxcost.economics.billing import HOURS_PER_MONTH
from fluxcost.economics.electricity import MOST_PUE, MOST_USD_PER_KWH
from fluxcost.economics.rows import Slug
from fluxcost.estimate import Estimate, Source
from fluxcost.records import Count, Name, NonNegative, Positive, Record

MONTHS_PER_YEAR = 12

MOST_WATTS = 50_000.0
"""Bound that catches slips of the unit: kilowatts for watts, or a room's power for a machine's."""

Watts = Annotated[float, Field(gt=0, le=MOST_WATTS, allow_inf_nan=False, strict=True)]


@dataclass(frozen=True, eq=False)
class HourlyRate:
    """What an hour of a GPU costs, in an hour of work and in an idle one.

    Attributes:
        name: What is paid for.
        at_work: USD per GPU-hour while it makes images.
        idle: USD per GPU-hour while it waits.
    """

    name: str
    at_work: Estimate
    idle: Estimate


class OwnedMachine(Record):
    """A machine that was bought: written off in a straight line, and fed from the wall."""

    name: Name = Field(description="What you call it.")
    gpu: Slug = Field(description="GPU key such as h100-sxm.")
    gpu_count: Count = Field(description="GPUs in the machine.")
    capex_usd: Positive = Field(description="Price of the whole machine with what it needs, USD.")
    residual_usd: NonNegative = Field(
        default=0.0, description="What it still sells for at the end, USD."
    )
    years: Annotated[float, Field(gt=0, le=20, allow_inf_nan=False, strict=True)] = Field(
        description="Years over which it is written off."
    )
    upkeep_usd_per_month: NonNegative = Field(
        default=0.0, description="Room, network, spares and hands of the machine, USD a month."
    )
    watts_at_work: Watts = Field(description="Draw of the whole machine while it works, W.")
    watts_idle: Watts = Field(description="Draw of the whole machine while it waits, W.")
    pue: Annotated[float, Field(ge=1, le=MOST_PUE, allow_inf_nan=False, strict=True)] = Field(
        description="Power of the building over that of its machines."
    )
    usd_per_kwh: Annotated[
        float, Field(ge=0, le=MOST_USD_PER_KWH, allow_inf_nan=False, strict=True)
    ] = Field(description="Price of electricity, USD/kWh.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.residual_usd >= self.capex_usd:
            raise ValueError("residual_usd under capex_usd")
        if self.watts_idle > self.watts_at_work:
            raise ValueError("watts_idle of at most watts_at_work")
        return self

    @property
    def id(self) -> str:
        """What stands in the place of an offer's id."""
        return f"own/{self.name}"

    def hourly(self) -> tuple[HourlyRate, ...]:
        """Return depreciation, upkeep and electricity of a GPU-hour."""
        hours = self.years * MONTHS_PER_YEAR * HOURS_PER_MONTH
        depreciation = self._stated((self.capex_usd - self.residual_usd) / hours)
        upkeep = self._stated(self.upkeep_usd_per_month / HOURS_PER_MONTH)
        return (
            HourlyRate("depreciation", depreciation, depreciation),
            HourlyRate("upkeep", upkeep, upkeep),
            HourlyRate(
                "electricity", self._drawn(self.watts_at_work), self._drawn(self.watts_idle)
            ),
        )

    def _drawn(self, watts: float) -> Estimate:
        return self._stated(watts / 1000 * self.pue * self.usd_per_kwh)

    def _stated(self, usd_per_hour: float) -> Estimate:
        evidence = f"machine {self.id}, stated by its owner"
        return Estimate.exact(usd_per_hour / self.gpu_count, "USD/GPU-h", Source.ASSUMED, evidence)
