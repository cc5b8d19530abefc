"""The FLUX.2 [klein] family: diffusers' own pipeline at an architecture's exact shapes."""

from __future__ import annotations

from typing import Any

import torch

from measure.blueprint import Document
from measure.pipelines.quiet import quiet_libraries
from measure.pipelines.tokenizer import byte_tokenizer
from measure.pipelines.weights import SYNTHETIC_MARK, fill_synthetic


def load(weights: str, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Load a checkpoint from a folder or the hub onto the device."""
    from diffusers import Flux2KleinPipeline

    quiet_libraries()
    pipeline = Flux2KleinPipeline.from_pretrained(weights, dtype=dtype)
    return pipeline.to(device)


def build(document: Document, seed: int, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Build the pipeline with seeded synthetic weights directly on the device."""
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3ForCausalLM

    quiet_libraries()
    text = dict(document.text_encoder)
    rope_theta = text.pop("rope_theta")
    text_config = Qwen3Config(
        **text, rope_parameters={"rope_type": "default", "rope_theta": rope_theta}
    )
    with device:
        transformer = Flux2Transformer2DModel(**document.transformer)
        vae = AutoencoderKLFlux2(**document.vae)
        text_encoder = Qwen3ForCausalLM(text_config)
    for offset, module in enumerate((transformer, vae, text_encoder)):
        module.to(dtype).eval().requires_grad_(requires_grad=False)
        fill_synthetic(module, seed + offset, scale=1.0)
    pipeline = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**document.scheduler),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=byte_tokenizer(),
        transformer=transformer,
        is_distilled=document.pipeline["is_distilled"],
    )
    pipeline.register_to_config(**{SYNTHETIC_MARK: f"seed {seed}"})
    return pipeline
