"""The service behind the endpoint: what it accepts, how it is made, and how it stops.

The event loop accepts, encodes through a pool of threads and answers; one thread a replica makes
images. Orders are changed on the event loop only.
"""

from __future__ import annotations

import asyncio
import base64
import io
import math
import os
import secrets
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Any

from PIL import Image

from fluxcost.errors import FluxcostError
from measure.serving.admission_queue import Admission, Dispatcher
from measure.serving.image_requests import (
    CLIENT_GONE,
    MAX_SEED,
    AcceptedRequest,
    ImageRequestBody,
    RefusedError,
    RequestedImage,
    ServedModel,
)
from measure.serving.prometheus_metrics import Metrics
from measure.serving.replica_pool import Builder, FinishedCall, ReplicaIdentity, ReplicaPool
from measure.serving.request_log import RequestLog, RequestLogRow, WallClock

SETTINGS = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 90},
    "webp": {"quality": 90},
}
"""Pillow's settings; PNG compressed as quickly as it can be, since the client waits."""


def encode_picture(picture: Image.Image, output_format: str) -> str:
    """Return a picture as a file of the format, in base 64."""
    stream = io.BytesIO()
    picture.save(stream, output_format.upper(), **SETTINGS[output_format])
    return base64.b64encode(stream.getbuffer()).decode("ascii")


FAILURES_IN_A_ROW = 3
"""Calls that broke after which the service says so: a GPU that is lost stays lost."""

RETRY_STARTING_S = 10.0
RETRY_DRAINING_S = 1.0
"""Another server of the fleet may take it at once."""

FIRST_IMAGE_S = 1.0
"""Guess of an image's seconds, for Retry-After before any call was made."""

SMOOTHING = 0.2
"""Weight of the newest call in the running mean behind Retry-After."""

ENCODERS = 4
"""Most threads that encode pictures."""


class State(StrEnum):
    """Whether the service takes requests."""

    STARTING = "starting"
    READY = "ready"
    FAILING = "failing"
    DRAINING = "draining"


