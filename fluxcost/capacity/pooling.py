"""Which requests may share a call: those of one shape, or of one token count."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable

import numpy as np

from fluxcost.capacity.arrivals import Arrivals, AtOnce, Replay, Stream
from fluxcost.capacity.demand import Demand, Line
from fluxcost.capacity.fleet import Together
from fluxcost.capacity.service import Service


def pooled(demand: Demand, service: Service, together: Together) -> tuple[Demand, Service]:
    """Return demand and service with one line for each kind of image that may share a call.

    Lines of different priorities stay apart. A line's calls take the mean of its shapes' times, by
    share: shapes of one token count take about one time.
    """
    kinds: dict[Hashable, list[int]] = {}
    for index, line in enumerate(demand.lines):
        kinds.setdefault((line.priority, _kind(line, together)), []).append(index)
    if len(kinds) == len(demand.lines):
        return demand, service
    pools = list(kinds.values())
    lines = tuple(_joined([demand.lines[index] for index in pool]) for pool in pools)
    arrivals = _arriving(demand.arrivals, pools, tuple(line.share for line in lines))
    shares = [[demand.lines[index].share for index in pool] for pool in pools]
    occupancy_s, latency_s = (
        np.array(
            [
                np.average(times[pool], axis=0, weights=weights)
                for pool, weights in zip(pools, shares, strict=True)
            ]
        )
        for times in (service.occupancy_s, service.latency_s)
    )
    return (
        dataclasses.replace(demand, lines=lines, arrivals=arrivals),
        dataclasses.replace(service, occupancy_s=occupancy_s, latency_s=latency_s),
    )


def _kind(line: Line, together: Together) -> Hashable:
    if together == "shape":
        return line.shape
    return line.shape.pixels, line.shape.steps, line.shape.reference_images


def _joined(lines: list[Line]) -> Line:
    shapes = tuple(dict.fromkeys(line.shape for line in lines))
    share = sum(line.share for line in lines)
    return Line(shapes[0], lines[0].priority, share, others=shapes[1:])


def _arriving(arrivals: Arrivals, pools: list[list[int]], shares: tuple[float, ...]) -> Arrivals:
    if isinstance(arrivals, Stream | AtOnce):
        return dataclasses.replace(arrivals, shares=shares)
    assert isinstance(arrivals, Replay)  # noqa: S101 - there is no other kind
    pool_of = np.empty(sum(map(len, pools)), dtype=np.int64)
    for number, pool in enumerate(pools):
        pool_of[pool] = number
    return dataclasses.replace(arrivals, lines=pool_of[arrivals.lines])
