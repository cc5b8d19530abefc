"""When requests come, chunk by chunk, so that a run of any length needs no more memory."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fluxcost.stats import Array

CHUNK = 32_768
"""Requests drawn at a time; their arrays fit the processor's cache."""

SECONDS_PER_HOUR = 3600

Random = np.random.Generator
Lines = np.typing.NDArray[np.int64]
Chunk = tuple[Array, Lines]
Gaps = Callable[[Random, int], Array]
"""Draws gaps between requests whose mean is 1."""


class ArrivalProcess(Protocol):
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

    @property
    def hours(self) -> int:
        """Hours of the period in which the rate changes; 0 where it is even."""
        return 0 if self.profile is None else len(self.profile.weights)

    def with_hours_of(self, hour_s: float) -> Stream:
        """Return the stream with hours that last so long."""
        profile = self.profile and Profile(self.profile.weights, hour_s)
        return Stream(self.rate_per_s, self.gaps, self.shares, profile)

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


@dataclass(frozen=True)
class Merged:
    """Several streams at once, independent of each other; their profiles begin at one hour.

    Lines are numbered through: those of the first stream come first.

    Attributes:
        streams: At least one.
    """

    streams: tuple[Stream, ...]

    @property
    def rate_per_s(self) -> float:
        """Mean requests a second of all."""
        return sum(stream.rate_per_s for stream in self.streams)

    @property
    def hours(self) -> int:
        """Hours after which all profiles begin anew; 0 where all rates are even."""
        changing = [stream.hours for stream in self.streams if stream.hours]
        return math.lcm(*changing) if changing else 0

    def with_hours_of(self, hour_s: float) -> Merged:
        """Return the streams with hours that last so long."""
        return Merged(tuple(stream.with_hours_of(hour_s) for stream in self.streams))

    def chunks(self, random: Random, requests: int) -> Iterator[Chunk]:
        """Yield times (s) and lines of so many requests, in order."""
        left = requests
        for times, lines in self._in_order(random):
            for first in range(0, min(left, times.size), CHUNK):
                until = min(first + CHUNK, left, times.size)
                yield times[first:until], lines[first:until]
            left -= times.size
            if left <= 0:
                return

    def _in_order(self, random: Random) -> Iterator[Chunk]:
        """Yield times and lines without end, as far as all streams are drawn."""
        drawn = [
            stream.chunks(own, sys.maxsize)
            for stream, own in zip(self.streams, random.spawn(len(self.streams)), strict=True)
        ]
        firsts = np.cumsum([0, *(len(stream.shares) for stream in self.streams)])
        held = [next(source) for source in drawn]
        while True:
            soonest = min(range(len(held)), key=lambda number: float(held[number][0][-1]))
            until_s = held[soonest][0][-1]
            cuts = [int(np.searchsorted(times, until_s, side="right")) for times, _ in held]
            times = np.concatenate([each[0][:cut] for each, cut in zip(held, cuts, strict=True)])
            lines = np.concatenate(
                [
                    each[1][:cut] + first
                    for each, cut, first in zip(held, cuts, firsts[:-1], strict=True)
                ]
            )
            order = np.argsort(times, kind="stable")
            yield times[order], lines[order]
            held = [(each[0][cut:], each[1][cut:]) for each, cut in zip(held, cuts, strict=True)]
            held = [
                each if each[0].size else next(source)
                for each, source in zip(held, drawn, strict=True)
            ]


@dataclass(frozen=True, eq=False)
class RecordedArrivals:
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
