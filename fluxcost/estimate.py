"""Estimate: the only way a derived number travels.

An estimate is a value with seeded draws around it. Draws are aligned by position: draw 17 of every
estimate belongs to the same Monte Carlo draw of everything uncertain. Each error source (the timing
noise of one cell, the discrepancy of one stage, the move of one price) has a key, and
`uniform(key)` always returns the same draws for the same key. So two estimates that share an error
source move together in every draw, and a ratio, difference or break-even of them gets a true
interval.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import NormalDist
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fluxcost.errors import FluxcostError, InputError
from fluxcost.units import amount, quantity


class UntrustworthyError(FluxcostError):
    """An estimate exists but is too uncertain to decide with; `estimate` carries it."""

    def __init__(self, message: str, estimate: Estimate) -> None:
        self.estimate = estimate
        super().__init__(message)


def interval(estimate: Estimate) -> str:
    """Return such as '508 ms (497 ms to 520 ms)'; the bare value where no width shows."""
    unit = estimate.unit
    low, high = amount(estimate.low, unit), amount(estimate.high, unit)
    value = quantity(estimate.value, unit)
    return value if low == high else f"{value} ({low} to {high})"


DRAWS = 2000
"""Draws per estimate; the standard error of a 5 % quantile is then about 0.05 sigma."""

LEVEL = 0.90
"""Share of worlds inside [low, high]."""

Draws = npt.NDArray[np.float64]


class Source(StrEnum):
    """Where a number comes from, strongest first; arithmetic keeps the weakest."""

    MEASURED = "measured"
    IMPORTED = "imported"
    INTERPOLATED = "interpolated"
    EXTRAPOLATED = "extrapolated"
    TRANSFERRED = "transferred"
    PUBLISHED = "published"
    ASSUMED = "assumed"

    @property
    def rank(self) -> int:
        """0 for the strongest source, rising with weakness."""
        return _RANKS[self]

    @classmethod
    def weakest(cls, sources: Iterable[Source]) -> Source:
        """Return the weakest of the sources given."""
        return max(sources, key=lambda source: source.rank)


_RANKS = {source: rank for rank, source in enumerate(Source)}


@functools.cache
def uniform(key: str) -> Draws:
    """Return the draws of one error source as probabilities: the same key, the same draws.

    They are stratified: the middle of each of `DRAWS` equal parts of (0, 1) comes once, in an order
    that the key gives. So the quantiles of one error source do not depend on its name.
    """
    digest = hashlib.sha256(key.encode()).digest()
    order = np.random.default_rng(int.from_bytes(digest[:8], "big")).permutation(DRAWS)
    draws: Draws = (order + 0.5) / DRAWS
    draws.flags.writeable = False
    return draws


@functools.cache
def standard_normal(key: str) -> Draws:
    """Return the draws of one error source as standard normal numbers, see `uniform`."""
    draws: Draws = _normal_quantiles()[(uniform(key) * DRAWS).astype(int)]
    draws.flags.writeable = False
    return draws


@functools.cache
def _normal_quantiles() -> Draws:
    """Return the normal quantiles at the middles of `DRAWS` equal parts of (0, 1)."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((part + 0.5) / DRAWS) for part in range(DRAWS)])


LogError = float | Callable[[Draws], Draws]
"""An error of a logarithm: the standard deviation of a normal one, or its quantile function."""


@functools.lru_cache(maxsize=512)
def _factors(*log_errors: tuple[str, LogError]) -> Draws:
    """Return draws around 1; a plan asks again and again for those of one offer's price."""
    logs = np.zeros(DRAWS)
    for key, error in log_errors:
        logs = logs + (error(uniform(key)) if callable(error) else error * standard_normal(key))
    factors = np.exp(logs)
    factors.flags.writeable = False
    return factors


