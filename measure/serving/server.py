"""`python -m measure serve`: from options to a running server and its orderly shutdown."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from pydantic import Field

from fluxcost.capacity.fleet import Batching
from fluxcost.errors import InputError
from fluxcost.records import Name, Record
from fluxcost.workload.shape import Shape, parse_shape
from measure.batcher import parse_batch_sizes
from measure.campaign_runner import device_of
from measure.pipelines.blueprint import load_blueprint
from measure.serving.http_app import make_app
from measure.serving.image_requests import ServedModel
from measure.serving.image_service import ImageService, State
from measure.serving.replica_pool import Builder, WarmUpPlan, open_replica
from measure.serving.request_log import RequestLog
from measure.stacks import recipe

DEFAULT_SHAPE = Shape(1024, 1024, 4)
"""Size of OpenAI's default, steps of the distilled models."""

KEEP_ALIVE_S = 75
"""Longer than load balancers keep idle connections, so that they close them and not this server."""

SEND_S = 30
"""Longest that stopping waits for clients to read their answers."""


class Pipelines(Record):
    """What is served, as the command line or a cluster's file asks for it; see the command's help.

    Devices are a replica each.
    """

    model: Name
    stack: Name
    weights: str | None = None
    devices: tuple[str, ...] = Field(default=("cuda",), min_length=1)
    max_batch: int = 1
    max_wait_s: float = 0.0
    queue_limit: int = 64
    warm: tuple[str, ...] = ()
    batch_sizes: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class ServeRequest:
    """What the command line asked for; see its help."""

    pipelines: Pipelines
    host: str
    port: int
    log: Path | None


def serve(request: ServeRequest, say: Callable[[str], None]) -> None:
    """Serve until told to stop by SIGTERM or SIGINT, then answer what was accepted and return.

    Raises:
        InputError: An option cannot be used.
        MeasurementError: The weights do not behave.
    """
    offered, builders = prepare_service(request.pipelines, say)
    run(offered, builders, request.host, request.port, request.log, say)


def prepare_service(
    asked: Pipelines, say: Callable[[str], None]
) -> tuple[ServedModel, tuple[Builder, ...]]:
    """Return what is served, and what builds each replica in the thread that is to drive it.

    Raises:
        InputError: An option cannot be used.
    """
    blueprint = load_blueprint(asked.model)
    document = {"max_batch": asked.max_batch, "max_wait_s": asked.max_wait_s}
    batching = Batching.parse(document, "the batching asked for")
    if asked.queue_limit < 0:
        raise InputError(f"--queue-limit is {asked.queue_limit}; expected 0 or more images.")
    shapes = tuple(parse_shape(each, "--warm") for each in asked.warm)
    devices = [device_of(each) for each in asked.devices]
    recipes = [recipe(asked.stack, each, blueprint.document.family) for each in devices]
    first = recipes[0]
    if first.compiles and not shapes:
        raise InputError(
            f"stack {asked.stack} compiles every shape before it can be served; add --warm, such "
            "as --warm 1024x1024x4, for each shape to serve."
        )
    warmed = WarmUpPlan(
        sizes=parse_batch_sizes(asked.batch_sizes, asked.max_batch, compiles=first.compiles),
        shapes=shapes or (DEFAULT_SHAPE,),
        say=say,
    )
    builders = tuple(
        functools.partial(open_replica, blueprint, each, device, asked.weights, asked.seed, warmed)
        for each, device in zip(recipes, devices, strict=True)
    )
    offered = ServedModel(
        model=blueprint.document.name,
        stack=first.stack,
        batching=batching,
        queue_limit=asked.queue_limit,
        default=warmed.shapes[0],
        shapes=shapes if first.compiles else None,
    )
    return offered, builders


def run(
    offered: ServedModel,
    builders: tuple[Builder, ...],
    host: str,
    port: int,
    log: Path | None,
    say: Callable[[str], None],
) -> None:
    """Serve what builders make, one replica each, in the main thread until told to stop."""
    with listen(host, port) as listening:
        service = ImageService(offered, builders, None if log is None else RequestLog(log), say)
        where = "[{}]:{}" if ":" in host else "{}:{}"
        address = where.format(*listening.getsockname()[:2])
        say(f"{offered.model}, {offered.stack.alias}, {offered.batching} on http://{address}")
        server = DrainingServer(service)
        server.run(sockets=[listening])
    if service.failure is not None:
        raise service.failure
    if service.building:
        os._exit(0)  # leaving as usual would tear the runtime down under a compiler at work


class DrainingServer(uvicorn.Server):
    """Uvicorn, except that a signal first lets the service answer what it has accepted.

    The socket keeps listening meanwhile, so that a client gets a refusal and not a closed door; a
    second signal is Uvicorn's own.
    """

    def __init__(self, service: ImageService) -> None:
        self._service = service
        config = uvicorn.Config(
            make_app(service, self._stop),
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SEND_S,
        )
        super().__init__(config)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal."""
        if not self.started or self._service.state is State.DRAINING:
            super().handle_exit(sig, frame)
        else:
            self._service.call_soon(self._service.drain)

    def _stop(self) -> None:
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one.

    Raises:
        InputError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay, 40 ms an answer, off only where the protocol is spelled out.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise InputError(
            f"--host {host} --port {port} cannot be listened on ({error}); choose another."
        ) from None
    return listening
