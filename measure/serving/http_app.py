"""The HTTP application: routes, bodies of bounded size, and errors in OpenAI's format."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fluxcost.errors import InputError
from measure.serving.image_requests import (
    CLIENT_GONE,
    MAX_BODY_BYTES,
    AcceptedRequest,
    ImageRequestBody,
    RefusedError,
    parse_image_request,
)
from measure.serving.image_service import ImageService, State

BODY_S = 30.0
"""Longest a client may take to send its body."""

Headers = Mapping[str, str] | None

GENERATIONS = "/v1/images/generations"


def make_app(
    service: ImageService, stop: Callable[[], None], *, built_first: bool = False
) -> FastAPI:
    """Return the application.

    Args:
        service: What answers.
        stop: Told when the service has drained or could not be built.
        built_first: Whether to start only once every replica is built, or to answer 503 meanwhile.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        service.start(asyncio.get_running_loop(), stop)
        if built_first:
            await service.until_built()
        yield
        service.close()

    app = FastAPI(title="fluxcost images", lifespan=running)
    _handle_errors(app, service)
    _tell_about(app, service)
    body = {
        "content": {"application/json": {"schema": ImageRequestBody.model_json_schema()}},
        "required": True,
    }

    @app.post(GENERATIONS, openapi_extra={"requestBody": body})
    async def generate(request: Request) -> Response:
        """Make images."""
        order = service.accept(parse_image_request(await _read_body(request)))
        await service.answer(order, gone=_disconnected(request))
        service.metrics.request(200)
        return _answer(order, service)

    return app


def _tell_about(app: FastAPI, service: ImageService) -> None:
    offered = service.offered

    @app.get("/healthz")
    async def health() -> Response:
        """Whether requests are taken: ready, or starting, failing, draining with status 503."""
        status = 200 if service.state is State.READY else 503
        return JSONResponse({"status": service.state.value}, status)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Counters and gauges for Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The one model served, as OpenAI lists models."""
        model = {"id": offered.model, "object": "model", "created": 0, "owned_by": "fluxcost"}
        return {"object": "list", "data": [model]}

    @app.get("/about")
    async def about() -> dict[str, Any]:
        """What makes the images, for measuring programs; identity is null until it is built."""
        known = service.identity
        return {
            "format": "fluxcost-server",
            "version": 1,
            "model": offered.model,
            "stack": offered.stack.to_dict(),
            "batching": offered.batching.to_dict(),
            "queue_limit": offered.queue_limit,
            "shapes": None if offered.shapes is None else [vars(each) for each in offered.shapes],
            "gpu": None if known is None else known.gpu.to_dict(),
            "environment": None if known is None else known.environment.to_dict(),
        }


def _answer(order: AcceptedRequest, service: ImageService) -> Response:
    known = service.identity
    weights = "synthetic" if known is None or known.synthetic else "checkpoint"
    pictures = [{"b64_json": order.texts[index]} for index in range(order.ask.n)]
    content = {
        "created": int(time.time()),
        "data": pictures,
        "size": f"{order.shape.width}x{order.shape.height}",
        "output_format": order.ask.output_format,
        "steps": order.shape.steps,
        "seed": order.first_seed,
        "weights": weights,
    }
    headers = {"X-Fluxcost-Weights": weights, "Server-Timing": _server_timing(order)}
    return JSONResponse(content, headers=headers)


def _server_timing(order: AcceptedRequest) -> str:
    """Return where the time went, milliseconds; the header of that name in W3C's Server Timing."""
    times_s = (order.arrived_s, order.began_s, order.made_s, order.ended_s)
    arrived_s, began_s, made_s, ended_s = (each or order.arrived_s for each in times_s)
    spans = {
        "queue": began_s - arrived_s,
        "make": made_s - began_s,
        "encode": ended_s - made_s,
    }
    return ", ".join(f"{name};dur={1000 * span:.3f}" for name, span in spans.items())


async def _read_body(request: Request) -> bytes:
    """Read a body of bounded size in bounded time.

    Raises:
        RefusedError: It is larger, or slower, or breaks off.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise RefusedError(
                        413,
                        "too_large",
                        f"the body is over {MAX_BODY_BYTES} bytes; expected a shorter prompt.",
                    )
    except ClientDisconnect:
        raise RefusedError(CLIENT_GONE, "client_gone", "the client is gone.") from None
    except TimeoutError:
        raise RefusedError(
            408, "too_slow", f"the body took over {BODY_S:g} s to come; send it at once."
        ) from None
    return bytes(body)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


# --- errors


def _handle_errors(app: FastAPI, service: ImageService) -> None:
    def said(status: int, code: str, message: str, headers: Headers = None) -> Response:
        service.metrics.request(status)
        return _error(status, code, message, headers)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        headers = {}
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(math.ceil(error.retry_after_s))
        if service.state is State.DRAINING or error.status in {408, 413}:
            headers["Connection"] = "close"
        return said(error.status, error.code, str(error), headers)

    @app.exception_handler(InputError)
    async def wrong(_: Request, error: InputError) -> Response:
        return said(400, "invalid_request", str(error))

    @app.exception_handler(HTTPException)
    async def elsewhere(request: Request, error: HTTPException) -> Response:
        phrase = HTTPStatus(error.status_code).phrase.lower()
        message = (
            f"{request.method} {request.url.path[:100]!r}: {phrase}; expected POST {GENERATIONS}."
        )
        return said(error.status_code, phrase.replace(" ", "_"), message, error.headers)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Response:
        return said(500, "internal", f"the server failed at this: {type(error).__name__}.")


def _error(status: int, code: str, message: str, headers: Headers) -> Response:
    """Return an error in OpenAI's shape."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    if status == 429:
        kind = "rate_limit_error"
    content = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return JSONResponse(content, status, headers)
