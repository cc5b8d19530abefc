"""diffusers as it comes: bfloat16, no compilation, PyTorch's own choice of attention kernel."""

from __future__ import annotations

from typing import Any

import torch

from fluxcost.performance.calibration import Stack
from measure.stacks import Recipe


def _prepare(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Leave the pipeline as diffusers builds it."""
    del pipeline


RECIPE = Recipe(
    stack=Stack(
        alias="eager-bf16",
        settings={
            "attention": "sdpa-default",
            "compile": "none",
            "cuda_graphs": False,
            "dtype": "bfloat16",
            "host_overlap": False,
            "output": "pil",
            "prompt_embeddings": "computed",
            "text_encoder_layers": "all",
            "vae_decoder": "full",
            "vae_memory_format": "contiguous",
        },
    ),
    dtype=torch.bfloat16,
    prepare=_prepare,
)
