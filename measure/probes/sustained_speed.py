"""Sustained speed: calls back to back for a minute, and calls launched while pictures are copied.

    host    |launch 1|launch 2|        |pictures 1|launch 3|        |pictures 2| ...
    device  |  call 1           |  call 2            |  call 3            | ...

A single call ends when its pictures are in host memory; here that work is behind the next call's.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from fluxcost.performance.calibration.extra_measurements import Pipelined, Soak
from fluxcost.performance.calibration.measuring_run import Stack
from measure.bench import Bench
from measure.protocol import warm_up
from measure.stacks.host_work import Copying, pictures_later
from measure.suites import Point, Protocol

TELEMETRY_EVERY_S = 2.0


def measure_soak(bench: Bench, point: Point, protocol: Protocol, run: str) -> Soak:
    """Call one cell back to back for `protocol.soak_s` seconds."""
    warm_up(bench, point, protocol)
    wall_s: list[float] = []
    telemetry = [bench.instruments.snapshot()]
    started_s = last_s = time.perf_counter()
    while (now_s := time.perf_counter()) - started_s < protocol.soak_s:
        wall_s.append(round(bench.time_call(point).wall_s, 6))
        if now_s - last_s >= TELEMETRY_EVERY_S:
            telemetry.append(bench.instruments.snapshot())
            last_s = now_s
    shape = point.shape
    return Soak(
        width=shape.width,
        height=shape.height,
        steps=shape.steps,
        batch=point.batch,
        run=run,
        wall_s=tuple(wall_s),
        telemetry=tuple(telemetry),
    )


AHEAD = 2
"""Calls launched whose pictures are not made yet: one on the device and one behind it."""


def can_pipeline(stack: Stack) -> bool:
    """Say whether a stack leaves its pixels on the device until they are asked for."""
    return stack.settings.get("image_conversion") == "device"


def measure_pipelined(bench: Bench, point: Point, protocol: Protocol, run: str) -> Pipelined:
    """Make images without a pause for `protocol.soak_s` seconds."""
    warm_up(bench, point, protocol)
    done_s: list[float] = []
    telemetry = [bench.instruments.snapshot()]
    waiting: deque[Future[float]] = deque()
    with pictures_later(bench.pipeline), ThreadPoolExecutor(max_workers=1) as host:
        started_s = last_s = bench.clock.now_s()
        while (now_s := time.perf_counter()) - started_s < protocol.soak_s or not done_s:
            waiting.append(host.submit(_finish, bench.generate(point, output_type="pil")))
            if len(waiting) > AHEAD:
                done_s.append(round(waiting.popleft().result() - started_s, 6))
            if now_s - last_s >= TELEMETRY_EVERY_S:
                telemetry.append(bench.instruments.snapshot())
                last_s = now_s
        done_s += [round(each.result() - started_s, 6) for each in waiting]
    shape = point.shape
    return Pipelined(
        width=shape.width,
        height=shape.height,
        steps=shape.steps,
        batch=point.batch,
        run=run,
        done_s=tuple(done_s),
        telemetry=tuple(telemetry),
    )


def _finish(copying: Copying) -> float:
    copying.pictures()
    return time.perf_counter()
