"""When to switch from an API to rented GPUs, over months of growing volume.

Each month the images are bought or made on instances kept all month; a serverless offer is billed
for the time it works. Switching in month m buys from the API before it, each month at its own bill
(see `api_bill`), and rents from then on; a commitment is bought term by term, sized for the busiest
month of the term, and its last term is paid whole even where it outlasts the horizon.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxcost.checks import MOST_IMAGES, refuse_bad_batch, refuse_outside
from fluxcost.economics.api_bill import api_bill_curve
from fluxcost.economics.break_even.volumes import instance_seconds, is_by_the_second
from fluxcost.economics.cost import (
    Timed,
    as_utilization,
    refuse_other_gpu,
    refuse_spot,
)
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, Offer
from fluxcost.economics.rental import ROUNDING_SLACK, billed_seconds
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.units import percent, usd
from fluxcost.workload.shape import Shape

MOST_MONTHS = 120
MONTH_S = HOURS_PER_MONTH * SECONDS_PER_HOUR


@dataclass(frozen=True)
class Horizon:
    """Months looked ahead and the volume in them.

    Attributes:
        images_per_month: Images of the first month.
        monthly_growth: Growth from one month to the next, such as 0.1; over -1 to 10.
        months: Months looked ahead, 1 to 120.

    Raises:
        InputError: A number is out of range.
    """

    images_per_month: int
    monthly_growth: float
    months: int

    def __post_init__(self) -> None:
        images, growth, months = self.images_per_month, self.monthly_growth, self.months
        refuse_outside("images_per_month", images, 1, MOST_IMAGES)
        if not -1 < growth <= 10:
            raise InputError(f"monthly_growth is {growth!r}; expected over -1 to 10, such as 0.1.")
        refuse_outside("months", months, 1, MOST_MONTHS)

    @property
    def volumes(self) -> tuple[float, ...]:
        """Images of each month."""
        growth = 1 + self.monthly_growth
        return tuple(self.images_per_month * growth**month for month in range(self.months))


@dataclass(frozen=True, eq=False)
class Switch:
    """Whether and when to switch.

    Attributes:
        month: Month from which to rent, 1 for now; None to stay with the API.
        saved: USD saved over the horizon against staying with the API; 0 where one stays.
        probability: Share of the draws in which this choice costs no more than staying.
        month_shares: Share of the draws in which each month is the best one to switch in; under
            None those in which staying is.
        volumes: Images of each month.
        totals: USD over the horizon, by the month of the switch; under None without one.
        sentence: The answer, in words.
    """

    month: int | None
    saved: Estimate
    probability: float
    month_shares: dict[int | None, float]
    volumes: tuple[float, ...]
    totals: dict[int | None, Estimate]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values; staying is under `stay`."""
        return {
            "month": self.month,
            "saved": self.saved.to_dict(),
            "probability": self.probability,
            "month_shares": {_name(month): share for month, share in self.month_shares.items()},
            "volumes": list(self.volumes),
            "totals": {_name(month): total.to_dict() for month, total in self.totals.items()},
            "sentence": self.sentence,
        }


def _name(month: int | None) -> str:
    return "stay" if month is None else str(month)


