"""The service behind the endpoint: what it accepts, how it is made, and how it stops.

The event loop accepts, encodes through a pool of threads and answers; one thread a replica makes
images. Orders are changed on the event loop only.
"""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from PIL import Image

from fluxcost.capacity.fleet import Batching
from fluxcost.errors import FluxcostError
from fluxcost.performance.calibration import Stack
from fluxcost.workload import Shape
from measure.serving.admission import Admission
from measure.serving.ask import MAX_SEED, Ask
from measure.serving.dispatcher import Dispatcher
from measure.serving.log import RequestLog, Row, WallClock
from measure.serving.maker import Identity, Maker, Wanted
from measure.serving.metrics import Metrics
from measure.serving.order import CLIENT_GONE, Order, Piece, RefusedError
from measure.serving.pictures import encoded

MAX_PIXELS = 2048 * 2048
"""Of one image where no shapes are named: what FLUX.2 is made for."""

MAX_STEPS = 50
"""Of one image where no shapes are named; more would keep a replica from everyone else."""

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


@dataclass(frozen=True)
class Offered:
    """What is served and how.

    Attributes:
        model: Name of the model.
        stack: The optimization stack.
        batching: The policy; the simulator's.
        queue_limit: Images that may wait.
        default: Size and steps of a request that states none.
        shapes: The only shapes served; None for any within reason.
    """

    model: str
    stack: Stack
    batching: Batching
    queue_limit: int
    default: Shape
    shapes: tuple[Shape, ...] | None


@dataclass(frozen=True)
class Made:
    """A call that is through: its pictures, or why there are none."""

    call: tuple[Piece, ...]
    began_s: float
    ended_s: float
    result: list[Image.Image] | Exception


