"""Stock diffusers in bfloat16: not compiled, with PyTorch's own choice of attention kernel."""

from __future__ import annotations

import torch

from fluxcost.performance.calibration.measuring_run import Stack
from measure.stacks.stack_recipe import StackRecipe, leave_as_built

SETTINGS: dict[str, str | int | float | bool] = {
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
}


def recipe(device: torch.device) -> StackRecipe:
    """Return the recipe; it is the same on every device."""
    del device
    return StackRecipe(Stack(alias="eager-bf16", settings=SETTINGS), torch.bfloat16, leave_as_built)
