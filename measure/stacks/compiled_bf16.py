"""Lossless and compiled: the picture equals that of eager bfloat16 up to rounding.

`compiled-bf16-dynamic` compiles kernels that take any shape, to measure what that saves in
compiling and costs in every call.
"""

from __future__ import annotations

from typing import Any

import torch

from fluxcost.performance.calibration.measuring_run import Stack
from measure.stacks import compiled
from measure.stacks.cuda_graphs import Graphs
from measure.stacks.stack_recipe import Release, StackRecipe

FAMILIES = ("flux1", "flux2-klein", "sd3", "sdxl")
"""Whose calls of one shape are alike. Z-Image's denoiser sees a prompt's own tokens, so each length
of prompt would be compiled and recorded apart."""


def recipe(
    device: torch.device, backend: str = "inductor", *, dynamic: bool = False
) -> StackRecipe:
    """Return the recipe for a device.

    Args:
        device: Where the pipeline runs.
        backend: Of torch.compile; tests use "eager", which compiles in seconds.
        dynamic: Compile once for all shapes.
    """

    def prepare(pipeline: Any) -> Release:  # noqa: ANN401 - diffusers is untyped
        graphs = Graphs() if device.type == "cuda" else None
        return compiled.prepare(pipeline, backend, graphs, dynamic=dynamic)

    alias = "compiled-bf16-dynamic" if dynamic else "compiled-bf16"
    settings = compiled.settings(device, backend, dynamic=dynamic)
    stack = Stack(alias=alias, settings=settings)
    return StackRecipe(stack, torch.bfloat16, prepare, FAMILIES, compiled.beside(device))
