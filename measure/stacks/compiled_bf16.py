"""Lossless and compiled: the picture is eager bfloat16's up to rounding in another order."""

from __future__ import annotations

from typing import Any

import torch

from fluxcost.performance.calibration import Stack
from measure.stacks import compiled
from measure.stacks.cuda_graphs import Graphs
from measure.stacks.recipe import Recipe, Release


def recipe(device: torch.device, backend: str = "inductor") -> Recipe:
    """Return the recipe for a device.

    Args:
        device: Where the pipeline runs.
        backend: Of torch.compile; tests use "eager", which compiles in seconds.
    """

    def prepare(pipeline: Any) -> Release:  # noqa: ANN401 - diffusers is untyped
        return compiled.prepare(pipeline, backend, Graphs() if device.type == "cuda" else None)

    settings = compiled.settings(device, backend)
    return Recipe(
        Stack(alias="compiled-bf16", settings=settings), torch.bfloat16, prepare, compiled.FAMILY
    )
