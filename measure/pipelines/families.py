"""Which builder makes which family, and the arguments its pipeline is called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from fluxcost.errors import DocumentError
from measure.pipelines.blueprint import Document
from measure.pipelines.components import denoiser, networks
from measure.pipelines.flux import assemble_flux1, assemble_flux2_klein
from measure.pipelines.stable_diffusion import assemble_sd3, assemble_sdxl
from measure.pipelines.synthetic_weights import SYNTHETIC_MARK, fill_synthetic
from measure.pipelines.z_image import assemble_z_image


def silence_libraries() -> None:
    """Let diffusers and transformers report errors only."""
    import diffusers.utils.logging as diffusers_logging
    import transformers.utils.logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


@dataclass(frozen=True)
class Family:
    """How a family is made.

    Attributes:
        pipeline_class: Of diffusers.
        assemble: Makes the pipeline of an architecture on a device, its weights not yet set.
    """

    pipeline_class: str
    assemble: Callable[[Document, torch.device], Any]


FAMILIES = {
    "flux1": Family("FluxPipeline", assemble_flux1),
    "flux2-klein": Family("Flux2KleinPipeline", assemble_flux2_klein),
    "sd3": Family("StableDiffusion3Pipeline", assemble_sd3),
    "sdxl": Family("StableDiffusionXLPipeline", assemble_sdxl),
    "z-image": Family("ZImagePipeline", assemble_z_image),
}


def build(document: Document, seed: int, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Build a model's pipeline with seeded synthetic weights directly on the device."""
    silence_libraries()
    pipeline = FAMILIES[document.family].assemble(document, device)
    for offset, module in enumerate(networks(pipeline)):
        module.to(dtype).eval().requires_grad_(requires_grad=False)
        fill_synthetic(module, seed + offset, scale=1.0)
    pipeline.register_to_config(**{SYNTHETIC_MARK: f"seed {seed}"})
    return _with_own_attention(pipeline)


def pipeline_class(family: str) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Return diffusers' class of a family's pipelines; the first time imports its libraries."""
    import diffusers

    silence_libraries()
    return getattr(diffusers, FAMILIES[family].pipeline_class)


def load(family: str, weights: str, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Load a checkpoint of a family from a folder or the hub onto the device.

    Raises:
        DocumentError: There is no such checkpoint, or not one of this family's pipeline.
    """
    kind = pipeline_class(family)
    try:
        pipeline = kind.from_pretrained(weights, dtype=dtype)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DocumentError(
            f"--weights {weights}: cannot be loaded as a {kind.__name__} ({reason}); give the "
            "folder or the hub name of a checkpoint, or leave it out for synthetic weights."
        ) from None
    return _with_own_attention(pipeline.to(device))


def _with_own_attention(pipeline: Any) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Name PyTorch's own choice of attention kernel, until a stack names another.

    diffusers lets a pipeline that names none follow the last one in the process that did.
    """
    denoiser(pipeline).set_attention_backend("native")
    return pipeline


def call_arguments(document: Document) -> dict[str, Any]:
    """Return what every call of a model's pipeline is given beside prompt, size and steps."""
    own: dict[str, Any] = document.pipeline.get("call", {})
    return {"guidance_scale": 1.0} | own
