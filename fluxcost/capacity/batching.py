"""Batch compatibility: which requests may share a call, so which wait in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from fluxcost.capacity.demand import Demand, RequestClass
from fluxcost.capacity.fleet import BatchCompatibility
from fluxcost.capacity.service_times import ServiceTimes


@dataclass(frozen=True, eq=False)
class Pools:
    """Where requests wait.

    Attributes:
        waits_in: The waiting line of each of the demand's lines.
        priorities: Of each waiting line, 0 first.
        service: How long calls take, by waiting line.
    """

    waits_in: tuple[int, ...]
    priorities: tuple[int, ...]
    service: ServiceTimes


def pooled(demand: Demand, service: ServiceTimes, together: BatchCompatibility) -> Pools:
    """Return one waiting line for each kind of image that may share a call.

    Images of different priorities wait apart. Calls take the mean of their shapes' times, by share
    of the images: shapes of one token count take about one time.

    Args:
        demand: What asks.
        service: How long calls take, by the demand's lines.
        together: What the images of a call have in common.
    """
    kinds: dict[Hashable, list[int]] = {}
    for index, line in enumerate(demand.lines):
        kinds.setdefault((line.priority, _kind(line, together)), []).append(index)
    pools = list(kinds.values())
    waits_in = np.empty(len(demand.lines), dtype=np.int64)
    for number, pool in enumerate(pools):
        waits_in[pool] = number
    shares = np.array(demand.image_shares)
    occupancy_s, latency_s = (
        np.array([np.average(times[pool], axis=0, weights=shares[pool]) for pool in pools])
        for times in (service.occupancy_s, service.latency_s)
    )
    return Pools(
        tuple(waits_in.tolist()),
        tuple(demand.lines[pool[0]].priority for pool in pools),
        dataclasses.replace(service, occupancy_s=occupancy_s, latency_s=latency_s),
    )


def _kind(line: RequestClass, together: BatchCompatibility) -> Hashable:
    if together == "shape":
        return line.shape
    return line.shape.pixels, line.shape.steps, line.shape.reference_images
