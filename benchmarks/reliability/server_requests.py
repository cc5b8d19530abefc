"""The images server, in this process, as something to be sent hostile requests."""

from __future__ import annotations

import asyncio
import functools
import json
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from benchmarks.reliability.readers import Reader, dump_json, refuse_spoiled
from fluxcost.capacity.fleet import Batching
from measure.serving.http_app import GENERATIONS, make_app
from measure.serving.image_requests import ServedModel
from measure.serving.image_service import ImageService, State
from tests.measure.serving.stub_server import SHAPE, STACK, Painter

ANSWERS = {200, 400, 404, 405, 413, 429}


class _Quick(Painter):
    """Pictures of 16 pixels, whatever is asked: what is tried is the request, not the encoder."""

    def make(self, shape: Any, wanted: Any) -> list[Image.Image]:  # noqa: ANN401 - as Painter's
        return [Image.new("RGB", (16, 16), each.seed % 256) for each in wanted]


class _Served:
    """A service and its app on an event loop that runs while a request does."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        batching = Batching(max_batch=4, max_wait_s=0.0)
        offered = ServedModel(
            "painter", STACK, batching, queue_limit=64, default=SHAPE, shapes=None
        )
        service = ImageService(offered, (lambda: _Quick(),), None, lambda _: None)  # noqa: PLW0108
        service.start(self.loop, lambda: None)
        app = make_app(service, lambda: None)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        self.loop.run_until_complete(self._ready(service))

    async def _ready(self, service: ImageService) -> None:
        while service.state is not State.READY:
            await asyncio.sleep(0.001)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        asked = self.client.request(method, path, headers=headers, content=body)
        return self.loop.run_until_complete(asked)


@functools.cache
def _served() -> _Served:
    return _Served()


def _send(data: bytes, _: Path) -> None:
    method, path, headers, body = _request(data)
    try:
        answer = _served().send(method, path, headers, body)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError):
        return  # no client can send it
    if answer.status_code not in ANSWERS:
        raise ValueError(f"status {answer.status_code}: {answer.text[:300]}")
    if answer.status_code == 200:
        return
    error = answer.json()["error"]
    if set(error) != {"message", "type", "param", "code"}:
        raise ValueError(f"an error of another shape: {error}")
    refuse_spoiled(error["message"])


def _request(data: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Return what to send; bytes that are no request are the body of one."""
    try:
        said = json.loads(data)
        method, path, headers = str(said["method"]), str(said["path"]), dict(said["headers"])
        body = said["body"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "POST", GENERATIONS, {}, data
    plain = {_ascii(key): _ascii(value) for key, value in headers.items()}
    sent = body.encode("utf-8", "replace") if isinstance(body, str) else dump_json(body)
    return _ascii(method)[:20] or "POST", "/" + _ascii(path).lstrip("/")[:500], plain, sent


def _ascii(value: object) -> str:
    text = str(value)[:200].encode("ascii", "ignore").decode()
    return "".join(each for each in text if each.isprintable()).strip() or "x"


_FULL = {"prompt": "a teapot", "n": 2, "size": "64x48", "steps": 2, "seed": 7, "priority": 1}
_SEEDS = tuple(
    {"method": method, "path": path, "headers": {"content-type": "application/json"}, "body": body}
    for method, path, body in (
        ("POST", GENERATIONS, _FULL),
        ("POST", GENERATIONS, _FULL | {"model": "painter", "output_format": "webp", "user": "me"}),
        ("POST", GENERATIONS, {"prompt": "é" * 40, "size": "auto", "response_format": "b64_json"}),
        ("GET", "/v1/models", ""),
    )
)
SERVER = Reader(
    "server request", _SEEDS, dump_json, json.loads, _send, ("fluxcost.records:Record.parse",),
    ("measure/serving/image_requests.py", "measure/serving/http_app.py"),
)  # fmt: skip
