"""A workload as the simulator sees it: lines of requests that ask alike, and when they come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fluxcost.capacity.arrivals import (
    SECONDS_PER_HOUR,
    ArrivalProcess,
    AtOnce,
    Gaps,
    Merged,
    Profile,
    RecordedArrivals,
    Stream,
    constant,
    gamma,
    poisson,
)
from fluxcost.capacity.trace import read_trace
from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import SECONDS_PER_MONTH, Workload
from fluxcost.workload.workload import Arrivals as Stated

SHORTEST_HOUR_CALLS = 300
"""Least calls an hour of a shortened profile lasts, so that queues settle within it."""


@dataclass(frozen=True)
class RequestClass:
    """Requests that ask for the same; they are counted together.

    Attributes:
        shape: Of their images.
        priority: 0 is served first.
        share: Of the requests.
        images: Images a request.
    """

    shape: Shape
    priority: int
    share: float
    images: int = 1


@dataclass(frozen=True, eq=False)
class Demand:
    """What asks for images.

    Attributes:
        lines: What requests ask for, with shares that sum to 1.
        rate_per_s: Mean requests a second; None for a job that is all there at once.
        arrivals: When requests come.
        requests: Requests in all, where that is certain: a trace or a job; else None.
    """

    lines: tuple[RequestClass, ...]
    rate_per_s: float | None
    arrivals: ArrivalProcess
    requests: int | None

    @property
    def images(self) -> float:
        """Images a request, the mean."""
        each = {line.images for line in self.lines}
        return each.pop() if len(each) == 1 else sum(x.share * x.images for x in self.lines)

    @property
    def image_shares(self) -> tuple[float, ...]:
        """Each line's share of the images."""
        return tuple(line.share * line.images / self.images for line in self.lines)

    @property
    def mix(self) -> tuple[tuple[Shape, float], ...]:
        """Each line's shape and its share of the images."""
        return tuple(
            (line.shape, share) for line, share in zip(self.lines, self.image_shares, strict=True)
        )

    @property
    def images_per_month(self) -> int:
        """Images of a month at the mean rate; a job's images where there is no rate."""
        if self.rate_per_s is None:
            assert self.requests is not None  # noqa: S101 - a job has no rate but a count
            return round(self.requests * self.images)
        return max(1, round(self.rate_per_s * self.images * SECONDS_PER_MONTH))

    def planned_requests(self, requests: int, call_s: float) -> tuple[ArrivalProcess, int]:
        """Return the arrivals of a run of about so many requests, and how many they are.

        A profile is seen in whole periods; where a period holds more requests than asked for, its
        hours are shortened, but not under `SHORTEST_HOUR_CALLS` calls.

        Args:
            requests: Asked for.
            call_s: Seconds of one call.
        """
        stream = self.arrivals
        if self.requests is not None:
            return stream, self.requests
        assert isinstance(stream, Stream | Merged)  # noqa: S101 - a record or a job has its count
        if not stream.hours:
            return stream, requests
        wanted_s = requests / stream.rate_per_s / stream.hours
        hour_s = min(SECONDS_PER_HOUR, max(wanted_s, SHORTEST_HOUR_CALLS * call_s))
        per_period = stream.rate_per_s * stream.hours * hour_s
        periods = max(1, round(requests / per_period))
        return stream.with_hours_of(hour_s), max(1, round(periods * per_period))


def demand_of(workload: Workload) -> Demand:
    """Return a workload's demand; a trace is read here.

    Raises:
        InputError: The workload has a monthly volume and does not say how requests arrive.
        DocumentError: Its trace cannot be used.
    """
    # In an order of their own, so that a seed gives the same answer however a file lists them.
    shapes = sorted(workload.shapes, key=lambda each: (each.shape, each.priority, each.weight))
    total = sum(share.weight for share in shapes)
    images = workload.images_per_request
    lines = tuple(
        RequestClass(each.shape, each.priority, each.weight / total, images) for each in shapes
    )
    shares = tuple(line.share for line in lines)
    if workload.deadline is not None:
        return Demand(lines, None, AtOnce(shares), workload.deadline.images)
    if workload.arrivals is None:
        raise InputError(
            f"{workload.name}: how requests arrive is not stated; expected `arrivals`, such as "
            "`arrivals: {process: poisson}`, to simulate them."
        )
    if workload.arrivals.trace is not None:
        return _replayed(Path(workload.arrivals.trace), images)
    stated = workload.arrivals
    rate = stated.requests_per_s
    if rate is None:
        rate = workload.images / images / SECONDS_PER_MONTH
    profile = Profile(stated.hourly_weights) if stated.hourly_weights else None
    stream = Stream(rate, _gaps(stated), shares, profile)
    return Demand(lines, rate, stream, None)


def at_rate(demand: Demand, rate_per_s: float) -> Demand:
    """Return the same demand at another mean rate.

    Raises:
        InputError: It is a trace or a job, whose times are given.
    """
    stream = demand.arrivals
    if not isinstance(stream, Stream):
        raise InputError("a trace or a deadline has its own times; state a rate to vary it.")
    made = Stream(rate_per_s, stream.gaps, stream.shares, stream.profile)
    return Demand(demand.lines, rate_per_s, made, None)


def _gaps(stated: Stated) -> Gaps:
    if stated.coefficient_of_variation is not None:
        return gamma(stated.coefficient_of_variation)
    return constant if stated.process == "constant" else poisson


def _replayed(path: Path, images: int) -> Demand:
    trace = read_trace(path)
    lines = tuple(
        RequestClass(shape, 0, share, images)
        for shape, share in zip(trace.shapes, trace.shares, strict=True)
    )
    count = trace.times_s.size
    rate = (count - 1) / float(trace.times_s[-1])
    return Demand(lines, rate, RecordedArrivals(trace.times_s, trace.lines), count)
