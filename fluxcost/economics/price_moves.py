"""How far a price may have moved since it was seen: rare jumps, by class of price.

Most list prices stand still for weeks and then jump; a random walk is too wide for the many that
stand still and too narrow for the few that move. Each class of price has one `ClassMoves`:

- The number of jumps in t days is negative binomial: each series (one GPU of one provider, sold in
  one way) has its own rate, drawn from a gamma distribution with shape `rate_shape` and inverse
  scale `rate_days`. What a series did itself, `changes_seen` in `span_seen_days`, makes that a
  gamma distribution with `rate_shape + changes_seen` and `rate_days + span_seen_days`.
- A jump is upward with the probability `up_share`. The size of its logarithm is normal with
  `size_mean` and `size_sd`.
- Jumps of list prices add up, at most `most_jumps` of them. In a market the quoted price is that of
  whichever host is cheapest, and a jump mostly undoes the one before. There any number of jumps
  counts as one (`most_jumps` is 1), and what has jumped at all also wanders with the square root
  of time (`wander_per_sqrt_day`). Its bounds are at least those of a cloud's list price.

`scripts/fit_price_moves.py` fitted the parameters to daily prices of seven weeks and, of some GPUs,
to one price seven weeks later (`window_days`). What they say of longer times is an assumption:
jumps go on at the fitted rates, and of the excess of upward over downward jumps only the share
`later_lean` goes on after the window. A rise that one summer shows is no law.

An undated copy, or a package whose release day only says how fresh a price can be at most, has an
unknown age on the day it was seen: exponential with the mean `unknown_age_mean_days`, which was
fitted to pairs of such a copy and the vendor's dated price.

Bounds never narrow with time. From the median up, a quantile is the greatest over all shorter
ages, and below the median the least. A price of unknown age is never narrower than one of known
age that was seen on the same day.

A move under 0.5 % is none: it is rounding or, for a vendor that quotes euros, the exchange rate,
whose error an offer states apart. A contract's price does not move within its term and has no
class here.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from fluxcost.documents import read_yaml, refuse_other_version
from fluxcost.errors import DocumentError, InputError
from fluxcost.estimate import Draws
from fluxcost.records import Count, FirstVersion, Fraction, Name, NonNegative, Positive, Record
from fluxcost.stats import Array, normal_cdf

FORMAT = "fluxcost-price-moves"
VERSION = 1

LONGEST_AGE_DAYS = 36_500.0
"""Ages beyond a century are taken as a century."""

AGES_DAYS: Array = np.concatenate([[0.0], np.geomspace(1.0, LONGEST_AGE_DAYS, 63)])
"""Ages at which the distribution is computed; between them its probabilities are interpolated."""

MOVES_A_SIDE = 200
"""Moves, on each side of zero, at which the distribution is computed."""

SMALLEST_MOVE = 0.01
"""Moves of the grid are evenly spaced below this, and evenly in their logarithm above it."""


class PriceClass(StrEnum):
    """What kind of price moves alike.

    hyperscaler: on-demand and dedicated list prices of AWS, Azure, Google Cloud and Oracle.
    cloud: the list prices of other vendors for GPUs of their own, also dedicated and reserved.
    serverless: list prices billed by the second of use.
    market: community hosts, marketplaces, and the spot prices of anyone.
    api: list prices of image APIs.
    """

    HYPERSCALER = "hyperscaler"
    CLOUD = "cloud"
    SERVERLESS = "serverless"
    MARKET = "market"
    API = "api"


class ClassMoves(Record):
    """How the prices of one class move."""

    rate_shape: Positive = Field(description="Shape of the gamma distribution of jumps a day.")
    rate_days: Positive = Field(description="Its inverse scale, in days.")
    up_share: Fraction = Field(description="Probability that a jump is upward.")
    size_mean: NonNegative = Field(description="Mean size of a jump of the price's logarithm.")
    size_sd: Positive = Field(description="Standard deviation of that size.")
    most_jumps: Annotated[Count, Field(le=64)] = Field(
        description="Jumps that add up; any further ones change nothing."
    )
    wander_per_sqrt_day: NonNegative = Field(
        default=0.0,
        description="Standard deviation, per square root of a day, that is added to what jumped.",
    )
    never_narrower_than: PriceClass | None = Field(
        default=None, description="Class whose bounds are the least that this one has."
    )
    series: Annotated[int, Field(ge=0, strict=True)] = Field(description="Series it was fitted to.")
    moves: Annotated[int, Field(ge=0, strict=True)] = Field(description="Jumps in those series.")
    basis: Name = Field(description="What was fitted to the class, and what taken from others.")

    @model_validator(mode="after")
    def _table_fits(self) -> Self:
        if self.wander_per_sqrt_day > 0 and self.most_jumps > 1:
            raise ValueError("wander_per_sqrt_day only where most_jumps is 1")
        return self


class PriceMoves(Record):
    """The error model of prices as fitted; its file is `fluxcost/data/price_moves.yaml`."""

    format: Literal["fluxcost-price-moves"]
    version: FirstVersion
    attribution: Name = Field(description="Whose data it was fitted to, and under which license.")
    fitted_to: Name = Field(description="Days and series of that data.")
    window_days: Positive = Field(description="Longest span of a series in it.")
    later_lean: Fraction = Field(
        description="Share of the excess of upward jumps that goes on after the window."
    )
    unknown_age_mean_days: Positive = Field(
        description="Mean age of a price of unknown age on the day it was seen."
    )
    classes: dict[PriceClass, ClassMoves]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := set(PriceClass) - set(self.classes):
            raise ValueError(f"every class of price; {', '.join(sorted(missing))} missing")
        for name, each in self.classes.items():
            floor = each.never_narrower_than
            if floor is not None and self.classes[floor].never_narrower_than is not None:
                raise ValueError(f"never_narrower_than of {name} to name a class that has none")
        return self

    def table(
        self, price_class: PriceClass, changes_seen: int = 0, span_seen_days: float = 0.0
    ) -> MoveTable:
        """Return the bounds of a price's moves, given what it did while it was watched.

        Args:
            price_class: Kind of price.
            changes_seen: Jumps of this price within the days it was watched.
            span_seen_days: Days between its first and its last observation.

        Raises:
            InputError: A number is negative or not finite.
        """
        moves, cdf = self.distribution(price_class, changes_seen, span_seen_days)
        floor = self.classes[price_class].never_narrower_than
        least = None if floor is None else self.table(floor, 0, span_seen_days)
        return MoveTable.of(moves, cdf, self.unknown_age_mean_days, least)

    def distribution(
        self, price_class: PriceClass, changes_seen: int = 0, span_seen_days: float = 0.0
    ) -> tuple[Array, Array]:
        """Return the moves of the grid, and P(move <= each) at each age of `AGES_DAYS`.

        Args:
            price_class: Kind of price.
            changes_seen: Jumps of this price within the days it was watched.
            span_seen_days: Days between its first and its last observation.

        Returns:
            Moves, ascending, shape (moves,), of which zero stands twice, before and after its atom;
            and probabilities, shape (ages, moves).

        Raises:
            InputError: A number is negative or not finite.
        """
        _refuse_negative("changes_seen", changes_seen)
        _refuse_negative("span_seen_days", span_seen_days)
        of_class = self.classes[price_class]
        counts = _count_weights(
            of_class.rate_shape + changes_seen,
            of_class.rate_days + span_seen_days,
            of_class.most_jumps,
        )
        n, _, _ = _components(of_class.most_jumps)
        weights = counts[:, n.astype(int)] * _upward(
            of_class.most_jumps, of_class.up_share, self.window_days, self.later_lean
        )
        moves, jumped = _jumped_cdf(
            of_class.size_mean, of_class.size_sd, of_class.most_jumps, of_class.wander_per_sqrt_day
        )
        if len(jumped) == 1:
            cdf: Array = weights[:, 1:] @ jumped[0]
        else:
            cdf = np.matmul(weights[:, None, 1:], jumped)[:, 0, :]
        cdf[:, MOVES_A_SIDE + 1 :] += weights[:, :1]
        return moves, cdf


@dataclass(frozen=True)
class MoveTable:
    """Distribution of ln(price now / price seen) by age.

    Attributes:
        moves: Moves, ascending, shape (moves,); zero stands twice, before and after its atom.
        known: P(move <= each) for a price of known age, shape (ages, moves). Below zero it never
            exceeds one half and rises with age; above zero it is at least that and falls.
        unknown: The same by the days since a price of unknown age was seen.
        least: Table of the bounds that these are never within.
    """

    moves: Array
    known: Array
    unknown: Array
    least: MoveTable | None = None

    @classmethod
    def of(
        cls, moves: Array, cdf: Array, unknown_mean_days: float, least: MoveTable | None = None
    ) -> MoveTable:
        """Return the table whose bounds never narrow with age.

        Args:
            moves: The grid of moves.
            cdf: P(move <= each) at each age of `AGES_DAYS`, shape (ages, moves).
            unknown_mean_days: Mean age of a price of unknown age on the day it was seen.
            least: Table of the bounds that the result is never within.
        """
        known = _widening(cdf)
        aged = _widening(age_weights(unknown_mean_days) @ cdf)
        below = moves < 0
        below[MOVES_A_SIDE] = True
        unknown = np.where(below, np.maximum(known, aged), np.minimum(known, aged))
        return cls(moves, known, unknown, least)

    def quantiles(self, age_days: float, u: Draws, *, unknown_age: bool = False) -> Draws:
        """Return the moves at probabilities `u`, in the shape of `u`."""
        table = self.unknown if unknown_age else self.known
        age = min(age_days, LONGEST_AGE_DAYS)
        after = int(np.clip(np.searchsorted(AGES_DAYS, age), 1, len(AGES_DAYS) - 1))
        first, last = AGES_DAYS[after - 1], AGES_DAYS[after]
        share = (age - first) / (last - first)
        cdf = table[after - 1] * (1 - share) + table[after] * share
        moved = np.interp(u, cdf, self.moves)
        floor: float | Draws = 0.0
        if self.least is not None:
            floor = self.least.quantiles(age_days, u, unknown_age=unknown_age)
        nested: Draws = np.where(u < 0.5, np.minimum(moved, floor), np.maximum(moved, floor))
        return nested


def log_move_quantiles(
    price_class: PriceClass,
    age_days: float,
    u: Draws,
    *,
    unknown_age: bool = False,
    changes_seen: int = 0,
    span_seen_days: float = 0.0,
) -> Draws:
    """Return ln(price now / price seen) at probabilities `u`, from the shipped parameters.

    Args:
        price_class: Kind of price.
        age_days: Days since the price was seen.
        u: Probabilities within 0 and 1, of any shape.
        unknown_age: Whether the price was of unknown age when it was seen: an undated copy, or a
            package's.
        changes_seen: Jumps of this very price within the days it was watched.
        span_seen_days: Days between its first and its last observation.

    Returns:
        Moves in the shape of `u`; zeros for a price of known age 0.

    Raises:
        InputError: A number is negative or not finite, or a probability is not within 0 and 1.
    """
    _refuse_negative("age_days", age_days)
    if not np.all((u > 0) & (u < 1)):
        raise InputError("u holds a number that is not within 0 and 1; give probabilities.")
    table = _shipped_table(PriceClass(price_class), changes_seen, span_seen_days)
    return table.quantiles(age_days, u, unknown_age=unknown_age)


def price_moves_path() -> Path:
    """Return where the shipped parameters are."""
    return Path(str(files("fluxcost"))) / "data" / "price_moves.yaml"


def read_price_moves(path: Path) -> PriceMoves:
    """Return the parameters that a file holds.

    Raises:
        DocumentError: The file is missing, no YAML, or of another format.
        FormatVersionError: It was written for a newer fluxcost.
        InputError: A parameter is missing or out of range.
    """
    document = read_yaml(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DocumentError(f"{path}: not a {FORMAT} file; give one that the fit wrote.")
    refuse_other_version(document, str(path), VERSION)
    return PriceMoves.parse(document, str(path))


@functools.cache
def shipped_price_moves() -> PriceMoves:
    """Return the parameters that ship with fluxcost."""
    return read_price_moves(price_moves_path())


@functools.lru_cache(maxsize=64)
def _shipped_table(price_class: PriceClass, changes: int, span_days: float) -> MoveTable:
    return shipped_price_moves().table(price_class, changes, span_days)


def _refuse_negative(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name} is {value}; expected a finite number of at least 0.")


def _count_weights(shape: float, days: float, most: int) -> Array:
    """Return P(n jumps) by each age, shape (ages, most + 1); the last is of `most` or more."""
    moved = AGES_DAYS / (days + AGES_DAYS)
    weights = np.empty((len(AGES_DAYS), most + 1))
    weights[:, 0] = (1 - moved) ** shape
    for n in range(1, most + 1):
        weights[:, n] = weights[:, n - 1] * moved * (shape + n - 1) / n
    weights[:, most] = np.maximum(1 - weights[:, :most].sum(axis=1), 0.0)
    return weights


@functools.lru_cache(maxsize=16)
def _components(most: int) -> tuple[Array, Array, Array]:
    """Return jumps, upward ones and the ways to choose these, each of shape (components,)."""
    pairs = [(n, k) for n in range(most + 1) for k in range(n + 1)]
    ways = [math.comb(n, k) for n, k in pairs]
    n, k = np.array(pairs, dtype=float).T
    return n, k, np.array(ways, dtype=float)


@functools.lru_cache(maxsize=16)
def _upward(most: int, up_share: float, window_days: float, later_lean: float) -> Array:
    """Return P(k upward jumps of n) by each age, shape (ages, components)."""
    within = np.minimum(AGES_DAYS, window_days)
    lean = np.ones_like(AGES_DAYS)
    lean[1:] = (within + later_lean * (AGES_DAYS - within))[1:] / AGES_DAYS[1:]
    up = (0.5 + (up_share - 0.5) * lean)[:, None]
    n, k, ways = _components(most)
    shares: Array = ways * up**k * (1 - up) ** (n - k)
    return shares


@functools.lru_cache(maxsize=16)
def _jumped_cdf(size_mean: float, size_sd: float, most: int, wander: float) -> tuple[Array, Array]:
    """Return the grid of moves, and P(move <= each) of n > 0 jumps with k upward.

    Returns:
        Moves, shape (moves,), and probabilities, shape (ages, or 1 where all are alike,
        components, moves).
    """
    reach = most * size_mean + 6 * math.sqrt(most * size_sd**2 + wander**2 * LONGEST_AGE_DAYS)
    steps = np.linspace(0, math.asinh(reach / SMALLEST_MOVE), MOVES_A_SIDE + 1)
    side = SMALLEST_MOVE * np.sinh(steps)
    moves = np.concatenate([-side[::-1], side])
    n, k, _ = _components(most)
    ages = AGES_DAYS if wander > 0 else np.zeros(1)
    sd = np.sqrt(n[1:] * size_sd**2 + wander**2 * ages[:, None])
    mean = ((2 * k - n) * size_mean)[1:, None]
    return moves, normal_cdf((moves - mean) / sd[:, :, None])


def _widening(cdf: Array) -> Array:
    """Return probabilities whose quantiles move away from zero only, as age grows."""
    zero = MOVES_A_SIDE + 1
    below = np.minimum(np.maximum.accumulate(cdf[:, :zero], axis=0), 0.5)
    above = np.maximum(np.minimum.accumulate(cdf[:, zero:], axis=0), 0.5)
    return np.concatenate([below, above], axis=1)


@functools.lru_cache(maxsize=16)
def age_weights(mean_days: float) -> Array:
    """Return how a mixture over unknown ages weights the known ages, shape (ages, ages).

    Row i is that of a price seen `AGES_DAYS[i]` ago: its age is that and an exponential one. The
    distribution is linear between the ages of the grid, so the integral is exact.
    """
    first, last = AGES_DAYS[:-1], AGES_DAYS[1:]
    seen = AGES_DAYS[:, None]
    before, after = (np.exp(-np.maximum(age - seen, 0) / mean_days) for age in (first, last))
    mass = np.where(first >= seen, before - after, 0.0)
    moment = np.where(first >= seen, mean_days * (before - after) - (last - first) * after, 0.0)
    to_last = moment / (last - first)
    weights = np.zeros((len(AGES_DAYS), len(AGES_DAYS)))
    weights[:, :-1] += mass - to_last
    weights[:, 1:] += to_last
    weights[:, -1] += after[:, -1]
    return weights
