"""The FLUX.1 and FLUX.2 [klein] families: diffusers' pipelines at an architecture's shapes."""

from __future__ import annotations

from typing import Any

import torch

from measure.pipelines.blueprint import Document
from measure.pipelines.components import (
    autoencoder,
    byte_tokenizer,
    clip_byte_tokenizer,
    clip_config,
    t5_encoder,
)

FLUX1_WORK_ONLY = frozenset(
    {"gated_mlp", "mlp_ratio", "rope_theta", "shared_modulation", "timestep_guidance_channels"}
)
"""Values fluxcost counts work by, which diffusers has fixed in its class."""


def assemble_flux1(document: Document, device: torch.device) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Make the pipeline on the device, its weights not yet set."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import CLIPTextModel

    values = {k: v for k, v in document.transformer.items() if k not in FLUX1_WORK_ONLY}
    with device:
        transformer = FluxTransformer2DModel(**values)
        vae = autoencoder(document)
        pooled = CLIPTextModel(clip_config(document, "clip_l"))
        text_encoder = t5_encoder(document)
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**document.scheduler),
        vae=vae,
        text_encoder=pooled,
        tokenizer=clip_byte_tokenizer(),
        text_encoder_2=text_encoder,
        tokenizer_2=byte_tokenizer(),
        transformer=transformer,
    )


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
