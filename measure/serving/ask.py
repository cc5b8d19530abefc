"""The body of an images request: the fields of OpenAI's API that apply, and extensions.

Every field is checked and an unknown one refused: a request is never answered with something else
than it asked for.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from fluxcost.errors import InputError
from fluxcost.records import Record
from fluxcost.shape import MAX_STEPS
from fluxcost.workload import Shape

MAX_BODY_BYTES = 256 * 2**10
"""Largest body read: the longest prompt with every character escaped, and room to spare."""

MAX_PROMPT_CHARACTERS = 32_000
"""As OpenAI's image models take; a text encoder reads the first few hundred tokens."""

MAX_IMAGES = 10
"""Images of one request, as OpenAI's."""

MAX_SEED = 2**53 - MAX_IMAGES
"""Seeds that every JSON reader keeps exact, those of further images of a request included."""


class Ask(Record):
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


def parse_ask(body: bytes) -> Ask:
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
    return Ask.parse(document, "the request")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number JSON allows")