def month_to_switch(
    fit: Timed,
    offer: Offer,
    tariff: Tariff,
    shape: Shape,
    *,
    horizon: Horizon,
    utilization: float | Estimate,
    batch: int = 1,
    today: dt.date | None = None,
) -> Switch:
    """Return the month in which switching from an API to rented GPUs costs least.

    Args:
        fit: Timings on the offer's GPU.
        offer: What is rented, kept all month, or billed for the time it works where it is
            serverless; its commitment, if any, is bought term by term.
        tariff: What the API charges.
        shape: What is asked of the model.
        horizon: Months looked ahead and the volume in them.
        utilization: Largest share of rented time in which the GPUs make images.
        batch: Images per call.
        today: Day the prices are judged on; UTC today unless given.

    Raises:
        InputError: A number is out of range, the fit is of another GPU, the offer may be
            interrupted, or the API does not make this shape.
        MissingDataError: A price is not published.
    """
    refuse_other_gpu(fit, offer)
    refuse_spot(offer)
    refuse_bad_batch(batch)
    volumes = horizon.volumes
    used = as_utilization(utilization)
    curve = api_bill_curve(tariff, ((shape, 1.0),), today=today)
    inputs = (
        instance_seconds(fit, offer, shape, batch, used)[0],
        offer.price_estimate(today).scaled(offer.gpu_count, "USD/h"),
        curve.price,
    )
    term = 1
    if offer.commitment is not None:
        term = max(1, math.ceil(offer.commitment.term_hours / HOURS_PER_MONTH))
    bought_usd = [float(curve.usd(images)) for images in volumes]
    rent = functools.partial(_rent, volumes, offer, term)
    choices: list[int | None] = [*range(1, horizon.months + 1), None]
    totals = {
        choice: derive(
            lambda s, per_hour, price, at=choice: _total(
                bought_usd, at, price, rent(at, s, per_hour)
            ),
            *inputs,
            unit="USD",
        )
        for choice in choices
    }
    return _answer(volumes, totals)


def _upfront_usd(offer: Offer) -> float:
    commitment = offer.commitment
    if commitment is None or commitment.upfront is None:
        return 0.0
    return commitment.upfront * offer.factor


def _total(bought_usd: Sequence[float], switch: int | None, price: Any, rent_usd: Any) -> Any:  # noqa: ANN401 - a float or draws, as given
    """Return USD of the months bought, at the API's price of a draw, and of those rented."""
    months = len(bought_usd) if switch is None else switch - 1
    return sum(bought_usd[:months]) * price + rent_usd


def _rent(
    volumes: tuple[float, ...],
    offer: Offer,
    term: int,
    switch: int | None,
    seconds: Any,  # noqa: ANN401 - a float or draws
    usd_per_hour: Any,  # noqa: ANN401 - a float or draws
) -> Any:  # noqa: ANN401 - as given
    """Return USD of the months from the switch on."""
    total = 0.0 * usd_per_hour
    if switch is None:
        return total
    if is_by_the_second(offer, None):
        for images in volumes[switch - 1 :]:
            billed_s = billed_seconds(offer, running_s=images * seconds)
            total = total + billed_s / SECONDS_PER_HOUR * usd_per_hour
        return total
    upfront_usd = _upfront_usd(offer)
    for start in range(switch - 1, len(volumes), term):
        busiest = max(volumes[start : start + term])
        instances = np.ceil(busiest * seconds / MONTH_S * (1 - ROUNDING_SLACK))
        total = total + instances * (term * HOURS_PER_MONTH * usd_per_hour + upfront_usd)
    return total


def _answer(volumes: tuple[float, ...], totals: dict[int | None, Estimate]) -> Switch:
    choices = list(totals)
    # At the same cost the later switch, and best none, since nothing then has to be done.
    month = min(reversed(choices), key=lambda choice: totals[choice].value)
    drawn = np.stack([totals[choice].draws for choice in reversed(choices)])
    best = np.bincount(drawn.argmin(axis=0), minlength=len(choices)) / drawn.shape[1]
    shares = {
        choice: float(share)
        for choice, share in zip(reversed(choices), best, strict=True)
        if share > 0
    }
    saved = derive(lambda stay, go: stay - go, totals[None], totals[month], unit="USD")
    probability = float(np.mean(saved.draws >= 0))
    return Switch(
        month=month,
        saved=saved,
        probability=probability,
        month_shares=shares,
        volumes=volumes,
        totals=totals,
        sentence=_sentence(month, saved, probability, volumes),
    )


def _sentence(
    month: int | None, saved: Estimate, probability: float, volumes: tuple[float, ...]
) -> str:
    if month is None:
        return f"Stay with the API: within {len(volumes)} months renting never costs less in all."
    assumed = ", with assumed inputs" if saved.source is Source.ASSUMED else ""
    return (
        f"Rent from month {month}, at {volumes[month - 1]:,.0f} images a month: over "
        f"{len(volumes)} months it costs {usd(saved.value)} less than staying with the API, and "
        f"no more in {percent(probability)} of the draws{assumed}."
    )
