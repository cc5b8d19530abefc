"""The components of a pipeline by what they do, under one name for every family."""

from __future__ import annotations

from typing import Any

import torch

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")


def denoiser(pipeline: Any) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Return the network that runs every step: a transformer, or a UNet in older families."""
    found = getattr(pipeline, "transformer", None)
    return pipeline.unet if found is None else found


def text_encoders(pipeline: Any) -> tuple[Any, ...]:  # noqa: ANN401 - diffusers is untyped
    """Return the text encoders in the pipeline's order, at least one."""
    found = (getattr(pipeline, name, None) for name in ENCODERS)
    return tuple(each for each in found if each is not None)


def networks(pipeline: Any) -> tuple[torch.nn.Module, ...]:  # noqa: ANN401 - diffusers is untyped
    """Return every network of the pipeline: denoiser, decoder, text encoders."""
    return (denoiser(pipeline), pipeline.vae, *text_encoders(pipeline))
