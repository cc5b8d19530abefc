"""Lossy and compiled: the blocks' large linears in row-wise e4m3, all else as compiled-bf16.

Embeddings, modulation, norms and head stay in bfloat16: they are a few percent of the arithmetic
and decide much of the picture.
"""

from __future__ import annotations

from typing import Any

import torch

from fluxcost.errors import InputError
from fluxcost.performance.calibration.measuring_run import Stack
from measure.stacks import compiled
from measure.stacks.cuda_graphs import Graphs
from measure.stacks.fp8_linear import replace_large_linears
from measure.stacks.stack_recipe import Release, StackRecipe

FAMILIES = ("flux2-klein",)
"""Whose blocks it knows, and whose linears it was measured to keep the picture of."""

LEAST_CAPABILITY = (8, 9)
"""The first GPUs with 8-bit float tensor cores: Ada; Hopper is 9.0."""


def recipe(device: torch.device, backend: str = "inductor") -> StackRecipe:
    """Return the recipe for a device.

    Raises:
        InputError: The device has no 8-bit float arithmetic.
    """
    _refuse_without_fp8(device)

    def prepare(pipeline: Any) -> Release:  # noqa: ANN401 - diffusers is untyped
        quantize_blocks(pipeline.transformer)
        return compiled.prepare(pipeline, backend, Graphs())

    settings = compiled.settings(device, backend) | {
        "block_linears": "float8_e4m3fn, row-wise scales, fast accumulation",
        "lossy": True,
    }
    return StackRecipe(
        Stack(alias="compiled-fp8", settings=settings), torch.bfloat16, prepare, FAMILIES
    )


def quantize_blocks(transformer: Any) -> int:  # noqa: ANN401 - diffusers is untyped
    """Put fp8 in place of every block linear at least as wide as the model on both sides."""
    width = transformer.inner_dim
    blocks = (transformer.transformer_blocks, transformer.single_transformer_blocks)
    return sum(replace_large_linears(each, least=width) for each in blocks)


def _refuse_without_fp8(device: torch.device) -> None:
    if device.type != "cuda":
        raise InputError(
            f"stack compiled-fp8 needs a GPU with 8-bit float arithmetic; device is {device}; "
            "measure compiled-bf16 there."
        )
    capability = torch.cuda.get_device_capability(device)
    if capability < LEAST_CAPABILITY:
        raise InputError(
            f"stack compiled-fp8 needs compute capability 8.9 or more; device has "
            f"{capability[0]}.{capability[1]}; measure compiled-bf16 there."
        )
