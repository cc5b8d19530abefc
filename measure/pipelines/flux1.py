"""The FLUX.1 family: diffusers' own pipeline at an architecture's exact shapes."""

from __future__ import annotations

from typing import Any

import torch

from measure.blueprint import Document
from measure.pipelines.encoders import autoencoder, clip_config, t5_encoder
from measure.pipelines.tokenizer import byte_tokenizer, clip_byte_tokenizer

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
