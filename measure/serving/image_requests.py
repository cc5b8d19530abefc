"""A request for images: its body, what the server accepts, and its state until answered.

Every field is checked and an unknown one refused: a request is never answered with something else
than it asked for.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from fluxcost.capacity.fleet import Batching
from fluxcost.errors import FluxcostError, InputError
from fluxcost.performance.calibration.measuring_run import Stack
from fluxcost.records import Record
from fluxcost.workload.shape import MAX_STEPS, Shape

MAX_BODY_BYTES = 256 * 2**10
"""Largest body read: the longest prompt with every character escaped, and room to spare."""

MAX_PROMPT_CHARACTERS = 32_000
"""As OpenAI's image models take; a text encoder reads the first few hundred tokens."""

MAX_IMAGES = 10
"""Images of one request, as OpenAI's."""

MAX_SEED = 2**53 - MAX_IMAGES
"""Seeds that every JSON reader keeps exact, those of further images of a request included."""


class ImageRequestBody(Record):
    """What a client sends. `steps`, `seed` and `priority` are extensions of OpenAI's fields."""

    prompt: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS, strict=True)]
    n: Annotated[int, Field(ge=1, le=MAX_IMAGES, strict=True)] = 1
    size: Annotated[str, Field(max_length=20, strict=True)] = Field(
        default="auto", description="WIDTHxHEIGHT in multiples of 16 pixels, or auto."
    )
    model: Annotated[str, Field(max_length=200, strict=True)] | None = Field(
        default=None, description="The model served, if given."
    )
    response_format: Literal["b64_json"] = Field(
        default="b64_json", description="Pictures come in the answer; none is kept for a URL."
    )
    output_format: Literal["png", "jpeg", "webp"] = "png"
    user: Annotated[str, Field(max_length=200, strict=True)] | None = Field(
        default=None, description="Accepted as OpenAI's clients send it; not used."
    )
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS, strict=True)] | None = Field(
        default=None, description="Denoising steps; the server's default if left out."
    )
    seed: Annotated[int, Field(ge=0, le=MAX_SEED, strict=True)] | None = Field(
        default=None, description="Of the first image; the next have the next. Drawn if left out."
    )
    priority: Annotated[int, Field(ge=0, le=9, strict=True)] = Field(
        default=0, description="0 is served first; a call that has begun is never interrupted."
    )

    def shape(self, default: Shape) -> Shape:
        """Return the shape asked for, the default's size and steps where none is stated.

        Raises:
            InputError: The size is not two sides in multiples of 16 pixels.
        """
        steps = default.steps if self.steps is None else self.steps
        if self.size == "auto":
            return Shape(default.width, default.height, steps)
        found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", self.size)
        if found is None:
            raise InputError(
                f"size is {self.size!r}; expected WIDTHxHEIGHT, such as 1024x1024, or auto."
            )
        return Shape(int(found[1]), int(found[2]), steps)


def parse_image_request(body: bytes) -> ImageRequestBody:
    """Read a body.

    Raises:
        InputError: It is not a JSON object, or a field is missing, unknown or out of range.
    """
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"the body is not JSON ({reason}); expected an object.") from None
    if not isinstance(document, dict):
        raise InputError(
            f"the body is a JSON {type(document).__name__}; expected an object with a prompt."
        )
    return ImageRequestBody.parse(document, "the request")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number JSON allows")


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
class RequestedImage:
    """One image of an order."""

    order: AcceptedRequest
    index: int

    @property
    def seed(self) -> int:
        """Of the image's noise."""
        return self.order.first_seed + self.index


@dataclass(eq=False)
class AcceptedRequest:
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

    ask: ImageRequestBody
    shape: Shape
    first_seed: int
    arrived_s: float
    done: asyncio.Future[None]
    unmade: int = field(init=False)
    pieces: tuple[RequestedImage, ...] = field(init=False)
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
        self.pieces = tuple(RequestedImage(self, index) for index in range(self.ask.n))

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


MAX_SERVED_PIXELS = 2048 * 2048
"""Of one image where no shapes are named: what FLUX.2 is made for."""

MAX_SERVED_STEPS = 50
"""Of one image where no shapes are named; more would keep a replica from everyone else."""


@dataclass(frozen=True)
class ServedModel:
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

    def shape_of(self, ask: ImageRequestBody) -> Shape:
        """Return the shape that a request comes to.

        Raises:
            InputError: Its size cannot be.
            RefusedError: It is for a model or shape not served here.
        """
        if ask.model not in {None, self.model}:
            raise RefusedError(
                404,
                "model_not_found",
                f"model is {ask.model!r}; expected {self.model!r}, the one served here.",
            )
        shape = ask.shape(self.default)
        if self.shapes is None:
            if shape.pixels > MAX_SERVED_PIXELS or shape.steps > MAX_SERVED_STEPS:
                raise _not_served(
                    f"{shape} is too much for one request; expected at most {MAX_SERVED_PIXELS} "
                    f"pixels and {MAX_SERVED_STEPS} steps."
                )
        elif shape not in self.shapes:
            served = "; ".join(map(str, self.shapes))
            raise _not_served(f"{shape} is not served here; expected {served}.")
        return shape


def _not_served(message: str) -> RefusedError:
    return RefusedError(400, "shape_not_served", message)
