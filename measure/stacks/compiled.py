"""What the compiled stacks share: all settings that change the time and not the picture.

- The denoiser's repeated blocks and the text encoders' layers, CLIP's left out, are compiled one
  region each, so that a new shape costs seconds to compile, not minutes; `vae.decode` is compiled
  itself, since compiling the module would cover only its `forward`. Each shape is compiled apart
  unless the stack asks for kernels that take any (`dynamic`).
- Attention goes through cuDNN on a GPU, about twice the rate of PyTorch's default there at head
  size 128 and 1.4 to 1.6 times at 64 (see the ceilings of the shipped calibrations).
- Convolutions, the decoder's and a UNet's, run in channels_last, with the kernel cuDNN finds
  fastest by trial, and their group norms in the order that memory lies in.
- Text encoders stop after the last layer the pipeline reads.
- Text encoders, denoiser and decoder are launched as CUDA graphs: compiled, a GPU outruns the CPU
  that launches its kernels.
- Pixels are rounded on the device.
- Position ids, noise schedule and device are worked out once a shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from measure.pipelines.components import denoiser, text_encoders
from measure.stacks import eager_bf16
from measure.stacks.cuda_graphs import Graphs
from measure.stacks.gpu_kernels import attend_through_cudnn, norm_pixels_first
from measure.stacks.host_work import convert_on_device, remember_host_work
from measure.stacks.stack_recipe import Release, Settings, keep_nothing
from measure.stacks.text_encoder import (
    layers_to_compile,
    mask_stated,
    pooled_apart,
    stop_after_last_read_layer,
)

REGIONS_COMPILED = 1024
"""Compilations before PyTorch gives up on a region; all regions are counted as one.

A suite has under 30 shapes, and a UNet's blocks under 20 forms.
"""

UNNAMED_BLOCKS = {
    "SD3Transformer2DModel": ("JointTransformerBlock",),
    "UNet2DConditionModel": ("ResnetBlock2D",),
}
"""Repeated blocks that diffusers does not name in the classes it has them in."""


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


def beside(device: torch.device) -> dict[str, Settings]:
    """Return the settings that only some families have: those of CLIP and of a UNet."""
    gpu = device.type == "cuda"
    clip: Settings = {"clip_layers": "not compiled"}
    return {
        "flux1": clip,
        "sd3": clip,
        "sdxl": clip
        | {
            "attention_to_prompt": "sdpa-default",
            "unet_group_norm": "pixels first in residual blocks",
            "unet_kernels": "by trial" if gpu else "default",
            "unet_memory_format": "channels_last",
        },
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

    limits = torch._dynamo.config  # noqa: SLF001 - the documented place
    limits.recompile_limit = limits.accumulated_recompile_limit = REGIONS_COMPILED
    if dynamic:
        import torch.fx.experimental._config as symbols

        # Sides that agree in the first shape, as a square's do, would be taken to agree always.
        symbols.use_duck_shape = False
    network, vae = denoiser(pipeline), pipeline.vae
    if network.device.type == "cuda":
        attend_through_cudnn(network)
    if hasattr(pipeline, "unet"):
        _convolve_in_channels_last(network)
    _name_blocks(network)
    network.compile_repeated_blocks(backend=backend, fullgraph=True, dynamic=dynamic)
    stop_after_last_read_layer(pipeline)
    for encoder in text_encoders(pipeline):
        for layer in layers_to_compile(encoder):
            layer.compile(backend=backend, dynamic=dynamic)
        encoder.forward = mask_stated(encoder)
    vae.to(memory_format=torch.channels_last)
    norm_pixels_first(vae.decoder)
    vae.decode = _kernels_by_trial(torch.compile(vae.decode, backend=backend, dynamic=dynamic))
    convert_on_device(pipeline)
    remember_host_work(pipeline)
    if graphs is None:
        return keep_nothing
    for encoder in text_encoders(pipeline):
        encoder.forward = pooled_apart(graphs.replaying(encoder.forward))
    network.forward = graphs.replaying(network.forward)
    vae.decode = graphs.replaying(vae.decode)
    return graphs.release


def _name_blocks(network: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Tell diffusers of the repeated blocks it does not name itself."""
    more = UNNAMED_BLOCKS.get(type(network).__name__, ())
    network._repeated_blocks = [*network._repeated_blocks, *more]  # noqa: SLF001 - as it is read


def _convolve_in_channels_last(unet: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Lay a UNet out for its convolutions; norms outside its residual blocks stay as they are."""
    from diffusers.models.resnet import ResnetBlock2D

    unet.to(memory_format=torch.channels_last)
    for each in unet.modules():
        if isinstance(each, ResnetBlock2D):
            norm_pixels_first(each)
    unet.forward = _kernels_by_trial(unet.forward)


def _kernels_by_trial(convolve: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with cuDNN timing its kernels at each new shape, for it alone."""

    def convolve_by_trial(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes through
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            return convolve(*args, **kwargs)

    return convolve_by_trial
