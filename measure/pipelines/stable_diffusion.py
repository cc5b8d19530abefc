"""The Stable Diffusion XL and 3 families: diffusers' pipelines at an architecture's shapes."""

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
