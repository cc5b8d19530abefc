"""Cuts text encoders to the layers the pipeline reads, without changing what it reads."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

CLIP = ("CLIPTextModel", "CLIPTextModelWithProjection")
"""Encoders whose layers are recorded as they are: 0.02 and 0.1 TFLOP a prompt, and seconds to
compile for every batch."""

UNMASKED = (*CLIP, "T5EncoderModel")
"""Encoders that pipelines give no mask."""


def stop_after_last_read_layer(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Leave out what comes after the last layer read of each encoder.

    FLUX.2 [klein] reads inner layers of its encoder. Stable Diffusion XL reads the last but one of
    CLIP-L, and of OpenCLIP bigG the pooled end too. Other families read their encoders' ends.
    """
    kind = type(pipeline).__name__
    if kind == "Flux2KleinPipeline":
        _cut(pipeline.text_encoder, max(read_text_layers(pipeline)))
    elif kind == "StableDiffusionXLPipeline":
        text_layers(pipeline.text_encoder)[-1].forward = _unchanged


def _cut(encoder: Any, layers: int) -> None:  # noqa: ANN401 - transformers is untyped
    """Drop the layers after the first so many, the final norm and the output head.

    The encoder norms its last hidden state, so with the layers cut the last one read would come out
    normed; the norm goes too, and every state read equals the whole encoder's bit for bit.
    """
    encoder.model.layers = encoder.model.layers[:layers]
    encoder.model.norm = torch.nn.Identity()
    encoder.lm_head = torch.nn.Identity()


def _unchanged(hidden_states: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
    """Stand in for a layer that nobody reads; states are counted from the end, so one is due."""
    return hidden_states


def read_text_layers(pipeline: Any) -> tuple[int, ...]:  # noqa: ANN401 - diffusers is untyped
    """Return the layers of klein's text encoder that the pipeline reads by default."""
    parameters = inspect.signature(type(pipeline).__call__).parameters
    return tuple(parameters["text_encoder_out_layers"].default)


def text_layers(encoder: torch.nn.Module) -> list[Any]:
    """Return an encoder's repeated layers in order, whatever its family calls them."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    return [each for each in encoder.modules() if isinstance(each, GradientCheckpointingLayer)]


def layers_to_compile(encoder: torch.nn.Module) -> list[Any]:
    """Return the layers of an encoder that are worth compiling, in order."""
    return [] if type(encoder).__name__ in CLIP else text_layers(encoder)


def mask_stated(encoder: Any) -> Callable[..., Any]:  # noqa: ANN401 - transformers is untyped
    """Return an encoder's forward that is given the mask it would assume of none.

    transformers 5.17 makes that mask while a CUDA graph is recorded and none before, so that what
    was warmed up would not be what is recorded, and compiled layers would be compiled anew in the
    middle of the recording.
    """
    forward, kind = encoder.forward, type(encoder).__name__
    if kind not in UNMASKED:
        return forward  # type: ignore[no-any-return]  # transformers is untyped

    def encode(input_ids: torch.Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes through
        shape = (1, 1, input_ids.shape[-1], input_ids.shape[-1])
        hidden = torch.zeros(shape, dtype=encoder.dtype, device=input_ids.device)
        if kind in CLIP:  # a token sees those before it
            hidden = hidden.fill_(-torch.inf).triu(1)
        return forward(input_ids, *args, **{"attention_mask": hidden} | kwargs)

    return encode


def pooled_apart(encode: Callable[..., Any]) -> Callable[..., Any]:
    """Return an encoder's forward whose pooled prompt is its caller's own.

    A pipeline may hold one prompt's while it encodes the next, and a recording's output is
    overwritten by the next.
    """

    def encoded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes through
        made = encode(*args, **kwargs)
        if "text_embeds" not in made:
            return made
        return type(made)(**dict(made) | {"text_embeds": made.text_embeds.clone()})

    return encoded
