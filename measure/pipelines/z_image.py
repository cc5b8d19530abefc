"""The Z-Image family: diffusers' own pipeline at an architecture's exact shapes."""

from __future__ import annotations

from typing import Any

import torch

from measure.pipelines.blueprint import Document
from measure.pipelines.components import autoencoder, byte_tokenizer

Z_IMAGE_WORK_ONLY = frozenset({"output_head"})
"""Values fluxcost counts work by, which transformers has fixed in its class."""


def assemble_z_image(document: Document, device: torch.device) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Make the pipeline on the device, its weights not yet set."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        ZImagePipeline,
        ZImageTransformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3Model

    text = {k: v for k, v in document.text_encoder.items() if k not in Z_IMAGE_WORK_ONLY}
    rope_theta = text.pop("rope_theta")
    text_config = Qwen3Config(
        **text, rope_parameters={"rope_type": "default", "rope_theta": rope_theta}
    )
    with device:
        transformer = ZImageTransformer2DModel(**_transformer_values(document.transformer))
        vae = autoencoder(document)
        text_encoder = Qwen3Model(text_config)
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**document.scheduler),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=byte_tokenizer(),
        transformer=transformer,
    )


def _transformer_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return diffusers' arguments, which go by other names than other families'."""
    heads = values["num_attention_heads"]
    return {
        "all_patch_size": (values["patch_size"],),
        "all_f_patch_size": (1,),
        "in_channels": values["in_channels"],
        "dim": heads * values["attention_head_dim"],
        "n_layers": values["num_single_layers"],
        "n_refiner_layers": values["num_refiner_layers"],
        "n_heads": heads,
        "n_kv_heads": heads,
        "norm_eps": values["norm_eps"],
        "cap_feat_dim": values["joint_attention_dim"],
        "rope_theta": values["rope_theta"],
        "t_scale": values["t_scale"],
        "axes_dims": values["axes_dims"],
        "axes_lens": values["axes_lens"],
    }
