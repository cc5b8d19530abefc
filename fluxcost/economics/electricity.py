"""What one image draws from the wall: electricity's price and its carbon dioxide.

For whoever owns the GPUs, or must report emissions: a rented hour has its electricity in its price.
The joules are the board's own; the rest of the host is not in them, and the power usage
effectiveness (PUE) covers the building's share only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.errors import InputError
from fluxcost.estimate import Draws, Estimate, Source, derive

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
