"""Sustained speed: one cell back to back for a minute, which shows heat and power limits."""

from __future__ import annotations

import time

from fluxcost.performance.measured.probes import Soak
from measure.bench import Bench
from measure.protocol import warm_up
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
