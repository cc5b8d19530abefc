"""When requests come, chunk by chunk, so that a run of any length needs no more memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fluxcost.performance.kriging import Array

CHUNK = 32_768
"""Requests drawn at a time; their arrays fit the processor's cache."""

SECONDS_PER_HOUR = 3600

Random = np.random.Generator
Lines = np.typing.NDArray[np.int64]
Chunk = tuple[Array, Lines]
Gaps = Callable[[Random, int], Array]
"""Draws gaps between requests whose mean is 1."""


class Arrivals(Protocol):
    """A source of requests: their times in order, and the line each waits in."""

    def chunks(self, random: Random, requests: int) -> Iterator[Chunk]:
        """Yield times (s) and lines of `requests` requests, or of all a record holds."""


def poisson(random: Random, count: int) -> Array:
    """Gaps of many independent users."""
    return random.standard_exponential(count)


def gamma(coefficient_of_variation: float) -> Gaps:
    """Gaps with a stated coefficient of variation: bursty over 1, regular under 1."""
    shape = coefficient_of_variation**-2

    def gaps(random: Random, count: int) -> Array:
        return random.standard_gamma(shape, count) / shape

    return gaps


def constant(random: Random, count: int) -> Array:
    """Gaps of a metronome."""
    return np.ones(count)


@dataclass(frozen=True)
class Profile:
    """A rate that changes by the hour and repeats.

    Attributes:
        weights: Relative rate of each hour of the period.
        hour_s: Seconds an hour lasts: 3600, or less where a run is to see the period in less time.
    """

    weights: tuple[float, ...]
    hour_s: float = SECONDS_PER_HOUR

    def warp(self, even_s: Array) -> Array:
        """Return the times at which arrivals of an even rate come under the changing one."""
        shares = np.cumsum([0.0, *self.weights]) / sum(self.weights)
        period_s = len(self.weights) * self.hour_s
        edges_s = np.arange(len(self.weights) + 1) * self.hour_s
        periods = np.floor(even_s / period_s)
        warped: Array = periods * period_s + np.interp(even_s / period_s - periods, shares, edges_s)
        return warped


@dataclass(frozen=True)
class Stream:
    """Requests without end: gaps of one kind at a mean rate, shapes drawn by share.

    Attributes:
        rate_per_s: Mean requests a second.
        gaps: Kind of gaps.
        shares: Share of each line; they sum to 1.
        profile: How the rate changes; None for an even one.
    """

    rate_per_s: float
    gaps: Gaps = poisson
    shares: tuple[float, ...] = (1.0,)
    profile: Profile | None = None

    def chunks(self, random: Random, requests: int) -> Iterator[Chunk]:
        """Yield times (s) and lines of so many requests."""
        clock_s = 0.0
        bounds = np.cumsum(self.shares)[:-1]
        single = np.zeros(CHUNK, dtype=np.int64)
        for first in range(0, requests, CHUNK):
            count = min(CHUNK, requests - first)
            times: Any = self.gaps(random, count)
            times /= self.rate_per_s
            times[0] += clock_s
            np.cumsum(times, out=times)
            clock_s = float(times[-1])
            lines = single[:count]
            if bounds.size:
                lines = np.searchsorted(bounds, random.random(count), side="right")
            yield (self.profile.warp(times) if self.profile else times), lines


@dataclass(frozen=True, eq=False)
class Replay:
    """Recorded requests, each at its own time, all of them in every run."""

    times_s: Array
    lines: Lines

    def chunks(self, random: Random, requests: int) -> Iterator[Chunk]:
        """Yield every request of the record."""
        for first in range(0, self.times_s.size, CHUNK):
            yield self.times_s[first : first + CHUNK], self.lines[first : first + CHUNK]


@dataclass(frozen=True)
class AtOnce:
    """A job: every request is there at the start, its shape drawn by share."""

    shares: tuple[float, ...] = (1.0,)

    def chunks(self, random: Random, requests: int) -> Iterator[Chunk]:
        """Yield so many requests at time 0."""
        for times, lines in Stream(1.0, constant, self.shares).chunks(random, requests):
            yield np.zeros(times.size), lines
