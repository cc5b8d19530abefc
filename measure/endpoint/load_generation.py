"""Sends requests to a server: one after the other, or on a schedule fixed beforehand."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import httpx
import numpy as np

from fluxcost.capacity.arrivals import Gaps, Stream, constant, poisson
from fluxcost.capacity.trace import read_trace
from fluxcost.errors import InputError
from fluxcost.performance.calibration.extra_measurements import SentLoad
from fluxcost.workload.shape import Shape
from measure.endpoint.client import ImagesEndpoint, Reply, send
from measure.errors import MeasurementError

PROCESSES: dict[str, Gaps] = {"constant": constant, "poisson": poisson}


@dataclass(frozen=True)
class Schedule:
    """Requests in the order due.

    Attributes:
        arrivals: How the times came about.
        shapes: The distinct shapes.
        shape_of: Position of each request's shape.
        due_s: Seconds since the beginning.
    """

    arrivals: str
    shapes: tuple[Shape, ...]
    shape_of: tuple[int, ...]
    due_s: tuple[float, ...]

    @property
    def requests_per_s(self) -> float:
        """Mean rate: requests over the time until the last is due."""
        return len(self.due_s) / self.due_s[-1]


def drawn_schedule(
    process: str, requests_per_s: float, requests: int, shapes: tuple[Shape, ...], seed: int
) -> Schedule:
    """Draw a schedule in which every shape is as likely as another.

    Args:
        process: "poisson" or "constant".
        requests_per_s: Mean rate.
        requests: How many.
        shapes: At least one.
        seed: The same seed gives the same schedule.

    Raises:
        InputError: The rate or the number is not positive, or there is no such process.
    """
    if process not in PROCESSES:
        raise InputError(
            f"--arrivals is {process!r}; expected {' or '.join(sorted(PROCESSES))}, or a CSV file."
        )
    if not 0 < requests_per_s < float("inf"):
        raise InputError(f"--rate is {requests_per_s}; expected requests a second, over 0.")
    if requests < 1:
        raise InputError(f"--requests is {requests}; expected at least 1.")
    shares = (1 / len(shapes),) * len(shapes)
    stream = Stream(requests_per_s, PROCESSES[process], shares)
    chunks = list(stream.chunks(np.random.default_rng(seed), requests))
    due_s = chain.from_iterable(times.tolist() for times, _ in chunks)
    shape_of = chain.from_iterable(lines.tolist() for _, lines in chunks)
    return Schedule(f"{process}, seed {seed}", shapes, tuple(shape_of), tuple(due_s))


def replayed_schedule(path: Path) -> Schedule:
    """Return a recorded schedule: timestamp, width, height and steps, such as a server's log.

    Raises:
        DocumentError: The file cannot be used.
    """
    trace = read_trace(path)
    lines, times = trace.lines.tolist(), trace.times_s.tolist()
    return Schedule(f"replay of {path.name}", trace.shapes, tuple(lines), tuple(times))


WARM_CALLS = 3
"""Requests before any counts: connections are made and the server's caches filled."""


@dataclass(frozen=True)
class SentSchedule:
    """A schedule and what came of each request, in the order due; `began_s` by `perf_counter`."""

    schedule: Schedule
    began_s: float
    replies: tuple[Reply, ...]

    def load(self, run: str, target: ImagesEndpoint) -> SentLoad:
        """Return the record, times to the microsecond."""
        schedule = self.schedule

        def since(moment_s: float) -> float:
            return round(moment_s - self.began_s, 6)

        return SentLoad(
            run=run,
            endpoint=target.url,
            arrivals=schedule.arrivals,
            requests_per_s=schedule.requests_per_s,
            images=target.images,
            shapes=tuple((each.width, each.height, each.steps) for each in schedule.shapes),
            shape_of=schedule.shape_of,
            due_s=tuple(round(due, 6) for due in schedule.due_s),
            sent_s=tuple(since(reply.sent_s) for reply in self.replies),
            ended_s=tuple(since(reply.ended_s) for reply in self.replies),
            status=tuple(reply.status for reply in self.replies),
        )


async def call_one_by_one(
    client: httpx.AsyncClient, target: ImagesEndpoint, shape: Shape, calls: int
) -> list[Reply]:
    """Send requests each after the answer of the one before; the first `WARM_CALLS` come on top.

    Raises:
        MeasurementError: One was not answered with pictures.
    """
    replies = []
    for index in range(WARM_CALLS + calls):
        reply = await send(client, target, shape, index)
        if reply.reason:
            raise MeasurementError(
                f"{target.url} answers a single request for {shape} with status {reply.status}: "
                f"{reply.reason}; expected pictures."
            )
        replies.append(reply)
    return replies


async def send_on_schedule(
    client: httpx.AsyncClient, target: ImagesEndpoint, schedule: Schedule
) -> SentSchedule:
    """Send every request when it is due, however many are unanswered, and wait for all answers."""
    began_s = time.perf_counter()

    async def one(index: int) -> Reply:
        due_s = began_s + schedule.due_s[index]
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        return await send(client, target, schedule.shapes[schedule.shape_of[index]], index)

    replies = await asyncio.gather(*(one(index) for index in range(len(schedule.due_s))))
    return SentSchedule(schedule, began_s, tuple(replies))
