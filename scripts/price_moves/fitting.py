"""The parameters of `fluxcost/economics/price_moves.py` that series of prices give.

- Rates: maximum likelihood of the negative binomial on each series' number of jumps and span.
- Sizes and direction: a provider reprices many GPUs at once, so the steps of each provider share
  the weight of one, and the spread is widened for one not seen by the number of those seen.
- In the market, size, direction and wandering come from a composite likelihood of what jumped
  within windows of several lengths.
- A class with fewer than five jumps takes the shape of its rates and the sizes from all list
  prices together. Its mean rate is (jumps + 1) / (days + 1 / pooled rate): it has seen, besides its
  own, the days in which the pooled rate makes one jump, and that jump.
- Unknown age: the mean that makes the pairs of `UNDATED` likeliest, each provider with the weight
  of one, from a prior that is log-normal around half a year within a factor of 2. The vendor's
  dated day is taken as the day the copy was seen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.economics.price_moves import (
    FORMAT,
    VERSION,
    ClassMoves,
    PriceClass,
    PriceMoves,
    age_weights,
)
from fluxcost.stats import Array
from scripts.price_moves.history import SMALLEST_STEP, Series

ATTRIBUTION = (
    "Fitted to data by gpurentalprices.com (https://github.com/adriannutiu/gpu-rental-prices), "
    "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
)
LISTS = (PriceClass.HYPERSCALER, PriceClass.CLOUD, PriceClass.SERVERLESS)

MOST_LIST_JUMPS = 24
FEWEST_JUMPS = 5
"""Below this a class takes what it lacks from all list prices."""

LATER_LEAN = 0.25
"""A judgement, not a fit: a season in which nearly all list prices that moved rose says little of
the years to come."""

WANDER = 0.02
WANDER_SIGMA = 0.5
"""Prior of what a market's price wanders per square root of a day, log-normal: around what all
series together move, which seven weeks of five markets tell little about."""

LAGS_DAYS = (1, 3, 7, 14, 28)

API_SPANS_DAYS = (300,)
"""Spans of dated prices of one API: bfl/flux-2-klein-4b, 0.014 USD on 2026-01-28 and 2026-11-24."""

UNDATED = {
    "verda": ((2.29, 3.85), (3.39, 5.023), (4.89, 7.27)),
    "nebius": ((2.95, 3.85),),
    "jarvislabs": ((3.49, 3.49), (4.59, 4.59), (0.44, 0.44)),
    "hyperstack": ((2.40, 3.20), (1.90, 2.50)),
    "crusoe": ((1.95, 2.30), (1.65, 2.00), (1.00, 1.50), (3.90, 3.90), (4.29, 4.29)),
    "lambda": ((2.49, 3.29), (3.29, 4.29)),
}
"""USD per GPU-hour on an undated page or in a package, and on the vendor's dated page, 2026."""

UNKNOWN_AGE_PRIOR_DAYS = 182.0
UNKNOWN_AGE_PRIOR_SIGMA = math.log(2.0)


@dataclass(frozen=True)
class Rates:
    """Gamma distribution of jumps a day."""

    shape: float
    days: float

    @property
    def mean(self) -> float:
        """Mean jumps a day."""
        return self.shape / self.days


def fit_rates(jumps: Sequence[int], spans: Sequence[float]) -> Rates:
    """Return the likeliest gamma distribution of the rates of series.

    The shape has a weak prior, log-normal around 0.5 within a factor of e: without jumps that
    differ between series the data say nothing of it.
    """
    from scipy.optimize import minimize
    from scipy.special import gammaln

    n, t = np.array(jumps, dtype=float), np.array(spans, dtype=float)

    def loss(parameters: Array) -> float:
        shape, days = np.exp(parameters)
        found = gammaln(shape + n) - gammaln(shape) + shape * np.log(days / (days + t))
        found = found + n * np.log(t / (days + t))
        return float(-found.sum() + 0.5 * (parameters[0] - math.log(0.5)) ** 2)

    mean = max(n.sum(), 0.5) / t.sum()
    best = minimize(loss, np.log([0.5, 0.5 / mean]), method="Nelder-Mead", options={"xatol": 1e-5})
    shape, days = np.exp(best.x)
    return Rates(float(shape), float(days))


@dataclass(frozen=True)
class Sizes:
    """Direction and size of jumps."""

    up_share: float
    mean: float
    sd: float
    wander: float = 0.0


def fit_list_sizes(series: Iterable[Series]) -> Sizes:
    """Return direction and size of the jumps of list prices.

    The direction starts from one provider's jumps up and one's down.
    """
    found = [(each.provider, float(step)) for each in series for step in each.steps if step]
    shared = Counter(provider for provider, _ in found)
    weights = np.array([1 / shared[provider] for provider, _ in found])
    steps = np.array([step for _, step in found])
    providers = len(shared)
    if providers < 2:
        # Too few to know a spread from: what the series of 2026 had, roughly.
        return Sizes(0.5, 0.2, 0.15)
    mean = float(np.average(np.abs(steps), weights=weights))
    spread = math.sqrt(float(np.average((np.abs(steps) - mean) ** 2, weights=weights)))
    up_share = (float(weights[steps > 0].sum()) + 1) / (providers + 2)
    return Sizes(up_share, mean, max(spread * _few(providers), 0.01))


