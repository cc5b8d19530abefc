"""The Stable Diffusion XL family: diffusers' own pipeline at an architecture's exact shapes."""

from __future__ import annotations

from typing import Any

import torch

from measure.blueprint import Document
from measure.pipelines.encoders import autoencoder, clip_config
from measure.pipelines.tokenizer import clip_byte_tokenizer


def assemble_sdxl(document: Document, device: torch.device) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Make the pipeline on the device, its weights not yet set."""
    from diffusers import (
        EulerDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    with device:
        unet = UNet2DConditionModel(**_unet_values(document.unet))
        vae = autoencoder(document)
        clip_l = CLIPTextModel(clip_config(document, "clip_l"))
        clip_g = CLIPTextModelWithProjection(clip_config(document, "clip_g"))
    return StableDiffusionXLPipeline(
        scheduler=EulerDiscreteScheduler(**document.scheduler),
        vae=vae,
        text_encoder=clip_l,
        tokenizer=clip_byte_tokenizer(),
        text_encoder_2=clip_g,
        tokenizer_2=clip_byte_tokenizer(),
        unet=unet,
        force_zeros_for_empty_prompt=document.pipeline["force_zeros_for_empty_prompt"],
        add_watermarker=False,
    )


def _unet_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return diffusers' arguments: which levels have attention follows from their depths."""
    depths = values["transformer_layers_per_block"]
    down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths]
    up = ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)]
    # diffusers wants a depth even where there is no attention.
    return values | {
        "transformer_layers_per_block": [max(1, depth) for depth in depths],
        "down_block_types": down,
        "up_block_types": up,
    }
