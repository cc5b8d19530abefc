"""How each family is compared: its initial noise, and faults the comparison must detect.

To show that the comparison detects faults, faults are injected into eager bfloat16 and must be
further from the truth than rounding: the last block skipped, and the text encoder's last layer
that the pipeline reads skipped or replaced by another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from measure.stacks.text_encoder import read_text_layers

Options = dict[str, Any]
"""Further arguments of a pipeline's call."""

Fault = Callable[[Any], AbstractContextManager[Options]]
"""Takes a pipeline; while it holds, calls with the options it gives are faulty."""


@dataclass(frozen=True)
class Planted:
    """How a family is compared.

    Attributes:
        noise: Shape of one image's noise, of the denoiser's channels, height and width in pixels.
        faults: By what is wrong.
        options: Given to every call that is compared.
    """

    noise: Callable[[int, int, int], tuple[int, ...]]
    faults: Mapping[str, Fault]
    options: Options = field(default_factory=dict)


def _tokens_first(channels: int, height: int, width: int) -> tuple[int, ...]:
    return (height // 16) * (width // 16), channels


def _at_sixteenth(channels: int, height: int, width: int) -> tuple[int, ...]:
    return channels, height // 16, width // 16


def _at_eighth(channels: int, height: int, width: int) -> tuple[int, ...]:
    return channels, height // 8, width // 8


def _without_last(part: Callable[[Any], Any], name: str) -> Fault:
    """Return the fault of a part of the pipeline that lacks the last of its layers."""

    @contextmanager
    def planted(pipeline: Any) -> Iterator[Options]:  # noqa: ANN401 - diffusers is untyped
        owner = part(pipeline)
        whole = getattr(owner, name)
        setattr(owner, name, whole[:-1])
        yield {}
        setattr(owner, name, whole)

    return planted


@contextmanager
def _reading_another_layer(pipeline: Any) -> Iterator[Options]:  # noqa: ANN401 - diffusers is untyped
    read = read_text_layers(pipeline)
    yield {"text_encoder_out_layers": (*read[:-1], read[-1] - 1)}


@contextmanager
def _skipping_a_layer(_pipeline: Any) -> Iterator[Options]:  # noqa: ANN401 - diffusers is untyped
    yield {"clip_skip": 1}


BLOCK, TEXT = "last block skipped", "text layer before the last one read"

PLANTED = {
    "flux1": Planted(
        _tokens_first,
        {
            BLOCK: _without_last(lambda made: made.transformer, "single_transformer_blocks"),
            TEXT: _without_last(lambda made: made.text_encoder_2.encoder, "block"),
        },
    ),
    "flux2-klein": Planted(
        _at_sixteenth,
        {
            BLOCK: _without_last(lambda made: made.transformer, "single_transformer_blocks"),
            TEXT: _reading_another_layer,
        },
    ),
    "sd3": Planted(
        _at_eighth,
        {
            BLOCK: _without_last(lambda made: made.transformer, "transformer_blocks"),
            TEXT: _without_last(lambda made: made.text_encoder_3.encoder, "block"),
        },
    ),
    "sdxl": Planted(
        _at_eighth,
        {
            BLOCK: _without_last(
                lambda made: made.unet.up_blocks[1].attentions[-1], "transformer_blocks"
            ),
            TEXT: _skipping_a_layer,
        },
        # Its schedule of one step would start where hardly any noise is left to remove.
        {"timesteps": [999]},
    ),
    "z-image": Planted(
        _at_eighth,
        {
            BLOCK: _without_last(lambda made: made.transformer, "layers"),
            TEXT: _without_last(lambda made: made.text_encoder, "layers"),
        },
    ),
}
"""By family, as measure/pipelines/families.py names it."""
