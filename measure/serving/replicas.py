"""The threads of replicas: each builds its pipeline and takes calls until the server stops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from measure.serving.dispatcher import Dispatcher
from measure.serving.maker import Identity, Maker, Wanted
from measure.serving.order import Piece

Builder = Callable[[], Maker]
"""Called in the thread that will drive what it returns."""


@dataclass(frozen=True)
class Made:
    """A call that is through: its pictures, or why there are none."""

    call: tuple[Piece, ...]
    began_s: float
    ended_s: float
    result: list[Image.Image] | Exception


class Listener(Protocol):
    """What replicas tell; every method is called on the event loop."""

    def is_built(self, identity: Identity) -> None:
        """One more replica waits for calls."""
        ...

    def not_built(self, error: BaseException) -> None:
        """A replica could not be built."""
        ...

    def finished(self, made: Made) -> None:
        """A call is through."""
        ...


class Replicas:
    """The threads of some replicas, which take calls from one dispatcher."""

    def __init__(
        self, builders: tuple[Builder, ...], dispatcher: Dispatcher[Piece], listener: Listener
    ) -> None:
        self.count = len(builders)
        self._builders = builders
        self._dispatcher = dispatcher
        self._listener = listener
        self._building = threading.Lock()
        self._abandoned = False
        self._threads: list[threading.Thread] = []

    @property
    def building(self) -> bool:
        """Whether a replica is still being built, which nothing can interrupt."""
        return self._building.locked()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let every replica build and then wait for calls."""
        self._loop = loop
        for rank, build in enumerate(self._builders):
            name = f"replica-{rank}"
            thread = threading.Thread(target=self._work, args=(build,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Let the threads go; one that builds is left behind."""
        self._abandoned = True
        self._dispatcher.close()
        if not self.building:
            for thread in self._threads:
                thread.join()

    def _work(self, build: Builder) -> None:
        try:
            with self._building:  # recording graphs allows no other work on the host's GPUs
                if self._abandoned:
                    return
                maker = build()
        except BaseException as error:  # raised again in the main thread
            self._abandoned = True
            self._tell(self._listener.not_built, error)
            return
        self._tell(self._listener.is_built, maker.identity)
        while call := self._dispatcher.take():
            self._tell(self._listener.finished, self._make(maker, call))

    def _make(self, maker: Maker, call: tuple[Piece, ...]) -> Made:
        wanted = [Wanted(piece.order.ask.prompt, piece.seed) for piece in call]
        began_s = time.perf_counter()
        result: list[Image.Image] | Exception
        try:
            result = maker.make(call[0].order.shape, wanted)
        except Exception as error:  # whatever it is, it is this call's answer
            result = error
        ended_s = time.perf_counter()
        self._dispatcher.end()
        return Made(call, began_s, ended_s, result)

    def _tell(self, method: Callable[[Any], None], what: object) -> None:
        self._loop.call_soon_threadsafe(method, what)
