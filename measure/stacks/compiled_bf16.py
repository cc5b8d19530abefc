"""Lossless and compiled: transformer blocks, text layers and decoder through torch.compile.

What it changes, none of it in the picture beyond rounding:

- the transformer's repeated blocks and the text encoder's layers are compiled one region each, so
  that a new shape costs seconds to compile, not minutes; `vae.decode` is compiled itself, since
  compiling the module would cover only its `forward`;
- attention through cuDNN on a GPU, about twice the rate of PyTorch's default there at head size 128
  (see the ceilings of the shipped calibrations);
- the decoder's convolutions in channels_last;
- the text encoder stops after the last layer the pipeline reads.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from fluxcost.performance.calibration import Stack
from measure.stacks import eager_bf16
from measure.stacks.recipe import Recipe
from measure.stacks.text_encoder import stop_after_last_read_layer

SHAPES_COMPILED = 64
"""Shapes a region may be compiled for before PyTorch falls back to eager; a suite has under 30."""


def recipe(device: torch.device, backend: str = "inductor") -> Recipe:
    """Return the recipe for a device; a CPU has no cuDNN and keeps PyTorch's attention.

    Args:
        device: Where the pipeline runs.
        backend: Of torch.compile; tests use "eager", which compiles in seconds.
    """
    attention = "cudnn" if device.type == "cuda" else "sdpa-default"
    settings = eager_bf16.SETTINGS | {
        "attention": attention,
        "compile": f"blocks, text layers and vae.decode ({backend}, static shapes)",
        "text_encoder_layers": "read",
        "vae_memory_format": "channels_last",
    }
    return Recipe(
        Stack(alias="compiled-bf16", settings=settings),
        torch.bfloat16,
        partial(_prepare, attention=attention, backend=backend),
    )


def _prepare(pipeline: Any, attention: str, backend: str) -> None:  # noqa: ANN401 - diffusers is untyped
    import torch._dynamo

    torch._dynamo.config.recompile_limit = SHAPES_COMPILED  # noqa: SLF001 - the documented place
    if attention == "cudnn":
        pipeline.transformer.set_attention_backend("_native_cudnn")
    pipeline.transformer.compile_repeated_blocks(backend=backend, fullgraph=True, dynamic=False)
    stop_after_last_read_layer(pipeline)
    for layer in pipeline.text_encoder.model.layers:
        layer.compile(backend=backend, dynamic=False)
    pipeline.vae.to(memory_format=torch.channels_last)
    pipeline.vae.decode = torch.compile(pipeline.vae.decode, backend=backend, dynamic=False)