def fit_market_sizes(series: Iterable[Series]) -> Sizes:
    """Return direction, size and wandering of what jumped within windows of several lengths."""
    from scipy.optimize import minimize
    from scipy.special import expit

    moved = [each for each in series if each.jumps]
    if len(moved) < FEWEST_JUMPS:
        return Sizes(0.5, 0.1, 0.15)
    shared = Counter(each.provider for each in moved)
    rows = [
        (move, lag, weight / shared[each.provider])
        for each in moved
        for move, lag, weight in _windows(each)
    ]
    moves, lags, weights = np.array(rows).T

    def loss(parameters: Array) -> float:
        up, mean = expit(parameters[0]), math.exp(parameters[1])
        sd = np.sqrt(math.exp(parameters[2]) ** 2 + math.exp(parameters[3]) ** 2 * lags)
        density = sum(
            share * np.exp(-0.5 * ((moves - centre) / sd) ** 2) / sd
            for share, centre in ((up, mean), (1 - up, -mean))
        )
        # One jump up and one down: without a mean size the likelihood knows no direction.
        prior = math.log(up + 1e-300) + math.log(1 - up + 1e-300)
        prior -= 0.5 * ((parameters[3] - math.log(WANDER)) / WANDER_SIGMA) ** 2
        return float(-(weights * np.log(density + 1e-300)).sum() - prior)

    start = np.array([0.0, math.log(0.1), math.log(0.15), math.log(0.02)])
    best = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000, "maxfev": 4000})
    up, (mean, sd, wander) = float(expit(best.x[0])), np.exp(best.x[1:])
    sd = max(float(sd) * _few(len(shared)), 0.01)
    return Sizes(up, float(mean), sd, float(wander))


def _few(providers: int) -> float:
    """Return by how much a spread known from few providers is widened for another one."""
    if providers < 2:
        return 2.0
    return math.sqrt(providers / (providers - 1) * (1 + 1 / providers))


def _windows(series: Series) -> list[tuple[float, float, float]]:
    """Return move, days and weight of the windows in which a series jumped."""
    found = []
    for lag in (*(lag for lag in LAGS_DAYS if lag < series.span_days), series.span_days):
        starts = range(0, series.span_days - lag + 1, lag)
        jumped = [begin for begin in starts if np.any(series.steps[begin : begin + lag])]
        found += [
            (float(series.level[begin + lag] - series.level[begin]), float(lag), 1 / len(jumped))
            for begin in jumped
        ]
    return found


def fit(series: Sequence[Series]) -> PriceMoves:
    """Return the parameters that series of prices give."""
    by_class = {each: [s for s in series if s.price_class is each] for each in PriceClass}
    lists = [each for name in LISTS for each in by_class[name]]
    pooled_rates, pooled_sizes = _rates(lists), fit_list_sizes(lists)
    classes = {}
    for name, members in by_class.items():
        jumps = sum(each.jumps for each in members)
        spans: list[float] = [each.span_days for each in members]
        if name is PriceClass.API:
            spans = list(API_SPANS_DAYS)
        is_market = name is PriceClass.MARKET
        if jumps >= FEWEST_JUMPS:
            rates = _rates(members)
            sizes = fit_market_sizes(members) if is_market else fit_list_sizes(members)
            basis = "its own series"
        else:
            mean = (jumps + 1) / (sum(spans) + 1 / pooled_rates.mean)
            rates = Rates(pooled_rates.shape, pooled_rates.shape / mean)
            sizes = fit_market_sizes(members) if is_market else pooled_sizes
            basis = "its own days, and one jump, shape and sizes of all list prices"
        classes[name] = ClassMoves(
            rate_shape=rates.shape,
            rate_days=rates.days,
            up_share=sizes.up_share,
            size_mean=sizes.mean,
            size_sd=sizes.sd,
            most_jumps=1 if is_market else MOST_LIST_JUMPS,
            wander_per_sqrt_day=sizes.wander,
            never_narrower_than=PriceClass.CLOUD if is_market else None,
            series=len(spans),
            moves=jumps,
            basis=basis,
        )
    first, last = min(each.start for each in series), max(each.end for each in series)
    to_last = sum(each.end == last for each in series)
    unfinished = PriceMoves(
        format=FORMAT,
        version=VERSION,
        attribution=ATTRIBUTION,
        fitted_to=f"{len(series)} series of prices from {first} on, {to_last} of them to {last}",
        window_days=float(max(each.span_days for each in series)),
        later_lean=LATER_LEAN,
        unknown_age_mean_days=UNKNOWN_AGE_PRIOR_DAYS,
        classes=classes,
    )
    return unfinished.model_copy(update={"unknown_age_mean_days": fit_unknown_age(unfinished)})


def _rates(series: Sequence[Series]) -> Rates:
    return fit_rates([each.jumps for each in series], [each.span_days for each in series])


def fit_unknown_age(parameters: PriceMoves, prior_sigma: float = UNKNOWN_AGE_PRIOR_SIGMA) -> float:
    """Return the mean age, in days, of an undated copy on the day it is seen.

    A copy that agrees with the vendor's page has the probability of no jump; one that differs has
    the probability of a move within half a percent of its own.
    """
    moves, cdf = parameters.distribution(PriceClass.CLOUD)
    middle = len(moves) // 2
    pairs = []
    for found in UNDATED.values():
        for old, new in found:
            move, weight = math.log(new / old), 1 / len(found)
            edges = (move - SMALLEST_STEP, move + SMALLEST_STEP)
            if move == 0:
                pairs.append((weight, cdf[:, middle] - cdf[:, middle - 1]))
            else:
                ends = [np.array([np.interp(e, moves, row) for row in cdf]) for e in edges]
                pairs.append((weight, ends[1] - ends[0]))

    def loss(mean: float) -> float:
        ages = age_weights(mean)[0]
        fits = sum(weight * math.log(float(ages @ chance)) for weight, chance in pairs)
        return -fits + 0.5 * (math.log(mean / UNKNOWN_AGE_PRIOR_DAYS) / prior_sigma) ** 2

    return min(map(float, np.geomspace(10, 3650, 400)), key=loss)
