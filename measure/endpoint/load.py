"""Sending requests to a server: one after the other, or at the times a schedule says."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import httpx

from fluxcost.performance.measured.load import Load
from fluxcost.workload import Shape
from measure.endpoint.client import Reply, Target, send
from measure.endpoint.schedule import Schedule
from measure.errors import MeasurementError

WARM_CALLS = 3
"""Requests before any counts: connections are made and the server's caches filled."""


@dataclass(frozen=True)
class Sent:
    """A schedule and what came of each request, in the order due; `began_s` by `perf_counter`."""

    schedule: Schedule
    began_s: float
    replies: tuple[Reply, ...]

    def load(self, run: str, target: Target) -> Load:
        """Return the record, times to the microsecond."""
        schedule = self.schedule

        def since(moment_s: float) -> float:
            return round(moment_s - self.began_s, 6)

        return Load(
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


async def call_in_turn(
    client: httpx.AsyncClient, target: Target, shape: Shape, calls: int
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


async def send_on_schedule(client: httpx.AsyncClient, target: Target, schedule: Schedule) -> Sent:
    """Send every request when it is due, however many are unanswered, and wait for all answers."""
    began_s = time.perf_counter()

    async def one(index: int) -> Reply:
        due_s = began_s + schedule.due_s[index]
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        return await send(client, target, schedule.shapes[schedule.shape_of[index]], index)

    replies = await asyncio.gather(*(one(index) for index in range(len(schedule.due_s))))
    return Sent(schedule, began_s, tuple(replies))
