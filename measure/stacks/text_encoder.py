"""Cutting the text encoder to the layers the pipeline reads, without changing what it reads."""

from __future__ import annotations

import inspect
from typing import Any

import torch


def stop_after_last_read_layer(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Drop the layers after the last one read, the final norm and the output head.

    The encoder norms its last hidden state, so with the layers cut the last one read would come out
    normed; the norm goes too, and every state read equals the whole encoder's bit for bit.
    """
    encoder = pipeline.text_encoder
    encoder.model.layers = encoder.model.layers[: max(read_text_layers(pipeline))]
    encoder.model.norm = torch.nn.Identity()
    encoder.lm_head = torch.nn.Identity()


def read_text_layers(pipeline: Any) -> tuple[int, ...]:  # noqa: ANN401 - diffusers is untyped
    """Return the layers of the text encoder that the pipeline reads by default."""
    parameters = inspect.signature(type(pipeline).__call__).parameters
    return tuple(parameters["text_encoder_out_layers"].default)
