"""One request to an OpenAI-compatible images endpoint, and its reply."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape
from measure.errors import MeasurementError
from measure.prompts import PROMPTS

GENERATIONS = "/v1/images/generations"
CONNECT_S = 10.0
NO_ANSWER = 0
"""Status of a request without a usable answer."""


@dataclass(frozen=True)
class ImagesEndpoint:
    """A server and how to ask it.

    Attributes:
        url: Address, without the path.
        model: Its name there; None where the server does not need one.
        images: Images a request.
        extensions: Whether `steps` and `seed` are sent, which only our own server is sure to know.
        extra: Further fields of every request.
        headers: Of every request, such as a key.
        timeout_s: Longest an answer may take.
    """

    url: str
    model: str | None = None
    images: int = 1
    extensions: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 120.0

    def client(self) -> httpx.AsyncClient:
        """Return a client that opens as many connections as there are requests.

        Raises:
            InputError: The address is not a valid URL; no request is sent.
        """
        try:
            host = urlsplit(self.url).hostname
        except ValueError:
            host = None
        if not host:
            raise InputError(f"the address is {self.url!r}; expected http://HOST:PORT.")
        return httpx.AsyncClient(
            base_url=self.url,
            headers=dict(self.headers),
            timeout=httpx.Timeout(self.timeout_s, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )

    def body(self, shape: Shape, index: int) -> dict[str, Any]:
        """Return the body of a request; its number decides prompt and seed."""
        fields: dict[str, Any] = {
            "prompt": PROMPTS[index % len(PROMPTS)],
            "n": self.images,
            "size": f"{shape.width}x{shape.height}",
            "response_format": "b64_json",
        }
        if self.model is not None:
            fields["model"] = self.model
        if self.extensions:
            fields |= {"steps": shape.steps, "seed": index * self.images}
        return fields | dict(self.extra)


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        sent_s: When it was sent, by `perf_counter`.
        ended_s: When its answer was whole, or no more was expected.
        status: HTTP status; 0 where no usable answer came.
        reason: Why it is not a picture, in the server's or the client's words; empty for a picture.
        server_s: Seconds the server says it spent, by part; empty where it does not say.
    """

    sent_s: float
    ended_s: float
    status: int
    reason: str
    server_s: dict[str, float]

    @property
    def wall_s(self) -> float:
        """Seconds from sending to the whole answer."""
        return self.ended_s - self.sent_s


async def send(
    client: httpx.AsyncClient, target: ImagesEndpoint, shape: Shape, index: int
) -> Reply:
    """Send a request and wait for its whole answer, or for its timeout."""
    body = target.body(shape, index)
    sent_s = time.perf_counter()
    try:
        answer = await client.post(GENERATIONS, json=body)
    except httpx.HTTPError as error:
        reason = f"{type(error).__name__} {error}".strip()
        return Reply(sent_s, time.perf_counter(), NO_ANSWER, reason, {})
    ended_s = time.perf_counter()
    timings = _server_timing(answer.headers.get("server-timing", ""))
    if answer.status_code != httpx.codes.OK:
        return Reply(sent_s, ended_s, answer.status_code, _message(answer), timings)
    # Counted, not parsed: parsing megabytes would delay the requests that come next.
    pictures = answer.content.count(b'"b64_json"')
    if pictures != target.images:
        reason = f"{pictures} pictures of {target.images}"
        return Reply(sent_s, ended_s, NO_ANSWER, reason, timings)
    return Reply(sent_s, ended_s, answer.status_code, "", timings)


async def read_server_info(client: httpx.AsyncClient) -> dict[str, Any] | None:
    """Return what a server of `measure serve` says of itself, None for any other server.

    Raises:
        InputError: Nothing answers there.
        MeasurementError: It is such a server and not ready.
    """
    try:
        answer = await client.get("/about")
        health = await client.get("/healthz")
    except httpx.HTTPError as error:
        raise InputError(
            f"{client.base_url} does not answer ({type(error).__name__} {error}); start the server "
            "or correct the address."
        ) from None
    except httpx.InvalidURL as error:
        raise InputError(f"{client.base_url}: {error}; expected http://HOST:PORT.") from None
    try:
        found = answer.json()
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("format") != "fluxcost-server":
        return None
    if health.status_code != httpx.codes.OK:
        raise MeasurementError(f"{client.base_url} is {health.text}; expected a server ready.")
    return found


def _message(answer: httpx.Response) -> str:
    try:
        message = str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = answer.text
    return " ".join(message.split())[:200]


def _server_timing(header: str) -> dict[str, float]:
    found = re.findall(r"([\w-]+);dur=([0-9.]+)", header)
    return {name: float(milliseconds) / 1000 for name, milliseconds in found}
