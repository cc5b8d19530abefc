"""Seeded synthetic weights of a checkpoint's scale, and the check of their activations.

Time depends on weights only through power: a GPU at its power limit runs zeros faster than random
data. So matrices and kernels get normal weights with standard deviation 1/sqrt(fan-in), which
keeps activations near unit size through the network as trained weights do, norms get 1, and biases
get 0. `scale` multiplies the matrices, for measuring that sensitivity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from measure.errors import MeasurementError
from measure.pipelines.components import denoiser, text_encoders

SYNTHETIC_MARK = "_synthetic_weights"
"""Name in a pipeline's configuration, saved with it, that tells its weights learned nothing.

diffusers takes names without the underscore for parts of the pipeline.
"""

SMALLEST_SPREAD = 1e-4
"""An activation spread under this is a dead network; a live one here has 0.1 to 100."""


@torch.no_grad()
def fill_synthetic(module: torch.nn.Module, seed: int, scale: float) -> None:
    """Overwrite every parameter of a module in place, the same for the same seed."""
    parameters = list(module.parameters())
    generator = torch.Generator(device=parameters[0].device).manual_seed(seed)
    for parameter in parameters:
        if parameter.dim() >= 2:
            fan_in = parameter[0].numel()
            parameter.normal_(0.0, scale * fan_in**-0.5, generator=generator)
    for name, parameter in module.named_parameters():
        if parameter.dim() < 2:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)


@contextmanager
def watched_activations(pipeline: Any) -> Iterator[dict[str, torch.Tensor]]:  # noqa: ANN401 - diffusers is untyped
    """Collect the outputs of text encoders and denoiser while the block runs."""
    seen: dict[str, torch.Tensor] = {}

    def keep_text(module: object, _args: object, output: Any) -> None:  # noqa: ANN401 - transformers is untyped
        states = getattr(output, "hidden_states", None)
        seen[f"text encoder {type(module).__name__}"] = states[-1] if states else output[0]

    def keep_noise(_module: object, _args: object, output: Any) -> None:  # noqa: ANN401 - diffusers is untyped
        made = output[0]  # Z-Image's makes a list, an entry an image
        seen["denoiser"] = torch.stack(made) if isinstance(made, list) else made

    handles = [
        *(each.register_forward_hook(keep_text) for each in text_encoders(pipeline)),
        denoiser(pipeline).register_forward_hook(keep_noise),
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def check_activations(activations: dict[str, torch.Tensor]) -> None:
    """Refuse a network whose outputs are not finite or hardly vary.

    Raises:
        MeasurementError: Naming the part and what it put out.
    """
    for part, tensor in activations.items():
        values = tensor.float()
        if not bool(torch.isfinite(values).all()):
            raise MeasurementError(
                f"the {part} put out values that are not finite; expected finite activations; "
                "check the weights."
            )
        spread = float(values.std())
        if spread < SMALLEST_SPREAD:
            raise MeasurementError(
                f"the {part}'s output has standard deviation {spread:.2g}; expected at least "
                f"{SMALLEST_SPREAD:g}; check the weights."
            )