def _quantile(draws: Draws, share: float) -> float:
    """Return what `np.quantile` does, bit for bit, in a third of its time: plans ask it often."""
    at = share * (draws.size - 1)
    left = int(at)
    ordered = np.partition(draws, [left, left + 1])
    below, above, across = float(ordered[left]), float(ordered[left + 1]), at - left
    if across < 0.5:
        return below + (above - below) * across
    return above - (above - below) * (1 - across)


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number with its unit, interval, source and evidence.

    Attributes:
        value: The point estimate, in `unit`.
        unit: Such as "s", "GiB", "J", "USD", "images/s", "images/month".
        source: The weakest source that went in.
        evidence: Calibration cells, price rows and assumptions it rests on, most important first.
        draws: `DRAWS` values in `unit`, aligned by position with every other estimate's.
    """

    value: float
    unit: str
    source: Source
    evidence: tuple[str, ...]
    draws: Draws = field(repr=False)

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise InputError(
                f"an estimate in {self.unit} came out as {self.value!r}; expected a finite number."
            )
        if not np.all(np.isfinite(self.draws)):
            raise InputError(
                f"an estimate of {self.value:.3g} {self.unit} has an interval without end; "
                "expected a finite one: what it rests on is scattered too widely, measure it again."
            )
        if self.draws.shape != (DRAWS,):
            raise InputError(f"draws have shape {self.draws.shape}; expected ({DRAWS},).")

    @classmethod
    def exact(cls, value: float, unit: str, source: Source, evidence: str) -> Self:
        """Return a number taken as certain: a price on a page, an assumption typed in."""
        return cls(value, unit, source, (evidence,), np.full(DRAWS, float(value)))

    @classmethod
    def spread(
        cls,
        value: float,
        log_errors: Mapping[str, LogError],
        unit: str,
        source: Source,
        evidence: str,
    ) -> Self:
        """Return a positive number whose logarithm has independent errors.

        Args:
            value: The point estimate, > 0.
            log_errors: Error source key to the standard deviation of a normal error, or to the
                quantile function of another: it takes probabilities and must be hashable.
            unit: Unit of the value.
            source: Where the value comes from.
            evidence: What it rests on.
        """
        with np.errstate(over="ignore"):  # an infinite draw is refused in words
            draws = value * _factors(*log_errors.items())
        return cls(value, unit, source, (evidence,), draws)

    @property
    def level(self) -> float:
        """Share of worlds inside [low, high]."""
        return LEVEL

    @functools.cached_property
    def low(self) -> float:
        """Lower end of the interval, never above the value."""
        return min(self.value, _quantile(self.draws, (1 - LEVEL) / 2))

    @functools.cached_property
    def high(self) -> float:
        """Upper end of the interval, never below the value."""
        return max(self.value, _quantile(self.draws, (1 + LEVEL) / 2))

    @property
    def relative_half_width(self) -> float:
        """Half the interval over the value; the value must not be 0."""
        return (self.high - self.low) / 2 / abs(self.value)

    def __str__(self) -> str:
        """Return value, unit and interval as tables show them: `$46.23 ($40.46 to $52.66)`."""
        return interval(self)

    def __format__(self, spec: str) -> str:
        """Return value and interval, each in a number's format: `f"{cost:.2f}"`."""
        if not spec:
            return str(self)
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"

    def scaled(self, factor: float, unit: str) -> Estimate:
        """Return the estimate times a certain factor, in a new unit."""
        return derive(lambda value: value * factor, self, unit=unit)

    def to_dict(self) -> dict[str, Any]:
        """Return value, interval, unit, source and evidence as plain values."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "unit": self.unit,
            "source": str(self.source),
            "evidence": list(self.evidence),
        }


def derive(function: Callable[..., Any], *inputs: Estimate, unit: str) -> Estimate:
    """Apply a function to estimates, world by world.

    Args:
        function: Takes one float or array per input and returns the same; must be vectorized.
        inputs: The estimates, in the order the function takes them.
        unit: Unit of the result.

    Raises:
        InputError: A draw came out as NaN or infinite.
    """
    value = float(function(*(estimate.value for estimate in inputs)))
    draws = np.asarray(function(*(estimate.draws for estimate in inputs)), dtype=np.float64)
    evidence = dict.fromkeys(line for estimate in inputs for line in estimate.evidence)
    source = Source.weakest(estimate.source for estimate in inputs)
    if draws.shape != (DRAWS,):
        draws = np.broadcast_to(draws, (DRAWS,))
    return Estimate(value, unit, source, tuple(evidence), draws)
