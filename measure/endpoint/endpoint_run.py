"""Times a server: from a request on the command line to a record of its times."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import statistics
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from fluxcost.documents import refuse_unwritable
from fluxcost.errors import InputError
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import (
    Environment,
    GpuIdentity,
    MeasuringRun,
    Stack,
)
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.workload.shape import Shape, parse_shape
from measure.endpoint.client import ImagesEndpoint, Reply, read_server_info
from measure.endpoint.endpoint_report import print_loads, print_reasons
from measure.endpoint.load_generation import (
    WARM_CALLS,
    Schedule,
    SentSchedule,
    call_one_by_one,
    drawn_schedule,
    replayed_schedule,
    send_on_schedule,
)


@dataclass(frozen=True)
class EndpointRequest:
    """What the command line asked for; see its help. `gpu` is (key, name, GiB)."""

    url: str
    out: Path
    shapes: tuple[str, ...]
    images: int
    calls: int
    rates: tuple[float, ...]
    requests: int
    arrivals: str
    seed: int
    timeout_s: float
    model: str | None
    stack: str | None
    gpu: tuple[str | None, str | None, float | None]
    extra: str | None
    api_key_env: str | None


@dataclass(frozen=True)
class ServerIdentity:
    """What answers: as it says itself, or as the command line says."""

    gpu: GpuIdentity
    model: str
    stack: Stack
    environment: Environment | None


@dataclass(frozen=True)
class EndpointTimings:
    """Everything timed."""

    alone: dict[Shape, list[Reply]]
    loads: tuple[SentSchedule, ...]


def measure_endpoint(request: EndpointRequest, console: Console) -> None:
    """Time a server and write the record.

    Raises:
        DocumentError: The record cannot be written.
        InputError: An option cannot be used, nothing answers, or neither the server nor the options
            say what makes its images.
        MeasurementError: The server does not answer a single request with pictures.
    """
    if request.out.exists():
        raise InputError(f"{request.out} exists; choose another name or remove it first.")
    refuse_unwritable(request.out)
    shapes = tuple(parse_shape(each) for each in request.shapes)
    schedules = _schedules(request, shapes)
    calibration = asyncio.run(_measure(request, shapes, schedules, console))
    calibration.save(request.out)
    if calibration.loads:
        print_loads(calibration.loads, console)
    summary = f"{len(calibration.cells)} cells and {len(calibration.loads)} loads in {request.out}"
    console.print(summary)


async def _measure(
    request: EndpointRequest,
    shapes: tuple[Shape, ...],
    schedules: tuple[Schedule, ...],
    console: Console,
) -> Calibration:
    target = _target(request)
    async with target.client() as client:
        about = await read_server_info(client)
        subject = _subject(request, about or {})
        model = request.model if about is None else subject.model
        target = replace(target, extensions=about is not None, model=model)
        alone = {}
        for shape in shapes:
            alone[shape] = await call_one_by_one(client, target, shape, request.calls)
            wall_s = statistics.median(reply.wall_s for reply in alone[shape][WARM_CALLS:])
            console.print(f"{shape}, one request at a time: {wall_s:.3f} s (median)")
        loads = []
        for schedule in schedules:
            rate = f"{schedule.requests_per_s:.2f} requests/s for {schedule.due_s[-1]:.0f} s"
            console.print(f"{schedule.arrivals}: {rate}")
            loads.append(await send_on_schedule(client, target, schedule))
            print_reasons(loads[-1].replies, console)
    return _record(subject, target, EndpointTimings(alone, tuple(loads)))


def _schedules(request: EndpointRequest, shapes: tuple[Shape, ...]) -> tuple[Schedule, ...]:
    if request.calls < 1 or request.images < 1:
        raise InputError(
            f"--calls is {request.calls} and --images is {request.images}; expected at least 1."
        )
    if request.arrivals.endswith(".csv"):
        return (replayed_schedule(Path(request.arrivals)),)
    return tuple(
        drawn_schedule(request.arrivals, rate, request.requests, shapes, request.seed)
        for rate in request.rates
    )


def _target(request: EndpointRequest) -> ImagesEndpoint:
    try:
        extra = json.loads(request.extra or "{}")
        httpx.URL(request.url)
    except (ValueError, httpx.InvalidURL) as error:
        raise InputError(f"--extra or the address cannot be used ({error}).") from None
    if not isinstance(extra, dict):
        raise InputError(f"--extra is {request.extra!r}; expected a JSON object.")
    headers = {}
    if request.api_key_env is not None:
        if not (key := os.environ.get(request.api_key_env)):
            raise InputError(f"--api-key-env names {request.api_key_env}, which is not set.")
        headers["Authorization"] = f"Bearer {key}"
    if not 0 < request.timeout_s < float("inf"):
        raise InputError(f"--timeout is {request.timeout_s}; expected seconds over 0.")
    return ImagesEndpoint(
        url=request.url.rstrip("/"),
        model=request.model,
        images=request.images,
        extra=extra,
        headers=headers,
        timeout_s=request.timeout_s,
    )


def _subject(request: EndpointRequest, known: dict[str, Any]) -> ServerIdentity:
    where = f"{request.url}/about"
    environment = known.get("environment")
    model = request.model or known.get("model")
    if model is None:
        raise InputError(f"{request.url} does not say which model it serves; add --model.")
    return ServerIdentity(
        gpu=_gpu(request, known, where),
        model=model,
        stack=_stack(request, known),
        environment=None if environment is None else Environment.parse(environment, where),
    )


def _gpu(request: EndpointRequest, known: dict[str, Any], where: str) -> GpuIdentity:
    key, name, memory_gib = request.gpu
    if key is None and known.get("gpu") is not None:
        return GpuIdentity.parse(known["gpu"], where)
    if key is None or name is None or memory_gib is None:
        raise InputError(
            f"{request.url} does not say which GPU it runs on; add --gpu, --gpu-name and "
            "--memory-gib."
        )
    document = {"key": key, "name": name, "memory_gib": memory_gib}
    return GpuIdentity.parse(document, "the GPU given")


def _stack(request: EndpointRequest, known: dict[str, Any]) -> Stack:
    """Return the server's stack, named apart from the same stack called in process."""
    if known.get("stack") is None and request.stack is None:
        raise InputError(f"{request.url} does not say which stack it runs; add --stack.")
    found = known.get("stack") or {"alias": request.stack, "settings": {}}
    batching = known.get("batching") or {}
    served = {"served": "http"} | {f"served_{name}": value for name, value in batching.items()}
    alias = request.stack or f"{found['alias']}-http"
    document = {"alias": alias, "settings": found["settings"] | served}
    return Stack.parse(document, f"{request.url}/about")


def _record(subject: ServerIdentity, target: ImagesEndpoint, taken: EndpointTimings) -> Calibration:
    """Return whole calls and loads as a calibration that names the endpoint."""
    started_at = dt.datetime.now(dt.UTC)
    run = f"{started_at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    runs: tuple[MeasuringRun, ...] = ()
    if subject.environment is not None:
        runs = (MeasuringRun(id=run, started_at=started_at, environment=subject.environment),)
    return Calibration(
        gpu=subject.gpu,
        model=subject.model,
        stack=subject.stack,
        reference=target.url,
        runs=runs,
        cells=tuple(
            _cell(shape, replies, target.images, run) for shape, replies in taken.alone.items()
        ),
        loads=tuple(sent.load(run, target) for sent in taken.loads),
    )


def _cell(shape: Shape, replies: list[Reply], images: int, run: str) -> Cell:
    walls = [round(reply.wall_s, 6) for reply in replies]
    return Cell(
        width=shape.width,
        height=shape.height,
        steps=shape.steps,
        batch=images,
        run=run,
        warmup_s=tuple(walls[:WARM_CALLS]),
        reported_wall_s=tuple(walls[WARM_CALLS:]),
    )
