"""The Stable Diffusion 3 family: diffusers' own pipeline at an architecture's exact shapes."""

from __future__ import annotations

from typing import Any

import torch

from measure.blueprint import Document
from measure.pipelines.encoders import autoencoder, clip_config, t5_encoder
from measure.pipelines.tokenizer import byte_tokenizer, clip_byte_tokenizer

SD3_WORK_ONLY = frozenset(
    {
        "gated_mlp",
        "last_block_drops_text",
        "mlp_ratio",
        "num_single_layers",
        "shared_modulation",
        "timestep_guidance_channels",
    }
)
"""Values fluxcost counts work by, which diffusers has fixed in its class."""


def assemble_sd3(document: Document, device: torch.device) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Make the pipeline on the device, its weights not yet set."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )
    from transformers import CLIPTextModelWithProjection

    values = {k: v for k, v in document.transformer.items() if k not in SD3_WORK_ONLY}
    with device:
        transformer = SD3Transformer2DModel(**values)
        vae = autoencoder(document)
        clip_l = CLIPTextModelWithProjection(clip_config(document, "clip_l"))
        clip_g = CLIPTextModelWithProjection(clip_config(document, "clip_g"))
        t5 = t5_encoder(document)
    return StableDiffusion3Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**document.scheduler),
        vae=vae,
        text_encoder=clip_l,
        tokenizer=clip_byte_tokenizer(),
        text_encoder_2=clip_g,
        tokenizer_2=clip_byte_tokenizer(),
        text_encoder_3=t5,
        tokenizer_3=byte_tokenizer(),
        transformer=transformer,
    )
