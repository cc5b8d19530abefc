"""How well fits predict what they did not see: 90 % intervals and CRPS of moves of prices.

- Series left out: all series of a provider at once, predicted from the first day to the last by a
  fit to the other providers.
- Stretches left out: the fit ends on a day; each series is predicted from then to its last day,
  with its own history until then.

The interval of a price that has most likely stood still is one point, so its coverage exceeds 90 %
by as much as prices stand still. What tells is the share of the movers that is inside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from fluxcost.economics.price_moves import ClassMoves, PriceClass, PriceMoves
from fluxcost.stats import Array
from scripts.price_moves.fitting import fit
from scripts.price_moves.history import Series

LEAST_SPAN_DAYS = 30
"""Shortest series that is scored, as a whole."""

LEAST_STRETCH_DAYS = 10
"""Shortest stretch that is scored, and shortest history before it."""

OLD_DRIFT_PER_SQRT_DAY = 0.019
"""The model before: a normal move, growing with the square root of age, of every class alike."""

LEVELS: Array = (np.arange(400) + 0.5) / 400
"""Probabilities at which a distribution is compared with what came."""


@dataclass(frozen=True)
class Outcome:
    """What was predicted of one series, and what came.

    Attributes:
        price_class: Kind of price.
        move: What came.
        quantiles: Predicted moves at `LEVELS`.
        ends: Predicted 5 % and 95 % quantile.
        span_days: Days predicted.
        market_move: Mean move of all series of the fit over the same days.
    """

    price_class: PriceClass
    move: float
    quantiles: Array
    ends: tuple[float, float]
    span_days: int
    market_move: float

    @property
    def is_inside(self) -> bool:
        """Whether what came lies within the 90 % interval."""
        return self.ends[0] <= self.move <= self.ends[1]


def crps(move: float, quantiles: Array) -> float:
    """Return the continuous ranked probability score: twice the mean quantile loss."""
    return float(2 * np.mean((move - quantiles) * (LEVELS - (move < quantiles))))


def predicted(
    parameters: PriceMoves, series: Series, known: Series | None, training: Iterable[Series]
) -> Outcome:
    """Return what a fit predicts of a series, from what was known of it before, and what came."""
    history = (known.jumps, float(known.span_days)) if known else (0, 0.0)
    table = parameters.table(series.price_class, *history)
    low, high = table.quantiles(series.span_days, np.array([0.05, 0.95]))
    return Outcome(
        series.price_class,
        series.move,
        table.quantiles(series.span_days, LEVELS),
        (float(low), float(high)),
        series.span_days,
        _market_move(training, series),
    )


def _market_move(training: Iterable[Series], series: Series) -> float:
    parts = (each.within(series.start, series.end) for each in training)
    moves = [part.move / part.span_days for part in parts if part]
    return series.span_days * float(np.mean(moves)) if moves else 0.0


def series_left_out(
    series: Sequence[Series],
) -> tuple[list[Outcome], dict[str, PriceMoves]]:
    """Return what is predicted of each provider by the others, and these fits by provider."""
    outcomes, fits = [], {}
    for provider in sorted({each.provider for each in series}):
        others = [each for each in series if each.provider != provider]
        fits[provider] = fit(others)
        outcomes += [
            predicted(fits[provider], each, None, others)
            for each in series
            if each.provider == provider and each.span_days >= LEAST_SPAN_DAYS
        ]
    return outcomes, fits


def stretches_left_out(series: Sequence[Series], day: dt.date) -> list[Outcome]:
    """Return what is predicted of each series after a day by a fit to what came before."""
    before = [part for each in series if (part := each.within(each.start, day))]
    parameters = fit(before)
    outcomes = []
    for each in series:
        known, later = each.within(each.start, day), each.within(day, each.end)
        if known and later and min(known.span_days, later.span_days) >= LEAST_STRETCH_DAYS:
            outcomes.append(predicted(parameters, later, known, ()))
    return outcomes


def score_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a table of scores, by class and in all."""
    head = (
        f"{'class':12} {'series':>6} {'inside':>7} {'movers':>6} {'inside':>7} {'half-width':>10} "
        f"{'movers':>8} {'CRPS':>8} {'market':>8} {'old':>8} {'old in':>7} {'old movers':>10}"
    )
    lines = [head]
    for name in (*PriceClass, None):
        chosen = [each for each in outcomes if name in (None, each.price_class)]
        if chosen:
            lines.append(_score_line(name or "all", chosen))
    return lines


def _score_line(name: str, outcomes: Sequence[Outcome]) -> str:
    from scipy.special import ndtri

    movers = [each for each in outcomes if each.move != 0]
    normal = ndtri(LEVELS)
    sigmas = [OLD_DRIFT_PER_SQRT_DAY * each.span_days**0.5 for each in outcomes]
    old = [crps(each.move, s * normal) for each, s in zip(outcomes, sigmas, strict=True)]
    within = [abs(each.move) <= 1.645 * s for each, s in zip(outcomes, sigmas, strict=True)]
    old_movers = [w for each, w in zip(outcomes, within, strict=True) if each.move != 0]
    scores = [crps(each.move, each.quantiles) for each in outcomes]
    shifted = [crps(each.move, each.quantiles + each.market_move) for each in outcomes]
    return (
        f"{name:12} {len(outcomes):6} {_share([each.is_inside for each in outcomes]):>7} "
        f"{len(movers):6} {_share([each.is_inside for each in movers]):>7} "
        f"{_half_width(outcomes):10.4f} {_half_width(movers):8.4f} {np.mean(scores):8.5f} "
        f"{np.mean(shifted):8.5f} {np.mean(old):8.5f} {_share(within):>7} {_share(old_movers):>10}"
    )


def _share(found: Sequence[bool]) -> str:
    return f"{sum(found) / len(found):.1%}" if found else "-"


def _half_width(outcomes: Sequence[Outcome]) -> float:
    return median((each.ends[1] - each.ends[0]) / 2 for each in outcomes) if outcomes else 0.0


def parameter_lines(parameters: PriceMoves, fits: Mapping[str, PriceMoves]) -> list[str]:
    """Return each class's parameters with standard errors, by leaving out one provider each."""
    lines = []
    for name, of_class in parameters.classes.items():
        lines.append(f"{name}: {of_class.series} series, {of_class.moves} jumps; {of_class.basis}")
        values = _values(of_class)
        apart = [_values(each.classes[name]) for each in fits.values()]
        for key, value in values.items():
            found = np.array([each[key] for each in apart])
            error = np.sqrt((len(found) - 1) / len(found) * np.sum((found - found.mean()) ** 2))
            lines.append(f"  {key:20} {value:9.4f} ± {error:.4f}")
    ages = np.array([each.unknown_age_mean_days for each in fits.values()])
    error = np.sqrt((len(ages) - 1) / len(ages) * np.sum((ages - ages.mean()) ** 2))
    lines.append(f"mean unknown age: {parameters.unknown_age_mean_days:.0f} ± {error:.0f} days")
    return lines


def _values(of_class: ClassMoves) -> dict[str, float]:
    return {
        "rate_shape": of_class.rate_shape,
        "rate_days": of_class.rate_days,
        "jumps a month": 30 * of_class.rate_shape / of_class.rate_days,
        "up_share": of_class.up_share,
        "size_mean": of_class.size_mean,
        "size_sd": of_class.size_sd,
        "wander_per_sqrt_day": of_class.wander_per_sqrt_day,
    }
