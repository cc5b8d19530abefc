"""What the compiled stacks share: everything that changes the time and not the picture.

- The transformer's repeated blocks and the text encoder's layers are compiled one region each, so
  that a new shape costs seconds to compile, not minutes; `vae.decode` is compiled itself, since
  compiling the module would cover only its `forward`. Each shape is compiled apart unless the stack
  asks for kernels that take any (`dynamic`).
- Attention goes through cuDNN on a GPU, about twice the rate of PyTorch's default there at head
  size 128 (see the ceilings of the shipped calibrations).
- The decoder's convolutions run in channels_last, with the kernel cuDNN finds fastest by trial, and
  its group norms in the order that memory lies in.
- The text encoder stops after the last layer the pipeline reads.
- Text encoder, transformer and decoder are launched as CUDA graphs: compiled, a GPU outruns the
  CPU that launches its kernels.
- Pixels are rounded on the device.
- Position ids, noise schedule and device are worked out once a shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from measure.stacks import eager_bf16
from measure.stacks.cuda_graphs import Graphs
from measure.stacks.group_norm import norm_pixels_first
from measure.stacks.host_images import convert_on_device
from measure.stacks.host_work import remember_host_work
from measure.stacks.recipe import Release, keep_nothing
from measure.stacks.text_encoder import stop_after_last_read_layer

FAMILY = "flux2-klein"
"""Whose pipeline the compiled stacks know part by part."""

SHAPES_COMPILED = 64
"""Shapes a region may be compiled for before PyTorch falls back to eager; a suite has under 30."""

Settings = dict[str, str | int | float | bool]


def settings(device: torch.device, backend: str, *, dynamic: bool = False) -> Settings:
    """Return the settings for a device; a CPU has no cuDNN and no graphs."""
    gpu, shapes = device.type == "cuda", "dynamic" if dynamic else "static"
    return eager_bf16.SETTINGS | {
        "attention": "cudnn" if gpu else "sdpa-default",
        "compile": f"blocks, text layers and vae.decode ({backend}, {shapes} shapes)",
        "cuda_graphs": gpu,
        "host_work": "once a shape",
        "image_conversion": "device",
        "text_encoder_layers": "read",
        "vae_group_norm": "pixels first",
        "vae_kernels": "by trial" if gpu else "default",
        "vae_memory_format": "channels_last",
    }


def prepare(
    pipeline: Any,  # noqa: ANN401 - diffusers is untyped
    backend: str | Callable[..., Any],
    graphs: Graphs | None,
    *,
    dynamic: bool = False,
) -> Release:
    """Compile a pipeline and record its parts; return how to free the recordings.

    Args:
        pipeline: Freshly built, its linears already the ones to run.
        backend: Of torch.compile.
        graphs: Where recordings are kept; None launches kernel by kernel.
        dynamic: Compile once for all shapes, not once for each.
    """
    import torch._dynamo

    torch._dynamo.config.recompile_limit = SHAPES_COMPILED  # noqa: SLF001 - the documented place
    if dynamic:
        import torch.fx.experimental._config as symbols

        # Sides that agree in the first shape, as a square's do, would be taken to agree always.
        symbols.use_duck_shape = False
    transformer, text_encoder, vae = pipeline.transformer, pipeline.text_encoder, pipeline.vae
    if transformer.device.type == "cuda":
        transformer.set_attention_backend("_native_cudnn")
    transformer.compile_repeated_blocks(backend=backend, fullgraph=True, dynamic=dynamic)
    stop_after_last_read_layer(pipeline)
    for layer in text_encoder.model.layers:
        layer.compile(backend=backend, dynamic=dynamic)
    vae.to(memory_format=torch.channels_last)
    norm_pixels_first(vae.decoder)
    vae.decode = _kernels_by_trial(torch.compile(vae.decode, backend=backend, dynamic=dynamic))
    convert_on_device(pipeline)
    remember_host_work(pipeline)
    if graphs is None:
        return keep_nothing
    text_encoder.forward = graphs.replaying(text_encoder.forward)
    transformer.forward = graphs.replaying(transformer.forward)
    vae.decode = graphs.replaying(vae.decode)
    return graphs.release


def _kernels_by_trial(decode: Callable[..., Any]) -> Callable[..., Any]:
    """Return the decoder with cuDNN timing its kernels at each new shape, for it alone."""

    def decode_by_trial(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes through
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            return decode(*args, **kwargs)

    return decode_by_trial
