"""How many requests are late on a fleet, by queueing theory: quick, near, and not the last word.

The wait is that of GI/G/c after Allen and Cunneen: the mean of M/M/c times (ca² + cs²) / 2, with ca
and cs the coefficients of variation of gaps and of calls, and exponential for those who wait, which
is right in its decay at high load (Kingman 1962). Bursts make more wait: Hayward's peakedness
divides servers and load alike. Dynamic batching is taken as the best fixed batch, whose images also
wait out a call in progress; a rate that changes as a steady queue for each of its values; the
images of a request as gaps that vary by as much more.

Beside the simulator, on the shipped calibrations at 1024x1024, 512x512 and a mix of both, 1 and 4
images a request, 0.5 to 50 images/s and p95 within 2 s, the replicas needed are at most one off
without batching and with batches up to 4, and at most 4 or a fifth with batches up to 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxcost.capacity.arrivals import Merged, RecordedArrivals, Stream
from fluxcost.capacity.demand import Demand
from fluxcost.capacity.service_times import ServiceTimes
from fluxcost.stats import Array

SPREAD_POINTS = 10
"""Quantiles that stand for the spread of calls."""

SPREAD_SAMPLE = 4096
"""Calls and gaps drawn to find their spread."""

WINDOW_S = 60.0
"""Stretch of a trace in which its rate is taken as steady, at least; see `MOST_WINDOWS`."""

MOST_WINDOWS = 200

Lines = slice
"""Which of a demand's lines are looked at."""

ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Stretches:
    """The rate of requests, as stretches in which it is steady.

    Attributes:
        rates_per_s: Requests a second in each stretch.
        shares: Share of all requests that come in each; they sum to 1.
        mean_per_s: Requests a second over all.
        squared_variation: Squared coefficient of variation of the gaps.
    """

    rates_per_s: Array
    shares: Array
    mean_per_s: float
    squared_variation: float

    @property
    def peak_per_s(self) -> float:
        """The highest rate."""
        return float(self.rates_per_s.max())


def stretches_of(demand: Demand) -> Stretches:
    """Return the stretches of a demand that has a rate."""
    if isinstance(demand.arrivals, RecordedArrivals):
        return _recorded(demand.arrivals.times_s)
    assert isinstance(demand.arrivals, Stream | Merged)  # noqa: S101 - a job has no rate
    merged = demand.arrivals
    streams = merged.streams if isinstance(merged, Merged) else (merged,)
    hourly = sum(_hourly(stream, max(1, merged.hours)) for stream in streams)
    rates, hours = np.unique(hourly, return_counts=True)
    busy = rates > 0
    requests = (rates * hours)[busy]
    # Streams that come at once vary as their mean by rate (Albin 1984, the asymptotic method).
    squared = sum(stream.rate_per_s * _squared(stream) for stream in streams) / merged.rate_per_s
    return Stretches(rates[busy], requests / requests.sum(), merged.rate_per_s, squared)


def _hourly(stream: Stream, hours: int) -> Array:
    weights = np.array(stream.profile.weights if stream.profile else (1.0,))
    rates: Array = weights / weights.mean() * stream.rate_per_s
    return np.resize(rates, hours)


def _squared(stream: Stream) -> float:
    gaps = stream.gaps(np.random.default_rng(0), SPREAD_SAMPLE)
    return float(gaps.var() / gaps.mean() ** 2)


def _recorded(times_s: Array) -> Stretches:
    span_s = float(times_s[-1])
    window_s = min(max(WINDOW_S, span_s / MOST_WINDOWS), span_s)
    counts = np.bincount((times_s / window_s).astype(np.int64))
    counts = counts[counts > 0]
    return Stretches(counts / window_s, counts / counts.sum(), times_s.size / span_s, 1.0)


