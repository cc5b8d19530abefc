"""An accepted request, from its arrival until it is answered or has failed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from fluxcost.errors import FluxcostError
from fluxcost.workload import Shape
from measure.serving.ask import Ask

CLIENT_GONE = 499
"""Status in the log of a request whose client left; nginx's number."""


class RefusedError(FluxcostError):
    """A request that is not answered with images, and the HTTP answer it gets."""

    def __init__(
        self, status: int, code: str, message: str, retry_after_s: float | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        super().__init__(message)


@dataclass(frozen=True, eq=False)
class Piece:
    """One image of an order."""

    order: Order
    index: int

    @property
    def seed(self) -> int:
        """Of the image's noise."""
        return self.order.first_seed + self.index


@dataclass(eq=False)
class Order:
    """An accepted request; only the event loop changes it.

    Attributes:
        ask: What was sent.
        shape: What it comes to.
        first_seed: Of the first image; the next have the next.
        arrived_s: When it came, by `perf_counter`.
        done: Set when every picture is encoded, or to why there are none.
        unmade: Images whose call is not through.
        pieces: Its images.
        closed: Whether its handler is through with it.
    """

    ask: Ask
    shape: Shape
    first_seed: int
    arrived_s: float
    done: asyncio.Future[None]
    unmade: int = field(init=False)
    pieces: tuple[Piece, ...] = field(init=False)
    made: int = 0
    gpu_s: float = 0.0
    batch: int = 0
    began_s: float | None = None
    made_s: float | None = None
    ended_s: float | None = None
    status: int = 500
    closed: bool = False
    texts: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.unmade = self.ask.n
        self.pieces = tuple(Piece(self, index) for index in range(self.ask.n))

    def was_in_call(self, images: int, began_s: float, ended_s: float) -> None:
        """Note that a call of so many images made, or failed to make, one of this order's."""
        self.unmade -= 1
        self.gpu_s += (ended_s - began_s) / images
        self.batch = max(self.batch, images)
        self.began_s = began_s if self.began_s is None else min(self.began_s, began_s)
        self.made_s = ended_s if self.made_s is None else max(self.made_s, ended_s)

    def put(self, index: int, text: str) -> None:
        """Add an encoded picture; the last one completes the order."""
        self.texts[index] = text
        if len(self.texts) == self.ask.n and not self.done.done():
            self.done.set_result(None)

    def fail(self, refusal: RefusedError) -> None:
        """Give up the order, once."""
        if not self.done.done():
            self.done.set_exception(refusal)
