"""Owned machines: what an hour of their GPUs costs, and the electricity and carbon of an image.

Electricity matters to owners and to those who report emissions: a rented hour includes it. The
joules are those of the GPU board; the rest of the host is not included, and the power usage
effectiveness (PUE) covers the share of the building only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from fluxcost.economics.offers import HOURS_PER_MONTH
from fluxcost.economics.price_row import Slug
from fluxcost.errors import InputError
from fluxcost.estimate import Draws, Estimate, Source, derive
from fluxcost.records import Count, Name, NonNegative, Positive, Record

JOULES_PER_KWH = 3.6e6

MOST_USD_PER_KWH = 5.0
"""Bound that catches slips of the unit: cents for dollars, or a megawatt-hour's price."""

MOST_PUE = 3.0
"""Bound that catches slips: a percentage, or watts, given for a ratio."""

MOST_GRAMS_PER_KWH = 2000.0
"""Bound that catches slips of the unit, such as grams per megawatt-hour."""


@dataclass(frozen=True, eq=False)
class Electricity:
    """What the electricity of one image comes to, at the meter of the building.

    Attributes:
        kwh: kWh per image, the building's share included.
        usd: USD per image.
        co2e: Grams of CO2 equivalent per image.
    """

    kwh: Estimate
    usd: Estimate
    co2e: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the three as plain values."""
        return {name: getattr(self, name).to_dict() for name in ("kwh", "usd", "co2e")}


def electricity_per_image(
    joules: Estimate,
    *,
    usd_per_kwh: float | Estimate,
    pue: float | Estimate,
    grams_co2e_per_kwh: float | Estimate,
) -> Electricity:
    """Return the electricity of one image, its price and its emissions.

    None of the three rates has a default: contracts, buildings and grids differ several times over.

    Args:
        joules: J per image, such as `fit.energy` returns.
        usd_per_kwh: Price of electricity, 0 to 5 USD/kWh; 0 where it is a neighbor's waste.
        pue: Power of the building over that of its machines, 1 to 3.
        grams_co2e_per_kwh: Intensity of the grid, 0 to 2,000 g CO2e/kWh.

    Raises:
        InputError: A rate is out of range, or joules is not a positive estimate in J.
    """
    if joules.unit != "J" or min(joules.value, float(joules.draws.min())) <= 0:
        raise InputError(
            f"joules is {joules.value:g} {joules.unit}; expected over 0 J per image, as fit.energy "
            "returns."
        )
    share = _rate("pue", pue, "1", 1.0, MOST_PUE)
    price = _rate("usd_per_kwh", usd_per_kwh, "USD/kWh", 0.0, MOST_USD_PER_KWH)
    grid = _rate("grams_co2e_per_kwh", grams_co2e_per_kwh, "g/kWh", 0.0, MOST_GRAMS_PER_KWH)
    kwh = derive(lambda j, times: j * times / JOULES_PER_KWH, joules, share, unit="kWh/image")
    return Electricity(
        kwh=kwh,
        usd=derive(lambda drawn, rate: drawn * rate, kwh, price, unit="USD/image"),
        co2e=derive(lambda drawn, rate: drawn * rate, kwh, grid, unit="g/image"),
    )


def _rate(name: str, given: float | Estimate, unit: str, least: float, most: float) -> Estimate:
    """Return a rate as an estimate; a number typed in is an assumption."""
    if isinstance(given, Estimate):
        if given.unit != unit:
            raise InputError(f"{name} is in {given.unit}; expected {unit}.")
        _refuse_out_of_range(name, np.append(given.draws, given.value), least, most)
        return given
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise InputError(f"{name} is {given!r}; expected a number.")
    _refuse_out_of_range(name, np.array([float(given)]), least, most)
    return Estimate.exact(given, unit, Source.ASSUMED, f"{name} {given:g}, stated by the caller")


def _refuse_out_of_range(name: str, values: Draws, least: float, most: float) -> None:
    low, high = float(values.min()), float(values.max())
    if not (least <= low and high <= most):  # NaN is out of range too
        shown = f"is {low:g}" if low == high or np.isnan(low) else f"runs from {low:g} to {high:g}"
        raise InputError(f"{name} {shown}; expected {least:g} to {most:g}.")


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
