"""The models that are compared, and the names their records go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import fluxcost as fc

GPU = "h100-sxm"
EAGER, COMPILED = STACKS = ("eager-bf16", "compiled-bf16")
KLEIN, SDXL = "flux2-klein-4b", "sdxl-1.0"

Fits = Mapping[str, Mapping[str, fc.Fit]]
"""By stack, then by model; a stack holds the models that have a record of it."""


@dataclass(frozen=True)
class Model:
    """One model of the comparison.

    Attributes:
        name: Of its architecture file.
        title: As its publisher writes it.
        article: As the article's table names it; None where it has no row.
        steps: Compared: the article's, or those it was made for.
        denoiser_b: Published parameters of the denoiser, billions.
        encoders_b: Published parameters of its text encoders together, billions.
        source: Where the published counts stand.
    """

    name: str
    title: str
    article: str | None
    steps: tuple[int, ...]
    denoiser_b: float
    encoders_b: float
    source: str


MODELS = (  # each stands on the page once it has a record
    Model(
        KLEIN, "FLUX.2 [klein] 4B", "FLUX.2-klein-4B", (4,), 3.88, 4.02,
        "diffusers' conversion script; Qwen3-4B's card",
    ),
    Model(
        "flux2-klein-9b", "FLUX.2 [klein] 9B", None, (4,), 9.08, 8.19,
        "diffusers' conversion script; Qwen3-8B's card",
    ),
    Model(
        "flux1-schnell", "FLUX.1 [schnell]", "FLUX.1 schnell", (2, 4), 11.9, 4.89,
        'its card, "12B"; T5-XXL\'s encoder 4.76 B, CLIP-L 0.12 B',
    ),
    Model(
        SDXL, "Stable Diffusion XL 1.0, base", "SDXL", (20, 25), 2.57, 0.82,
        'its paper, "2.6B" UNet; CLIP-L 0.12 B, OpenCLIP bigG 0.69 B',
    ),
    Model(
        "sd3.5-large", "Stable Diffusion 3.5 Large", "SD 3.5 Large", (28,), 8.06, 5.58,
        'its card, "8.1B"; T5-XXL\'s encoder 4.76 B, CLIP-L 0.12 B, OpenCLIP bigG 0.69 B',
    ),
    Model(
        "z-image-turbo", "Z-Image-Turbo", None, (8,), 6.15, 4.02,
        "its technical report; Qwen3-4B's card",
    ),
)  # fmt: skip


def alias_of(name: str, stack: str) -> str:
    """Return the alias of a model's record."""
    return f"{GPU}/{name}/{stack}"