class ImageService:
    """Replicas behind one queue."""

    def __init__(
        self,
        offered: ServedModel,
        builders: tuple[Builder, ...],
        log: RequestLog | None,
        say: Callable[[str], None],
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            offered: What is served.
            builders: One a replica.
            log: Where settled requests are written.
            say: Told when the service is ready and when it begins to stop.
        """
        self.offered = offered
        self.state = State.STARTING
        self.failure: BaseException | None = None
        self.identity: ReplicaIdentity | None = None
        admission = Admission[RequestedImage](offered.batching, offered.queue_limit, len(builders))
        self._dispatcher = Dispatcher(admission)
        self._replicas = ReplicaPool(builders, self._dispatcher, self)
        self._log = log
        self._say = say
        self._wall = WallClock()
        self._open: set[AcceptedRequest] = set()
        self._built = 0
        self._settled = asyncio.Event()
        self._failures = 0
        self._image_s = FIRST_IMAGE_S
        self._encoders = ThreadPoolExecutor(min(ENCODERS, os.cpu_count() or 1), "encode")
        served = {"model": offered.model, "stack": offered.stack.alias}
        self.metrics = Metrics(
            served, lambda: self.waiting, lambda: len(builders) - self._dispatcher.idle
        )

    # --- starting and stopping

    def start(self, loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
        """Let every replica build, warm and wait for calls; `stop` is told when all is over."""
        self._loop = loop
        self._stop = stop
        self._replicas.start(loop)

    async def until_built(self) -> None:
        """Wait until every replica takes calls, or raise what kept one from being built."""
        await self._settled.wait()
        if self.failure is not None:
            raise self.failure

    def call_soon(self, function: Callable[[], None]) -> None:
        """Call a function on the event loop; for signal handlers and other threads."""
        self._loop.call_soon_threadsafe(function)

    def drain(self) -> None:
        """Take nothing more, answer what was accepted, then stop."""
        self.state = State.DRAINING
        self._say(f"stopping once {len(self._open)} accepted requests are answered")
        self._dispatcher.hold_no_longer()
        self._stop_if_drained()

    @property
    def waiting(self) -> int:
        """Images that wait."""
        return self._dispatcher.waiting

    @property
    def building(self) -> bool:
        """Whether a replica is still being built, which nothing can interrupt."""
        return self._replicas.building

    def close(self) -> None:
        """Let the threads go; call when no request is open."""
        self._replicas.close()
        self._encoders.shutdown()
        if self._log is not None:
            self._log.close()

    def _stop_if_drained(self) -> None:
        if self.state is State.DRAINING and not self._open:
            self._stop()

    # --- one request

    def accept(self, ask: ImageRequestBody) -> AcceptedRequest:
        """Let a request wait for its images.

        Raises:
            InputError: Its size cannot be.
            RefusedError: It is for something not served here, there is no room, or the service is
                not taking requests.
        """
        shape = self.offered.shape_of(ask)
        seed = secrets.randbelow(MAX_SEED) if ask.seed is None else ask.seed
        order = AcceptedRequest(ask, shape, seed, time.perf_counter(), self._loop.create_future())
        refusal = self._closed_to() or self._queue_full(order)
        if refusal is not None:
            order.status = refusal.status
            order.unmade = 0
            self._close(order)
            raise refusal
        self._open.add(order)
        return order

    async def answer(self, order: AcceptedRequest, gone: Coroutine[Any, Any, None]) -> None:
        """Wait until an order's pictures are there.

        Args:
            order: Accepted before.
            gone: Ends when the client is gone; what it waits for is then dropped.

        Raises:
            RefusedError: The images could not be made, or nobody waits for them.
        """
        watcher = asyncio.ensure_future(gone)
        try:
            await asyncio.wait({order.done, watcher}, return_when=asyncio.FIRST_COMPLETED)
            if not order.done.done():
                self._give_up(
                    order, RefusedError(CLIENT_GONE, "client_gone", "the client is gone.")
                )
            order.done.result()
            order.status = 200
        except RefusedError as refusal:
            order.status = refusal.status
            raise
        finally:
            watcher.cancel()
            self._close(order)

    def _closed_to(self) -> RefusedError | None:
        if self.state is State.DRAINING:
            message = "this server is stopping; send the request to another one."
            return RefusedError(503, "draining", message, RETRY_DRAINING_S)
        if self.state is State.STARTING:
            message = "the model is not ready yet; try again soon."
            return RefusedError(503, "starting", message, RETRY_STARTING_S)
        return None

    def _queue_full(self, order: AcceptedRequest) -> RefusedError | None:
        if self._dispatcher.offer(order.pieces, order.shape, order.ask.priority, order.arrived_s):
            return None
        waiting = self.waiting
        retry_s = max(1, math.ceil(waiting * self._image_s / self._replicas.count))
        return RefusedError(
            429,
            "queue_full",
            f"{order.ask.n} more images do not fit: {waiting} wait and at most "
            f"{self.offered.queue_limit} may; try again in {retry_s} s.",
            retry_s,
        )

    def _give_up(self, order: AcceptedRequest, refusal: RefusedError) -> None:
        """Drop what no call has begun; what is being made harms nobody and is thrown away."""
        order.unmade -= self._dispatcher.withdraw(order.pieces)
        order.fail(refusal)

    def _close(self, order: AcceptedRequest) -> None:
        order.closed = True
        order.ended_s = time.perf_counter()
        if order.status == 200 and order.began_s is not None:
            self.metrics.answered(order.began_s - order.arrived_s, order.ended_s - order.arrived_s)
        self._settle(order)

    def _settle(self, order: AcceptedRequest) -> None:
        """Write an order down once it is answered and no call holds an image of it."""
        if not order.closed or order.unmade:
            return
        self._open.discard(order)
        if self._log is not None:
            self._log.write(self._row(order))
        self._stop_if_drained()

    def _row(self, order: AcceptedRequest) -> RequestLogRow:
        began_s, ended_s = order.began_s, order.ended_s or order.arrived_s
        return RequestLogRow(
            timestamp=self._wall.at(order.arrived_s),
            width=order.shape.width,
            height=order.shape.height,
            steps=order.shape.steps,
            asked=order.ask.n,
            images=order.made,
            gpu_s=round(order.gpu_s, 6),
            accepted=order.ask.n if order.status == 200 else 0,
            status=order.status,
            queued_s=None if began_s is None else round(began_s - order.arrived_s, 6),
            latency_s=round(ended_s - order.arrived_s, 6),
            batch=order.batch,
        )

    # --- what replicas tell

    def is_built(self, identity: ReplicaIdentity) -> None:
        """Take requests once every replica waits for calls."""
        self.identity = identity
        self._built += 1
        if self._built == self._replicas.count and self.state is State.STARTING:
            self.state = State.READY
            self._settled.set()
            self._say("ready")

    def not_built(self, error: BaseException) -> None:
        """Stop: without a replica there is nothing to serve."""
        self.failure = error
        self._settled.set()
        self._stop()

    def finished(self, made: FinishedCall) -> None:
        """Pass pictures on to be encoded, or failures on to whoever waits."""
        pieces = made.call
        seconds = made.ended_s - made.began_s
        failed = isinstance(made.result, Exception)
        self.metrics.call(len(pieces), seconds, failed=failed)
        for piece in pieces:
            piece.order.was_in_call(len(pieces), made.began_s, made.ended_s)
        if isinstance(made.result, Exception):
            self._call_failed(pieces, made.result)
        else:
            self._failures = 0
            if self.state is State.FAILING:
                self.state = State.READY
            self._image_s += SMOOTHING * (seconds / len(pieces) - self._image_s)
            for piece, picture in zip(pieces, made.result, strict=True):
                piece.order.made += 1
                self._encode(piece, picture)
        for order in {piece.order for piece in pieces}:
            self._settle(order)

    def _call_failed(self, pieces: tuple[RequestedImage, ...], error: Exception) -> None:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        self._failures += not isinstance(error, FluxcostError)
        if self._failures >= FAILURES_IN_A_ROW and self.state is State.READY:
            self.state = State.FAILING
        for order in {piece.order for piece in pieces}:
            self._give_up(
                order, RefusedError(500, "not_made", f"the images were not made: {reason}.")
            )

    def _encode(self, piece: RequestedImage, picture: Image.Image) -> None:
        """Encode a picture off the loop, unless nobody waits for it."""
        order = piece.order
        if order.done.done():
            return

        def put(task: asyncio.Future[str]) -> None:
            if (error := task.exception()) is not None:
                order.fail(
                    RefusedError(500, "not_encoded", f"the picture was not encoded: {error}.")
                )
            else:
                order.put(piece.index, task.result())

        job = self._loop.run_in_executor(
            self._encoders, encode_picture, picture, order.ask.output_format
        )
        job.add_done_callback(put)