class Service:
    """Replicas behind one queue."""

    def __init__(
        self,
        offered: Offered,
        builders: tuple[Callable[[], Maker], ...],
        log: RequestLog | None,
        say: Callable[[str], None],
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            offered: What is served.
            builders: One a replica, called in the thread that will drive what it returns.
            log: Where settled requests are written.
            say: Told when the service is ready and when it begins to stop.
        """
        self.offered = offered
        self.state = State.STARTING
        self.failure: BaseException | None = None
        self.identity: Identity | None = None
        admission = Admission[Piece](offered.batching, offered.queue_limit, len(builders))
        self._dispatcher = Dispatcher(admission)
        self._builders = builders
        self._log = log
        self._say = say
        self._wall = WallClock()
        self._open: set[Order] = set()
        self._built = 0
        self._abandoned = False
        self._failures = 0
        self._image_s = FIRST_IMAGE_S
        self._building = threading.Lock()
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
        self._threads = [
            threading.Thread(target=self._work, args=(each,), name=f"replica-{rank}", daemon=True)
            for rank, each in enumerate(self._builders)
        ]
        for thread in self._threads:
            thread.start()

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
        return self._building.locked()

    def close(self) -> None:
        """Let the threads go; call when no request is open."""
        self._abandoned = True
        self._dispatcher.close()
        if not self.building:
            for thread in self._threads:
                thread.join()
        self._encoders.shutdown()
        if self._log is not None:
            self._log.close()

    def _stop_if_drained(self) -> None:
        if self.state is State.DRAINING and not self._open:
            self._stop()

    # --- one request

    def accept(self, ask: Ask) -> Order:
        """Let a request wait for its images.

        Raises:
            InputError: Its size cannot be.
            RefusedError: It is for something not served here, there is no room, or the service is
                not taking requests.
        """
        if ask.model not in {None, self.offered.model}:
            raise RefusedError(
                404,
                "model_not_found",
                f"model is {ask.model!r}; expected {self.offered.model!r}, the one served here.",
            )
        shape = ask.shape(self.offered.default)
        self._check_shape(shape)
        seed = secrets.randbelow(MAX_SEED) if ask.seed is None else ask.seed
        order = Order(ask, shape, seed, time.perf_counter(), self._loop.create_future())
        refusal = self._closed_to() or self._queue_full(order)
        if refusal is not None:
            order.status = refusal.status
            order.unmade = 0
            self._close(order)
            raise refusal
        self._open.add(order)
        return order

    async def answer(self, order: Order, gone: Coroutine[Any, Any, None]) -> None:
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

    def _check_shape(self, shape: Shape) -> None:
        if self.offered.shapes is not None and shape not in self.offered.shapes:
            served = "; ".join(map(str, self.offered.shapes))
            raise RefusedError(
                400, "shape_not_served", f"{shape} is not served here; expected {served}."
            )
        if self.offered.shapes is None and (shape.pixels > MAX_PIXELS or shape.steps > MAX_STEPS):
            raise RefusedError(
                400,
                "shape_not_served",
                f"{shape} is too much for one request; expected at most {MAX_PIXELS} pixels and "
                f"{MAX_STEPS} steps.",
            )

    def _closed_to(self) -> RefusedError | None:
        if self.state is State.DRAINING:
            message = "this server is stopping; send the request to another one."
            return RefusedError(503, "draining", message, RETRY_DRAINING_S)
        if self.state is State.STARTING:
            message = "the model is not ready yet; try again soon."
            return RefusedError(503, "starting", message, RETRY_STARTING_S)
        return None

    def _queue_full(self, order: Order) -> RefusedError | None:
        if self._dispatcher.offer(order.pieces, order.shape, order.ask.priority, order.arrived_s):
            return None
        waiting = self.waiting
        retry_s = max(1, math.ceil(waiting * self._image_s / len(self._builders)))
        return RefusedError(
            429,
            "queue_full",
            f"{order.ask.n} more images do not fit: {waiting} wait and at most "
            f"{self.offered.queue_limit} may; try again in {retry_s} s.",
            retry_s,
        )

    def _give_up(self, order: Order, refusal: RefusedError) -> None:
        """Drop what no call has begun; what is being made harms nobody and is thrown away."""
        order.unmade -= self._dispatcher.withdraw(order.pieces)
        order.fail(refusal)

    def _close(self, order: Order) -> None:
        order.closed = True
        order.ended_s = time.perf_counter()
        if order.status == 200 and order.began_s is not None:
            self.metrics.answered(order.began_s - order.arrived_s, order.ended_s - order.arrived_s)
        self._settle(order)

    def _settle(self, order: Order) -> None:
        """Write an order down once it is answered and no call holds an image of it."""
        if not order.closed or order.unmade:
            return
        self._open.discard(order)
        if self._log is not None:
            self._log.write(self._row(order))
        self._stop_if_drained()

    def _row(self, order: Order) -> Row:
        began_s, ended_s = order.began_s, order.ended_s or order.arrived_s
        return Row(
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

    # --- a replica's thread

    def _work(self, build: Callable[[], Maker]) -> None:
        try:
            with self._building:  # recording graphs allows no other work on the host's GPUs
                if self._abandoned:
                    return
                maker = build()
        except BaseException as error:  # raised again in the main thread
            self._abandoned = True
            self._post(self._not_built, error)
            return
        self._post(self._is_built, maker.identity)
        while call := self._dispatcher.take():
            wanted = [Wanted(piece.order.ask.prompt, piece.seed) for piece in call]
            began_s = time.perf_counter()
            result: list[Image.Image] | Exception
            try:
                result = maker.make(call[0].order.shape, wanted)
            except Exception as error:  # whatever it is, it is this call's answer
                result = error
            ended_s = time.perf_counter()
            self._dispatcher.end()
            self._post(self._finished, Made(call, began_s, ended_s, result))

    def _post(self, function: Callable[[Any], None], value: object) -> None:
        self._loop.call_soon_threadsafe(function, value)

    # --- back on the event loop

    def _is_built(self, identity: Identity) -> None:
        self.identity = identity
        self._built += 1
        if self._built == len(self._builders) and self.state is State.STARTING:
            self.state = State.READY
            self._say("ready")

    def _not_built(self, error: BaseException) -> None:
        self.failure = error
        self._stop()

    def _finished(self, made: Made) -> None:
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

    def _call_failed(self, pieces: tuple[Piece, ...], error: Exception) -> None:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        self._failures += not isinstance(error, FluxcostError)
        if self._failures >= FAILURES_IN_A_ROW and self.state is State.READY:
            self.state = State.FAILING
        for order in {piece.order for piece in pieces}:
            self._give_up(
                order, RefusedError(500, "not_made", f"the images were not made: {reason}.")
            )

    def _encode(self, piece: Piece, picture: Image.Image) -> None:
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

        job = self._loop.run_in_executor(self._encoders, encoded, picture, order.ask.output_format)
        job.add_done_callback(put)
