"""The FLUX.2 [klein] family: diffusers' own pipeline at an architecture's exact shapes."""

from __future__ import annotations

from typing import Any

import torch

from measure.blueprint import Document
from measure.pipelines.tokenizer import byte_tokenizer


def assemble_flux2_klein(document: Document, device: torch.device) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Make the pipeline on the device, its weights not yet set."""
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3ForCausalLM

    text = dict(document.text_encoder)
    rope_theta = text.pop("rope_theta")
    text_config = Qwen3Config(
        **text, rope_parameters={"rope_type": "default", "rope_theta": rope_theta}
    )
    with device:
        transformer = Flux2Transformer2DModel(**document.transformer)
        vae = AutoencoderKLFlux2(**document.vae)
        text_encoder = Qwen3ForCausalLM(text_config)
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**document.scheduler),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=byte_tokenizer(),
        transformer=transformer,
        is_distilled=document.pipeline["is_distilled"],
    )
