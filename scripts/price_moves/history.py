"""A history of daily prices as series of one GPU of one provider, sold in one way.

- One name may stand for several listings, so that a day has several prices (AWS lists the L4 and
  the L40S of two instance types, and RunPod some GPUs twice: taken as one series each, they would
  "move" daily). Of these the path that moves least is kept.
- Scaleway quotes euros. The median daily step of all its GPUs is the exchange rate and is taken
  out; what is left are its own changes.
- A step under 0.5 % is rounding, not a change of price.
- Spheron, Prime Intellect, TensorDock, SF Compute, Salad and Vast pass on the offers of others:
  they are markets, whatever their rows are called.
- Days without an observation keep the price before; what changed meanwhile counts as one jump.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from fluxcost.economics.offers import HYPERSCALERS
from fluxcost.economics.price_moves import PriceClass
from fluxcost.errors import InputError
from fluxcost.stats import Array

MARKETS = frozenset({"primeintellect", "salad", "sfcompute", "spheron", "tensordock", "vast"})
IN_EUROS = frozenset({"scaleway"})

COLUMNS = {"provider", "gpu", "kind", "usd_per_gpu_hour", "first_seen", "last_seen"}

SMALLEST_STEP = 0.005
"""Steps of the logarithm below this are rounding."""


@dataclass(frozen=True)
class Series:
    """One GPU of one provider, sold in one way.

    Attributes:
        provider: Who sells it.
        name: GPU and kind.
        price_class: Kind of price.
        start: First day.
        level: Logarithm of the price by day, without rounding and exchange rate, shape (days,).
    """

    provider: str
    name: str
    price_class: PriceClass
    start: dt.date
    level: Array

    @property
    def span_days(self) -> int:
        """Days between the first price and the last."""
        return len(self.level) - 1

    @property
    def steps(self) -> Array:
        """Steps from day to day, most of them 0, shape (days - 1,)."""
        return np.diff(self.level)

    @property
    def jumps(self) -> int:
        """How often it moved."""
        return int(np.count_nonzero(self.steps))

    @property
    def end(self) -> dt.date:
        """Last day."""
        return self.start + dt.timedelta(days=self.span_days)

    @property
    def move(self) -> float:
        """Move of the logarithm from the first day to the last."""
        return float(self.level[-1] - self.level[0])

    def within(self, first: dt.date, last: dt.date) -> Series | None:
        """Return its part from one day to another, or None where that is under two days."""
        begin = max((first - self.start).days, 0)
        part = self.level[begin : max((last - self.start).days + 1, 0)]
        day = self.start + dt.timedelta(days=begin)
        return replace(self, start=day, level=part) if len(part) > 1 else None


def class_of(provider: str, kind: str) -> PriceClass:
    """Return the class of what a provider sells in one way."""
    if kind in {"spot", "community"} or provider in MARKETS:
        return PriceClass.MARKET
    if kind == "serverless":
        return PriceClass.SERVERLESS
    return PriceClass.HYPERSCALER if provider in HYPERSCALERS else PriceClass.CLOUD


def read_history(paths: Iterable[Path]) -> list[Series]:
    """Return the series, of at least two days, of CSV files with one row a spell of one price.

    Raises:
        InputError: A column is missing.
    """
    seen: dict[tuple[str, str, str], dict[dt.date, set[float]]] = {}
    for path in paths:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream)
            if missing := sorted(COLUMNS - {*(rows.fieldnames or ())}):
                names = f"{', '.join(missing[:-1])} and {missing[-1]}".removeprefix(" and ")
                raise InputError(f"{path}: {names} missing; expected a history of prices.")
            for row in rows:
                name = (row["provider"], row["gpu"], row["kind"])
                days = seen.setdefault(name, defaultdict(set))
                day, last = (dt.date.fromisoformat(row[key]) for key in ("first_seen", "last_seen"))
                while day <= last:
                    days[day].add(math.log(float(row["usd_per_gpu_hour"])))
                    day += dt.timedelta(days=1)
    series = [
        Series(provider, f"{gpu} {kind}", class_of(provider, kind), min(days), _least_moving(days))
        for (provider, gpu, kind), days in seen.items()
    ]
    rates = {name: _exchange_steps(series, name) for name in IN_EUROS}
    cleaned = [_without_small_steps(each, rates.get(each.provider, {})) for each in series]
    return [each for each in cleaned if each.span_days > 0]


def _least_moving(days: dict[dt.date, set[float]]) -> Array:
    """Return the path through the prices of each day that moves least in all, shape (days,)."""
    order = sorted(days)
    paths = {price: (0.0, [price]) for price in sorted(days[order[0]])}
    for before, day in pairwise(order):
        waited = (day - before).days
        reached = {}
        for price in sorted(days[day]):
            cost, path = min(
                (cost + abs(price - last), path) for last, (cost, path) in paths.items()
            )
            reached[price] = (cost, path + [path[-1]] * (waited - 1) + [price])
        paths = reached
    return np.array(min(paths.values())[1])


def _exchange_steps(series: Iterable[Series], provider: str) -> dict[dt.date, float]:
    """Return the median step of a provider's prices by day: its currency's."""
    steps = defaultdict(list)
    for each in series:
        if each.provider == provider:
            for index, step in enumerate(each.steps):
                steps[each.start + dt.timedelta(days=index + 1)].append(float(step))
    return {day: median(found) for day, found in steps.items()}


def _without_small_steps(series: Series, exchange: dict[dt.date, float]) -> Series:
    days = (series.start + dt.timedelta(days=index + 1) for index in range(series.span_days))
    steps = series.steps - np.array([exchange.get(day, 0.0) for day in days])
    steps[np.abs(steps) < SMALLEST_STEP] = 0.0
    return replace(series, level=np.concatenate([[0.0], np.cumsum(steps)]))
