"""A workload as the simulator sees it: lines of one shape and priority, and when requests come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fluxcost.capacity.arrivals import (
    Arrivals,
    AtOnce,
    Gaps,
    Profile,
    Replay,
    Stream,
    constant,
    gamma,
    poisson,
)
from fluxcost.capacity.trace import read_trace
from fluxcost.errors import InputError
from fluxcost.workload import SECONDS_PER_MONTH, Shape, Workload
from fluxcost.workload import Arrivals as Stated

SHORTEST_HOUR_CALLS = 300
"""Least calls an hour of a shortened profile lasts, so that queues settle within it."""


@dataclass(frozen=True)
class Line:
    """One waiting line.

    Attributes:
        shape: Of its images.
        priority: 0 is served first.
        share: Of the requests.
        others: Further shapes whose images may share its calls.
    """

    shape: Shape
    priority: int
    share: float
    others: tuple[Shape, ...] = ()

    def __str__(self) -> str:
        return " or ".join(str(shape) for shape in (self.shape, *self.others))


@dataclass(frozen=True, eq=False)
class Demand:
    """What asks for images.

    Attributes:
        lines: Shapes and priorities, with shares that sum to 1.
        rate_per_s: Mean requests a second; None for a job that is all there at once.
        images: Images a request.
        arrivals: When requests come.
        requests: Requests in all, where that is certain: a trace or a job; else None.
    """

    lines: tuple[Line, ...]
    rate_per_s: float | None
    images: int
    arrivals: Arrivals
    requests: int | None

    @property
    def mix(self) -> tuple[tuple[Shape, float], ...]:
        """Each line's shape and its share."""
        return tuple((line.shape, line.share) for line in self.lines)

    @property
    def images_per_month(self) -> int:
        """Images of a month at the mean rate; a job's images where there is no rate."""
        if self.rate_per_s is None:
            assert self.requests is not None  # noqa: S101 - a job has no rate but a count
            return self.requests * self.images
        return max(1, round(self.rate_per_s * self.images * SECONDS_PER_MONTH))

    def planned_requests(self, requests: int, call_s: float) -> tuple[Arrivals, int]:
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
        assert isinstance(stream, Stream)  # noqa: S101 - a record or a job has its count
        if stream.profile is None:
            return stream, requests
        hours = len(stream.profile.weights)
        wanted_s = requests / stream.rate_per_s / hours
        hour_s = min(stream.profile.hour_s, max(wanted_s, SHORTEST_HOUR_CALLS * call_s))
        per_period = stream.rate_per_s * hours * hour_s
        periods = max(1, round(requests / per_period))
        profile = Profile(stream.profile.weights, hour_s)
        made = Stream(stream.rate_per_s, stream.gaps, stream.shares, profile)
        return made, max(1, round(periods * per_period))


def demand_of(workload: Workload) -> Demand:
    """Return a workload's demand; a trace is read here.

    Raises:
        InputError: The workload has a monthly volume and does not say how requests arrive.
        DocumentError: Its trace cannot be used.
    """
    total = sum(share.weight for share in workload.shapes)
    lines = tuple(Line(each.shape, each.priority, each.weight / total) for each in workload.shapes)
    shares = tuple(line.share for line in lines)
    if workload.deadline is not None:
        return Demand(lines, None, 1, AtOnce(shares), workload.deadline.images)
    if workload.arrivals is None:
        raise InputError(
            f"{workload.name}: how requests arrive is not stated; expected `arrivals`, such as "
            "`arrivals: {process: poisson}`, to simulate them."
        )
    if workload.arrivals.trace is not None:
        return _replayed(Path(workload.arrivals.trace), workload.images_per_request)
    stated = workload.arrivals
    rate = stated.requests_per_s
    if rate is None:
        rate = workload.images / workload.images_per_request / SECONDS_PER_MONTH
    profile = Profile(stated.hourly_weights) if stated.hourly_weights else None
    stream = Stream(rate, _gaps(stated), shares, profile)
    return Demand(lines, rate, workload.images_per_request, stream, None)


def at_rate(demand: Demand, rate_per_s: float) -> Demand:
    """Return the same demand at another mean rate.

    Raises:
        InputError: It is a trace or a job, whose times are given.
    """
    stream = demand.arrivals
    if not isinstance(stream, Stream):
        raise InputError("a trace or a deadline has its own times; state a rate to vary it.")
    made = Stream(rate_per_s, stream.gaps, stream.shares, stream.profile)
    return Demand(demand.lines, rate_per_s, demand.images, made, None)


def _gaps(stated: Stated) -> Gaps:
    if stated.coefficient_of_variation is not None:
        return gamma(stated.coefficient_of_variation)
    return constant if stated.process == "constant" else poisson


def _replayed(path: Path, images: int) -> Demand:
    trace = read_trace(path)
    lines = tuple(
        Line(shape, 0, share) for shape, share in zip(trace.shapes, trace.shares, strict=True)
    )
    count = trace.times_s.size
    rate = (count - 1) / float(trace.times_s[-1])
    return Demand(lines, rate, images, Replay(trace.times_s, trace.lines), count)