class QueueingModel:
    """A demand on replicas of one stack.

    Args:
        demand: With a rate.
        service: How long calls take, up to the largest batch looked at.
        kept: Share of the requests that are answered rather than turned away.
    """

    def __init__(self, demand: Demand, service: ServiceTimes, kept: float = 1.0) -> None:
        self.stretches = stretches_of(demand)
        self.kept = kept
        self.images = demand.images
        self.service = service
        self.shares = np.array([line.share for line in demand.lines])
        self._image_shares = np.array(demand.image_shares)
        self._images_of = np.array([line.images for line in demand.lines])
        self._spread = service.spread(np.random.default_rng(0), SPREAD_SAMPLE)
        self._variance = float(self._spread.var())
        self._middles = (np.arange(SPREAD_POINTS) + 0.5) / SPREAD_POINTS
        self._ratios = np.quantile(self._spread, self._middles)
        self._looked_at: dict[int, Array] = {}

    def load(self, replicas: int, max_batch: int, factor: float = 1.0) -> float:
        """Return the mean work that arrives over what the replicas do at their best batch."""
        sizes = np.arange(1, max_batch + 1)
        image_s = float(
            (self._image_shares @ (self.service.occupancy_s[:, :max_batch] / sizes)).min()
        )
        return self.kept * self.stretches.mean_per_s * self.images * image_s * factor / replicas

    def idle_s(
        self, max_batch: int, percentile: float, factor: float = 1.0, lines: Lines = ALL
    ) -> float:
        """Return a percentile of the response of requests that find idle replicas enough."""
        batch = np.minimum(self._images_of, max_batch)[lines]
        calls = -(-self._images_of[lines] // batch)
        slow = np.quantile(self._spread, self._middles[None] ** (1 / calls[:, None]))
        alone_s = np.take_along_axis(self.service.latency_s[lines], batch[:, None] - 1, axis=1)
        return _weighted_percentile(alone_s * slow * factor, self.shares[lines], percentile)

    def late(
        self,
        replicas: int,
        max_batch: int,
        within_s: float,
        factor: float = 1.0,
        lines: Lines = ALL,
    ) -> float:
        """Return the share of requests answered later than asked.

        Args:
            replicas: Each on a GPU.
            max_batch: Largest batch.
            within_s: From arrival to last image.
            factor: What all call times are multiplied by.
            lines: Whose requests are looked at.
        """
        batches = self._batches(max_batch)
        busy_s = self.service.occupancy_s[:, batches - 1] * factor
        call_s = self._image_shares @ busy_s
        squares = self._image_shares @ (busy_s**2) * (1 + self._variance)
        calls = self.kept * self.stretches.rates_per_s[:, None] * self.images / batches
        offered = calls * call_s
        stable = offered < replicas
        clumped = self.stretches.squared_variation * np.maximum(1, self.images / batches)
        peaked = np.maximum(1.0, (1 + clumped) / 2)
        calm = np.where(stable, offered, 0.0)
        waits = np.where(stable, _erlang_c(replicas / peaked, calm / peaked), 1.0)
        variable = np.maximum(1e-9, (clumped + squares / call_s**2 - 1) / 2)
        decay = np.where(stable, (replicas - offered) / (call_s * variable), 0.0)
        # Axes: stretch, batch, line, spread.
        slack_s = (within_s - self._unqueued_s(replicas, batches, factor))[None, :, lines]
        slower = waits[:, :, None, None] * np.exp(
            -decay[:, :, None, None] * np.maximum(slack_s, 0.0)
        )
        shares = self.shares[lines] / self.shares[lines].sum()
        by_line = np.where(slack_s < 0, 1.0, slower).mean(axis=3) @ shares
        return float((self.stretches.shares @ by_line).min())

    def _unqueued_s(self, replicas: int, batches: Array, factor: float) -> Array:
        """Return the response of requests that need not queue, by batch, line and spread."""
        images = self._images_of[:, None]
        turns = np.ceil(np.ceil(images / batches) / replicas) - 1
        in_progress = np.where(batches > np.minimum(images, batches[-1]), 1 / replicas, 0.0)
        waited_s = self.service.occupancy_s[:, batches - 1] * (turns + in_progress) * factor
        call_s = self.service.latency_s[:, batches - 1] * factor
        response_s: Array = waited_s.T[:, :, None] + call_s.T[:, :, None] * self._ratios
        return response_s

    def _batches(self, max_batch: int) -> Array:
        """Return the fixed batches looked at: a request's images come together, so not fewer."""
        if max_batch not in self._looked_at:
            sizes = np.geomspace(min(self._images_of.min(), max_batch), max_batch, 8)
            self._looked_at[max_batch] = np.unique(sizes.round().astype(np.int64))
        return self._looked_at[max_batch]


def _weighted_percentile(response_s: Array, shares: Array, percentile: float) -> float:
    weights = np.broadcast_to(shares[:, None] / response_s.shape[1], response_s.shape).ravel()
    order = np.argsort(response_s, axis=None)
    rising = np.cumsum(weights[order])
    place = min(int(np.searchsorted(rising, percentile / 100 - 1e-12)), order.size - 1)
    return float(response_s.ravel()[order][place])


def _erlang_c(servers: Array, offered: Array) -> Array:
    """Return the share that waits in M/M/c at many loads, each under its `servers`.

    Erlang's B is the Poisson probability of `servers` over that of at most as many, continued to
    servers that are no whole number by the gamma function.
    """
    from scipy.special import gammaincc, gammaln, xlogy

    full = np.exp(xlogy(servers, offered) - offered - gammaln(servers + 1))
    lost = full / gammaincc(servers + 1, offered)
    load = offered / servers
    waits: Array = lost / (1 - load * (1 - lost))
    return waits
