"""Prompts encoded once: a call finds the embedding of a prompt that came before.

Nothing of the picture changes; what changes is that the text stage is a look-up. A record of such a
stack holds calls whose prompts had all come before, so it stands for workloads whose prompts do.
"""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch

from fluxcost.performance.calibration.measuring_run import Stack
from measure.prompts import PROMPTS
from measure.stacks.stack_recipe import Release, StackRecipe

FAMILIES = ("flux2-klein",)
"""Whose prompts are one embedding each; other families return several tensors a prompt."""

MOST_PROMPTS = 256
"""Embeddings kept, the least recently used given up first: 7.5 MiB each for klein-4B."""

BESIDE_THE_KEY = ("prompt", "device", "num_images_per_prompt", "prompt_embeds")
"""Arguments of the pipeline's `encode_prompt` that change nothing in a prompt's embedding."""


def recipe(device: torch.device, base: Callable[[torch.device], StackRecipe]) -> StackRecipe:
    """Return the recipe of a stack with prompts kept, the prompts of measurements known already."""
    made = base(device)

    def prepare(pipeline: Any) -> Release:  # noqa: ANN401 - diffusers is untyped
        release = made.prepare(pipeline)
        keep_prompts(pipeline)
        with torch.no_grad():
            for prompt in PROMPTS:
                pipeline.encode_prompt(prompt=prompt)
        return release

    alias = f"{made.stack.alias}-cached-prompts"
    settings = made.stack.settings | {"prompt_embeddings": "cached"}
    return StackRecipe(Stack(alias=alias, settings=settings), made.dtype, prepare, FAMILIES)


def keep_prompts(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Let the pipeline encode a prompt once and find its embedding from then on."""
    encode = pipeline.encode_prompt
    # What one call leaves out is the default that another spells out.
    defaults = {
        name: each.default
        for name, each in inspect.signature(encode).parameters.items()
        if name not in BESIDE_THE_KEY
    }
    kept: OrderedDict[Hashable, torch.Tensor] = OrderedDict()

    def embedding(prompt: str, options: dict[str, Any]) -> torch.Tensor:
        asked = {name: options.get(name, default) for name, default in defaults.items()}
        key = (prompt, tuple(asked.values()))
        if key not in kept:
            # Cloned, since a recording's output is overwritten by the next.
            kept[key] = encode(prompt=prompt, **asked)[0].clone()
        kept.move_to_end(key)
        if len(kept) > MOST_PROMPTS:
            kept.popitem(last=False)
        return kept[key]

    @functools.wraps(encode)
    def from_memory(prompt: str | list[str] | None = None, **options: Any) -> Any:  # noqa: ANN401 - as diffusers
        if options.get("prompt_embeds") is not None:
            return encode(prompt=prompt, **options)
        prompts = prompt if isinstance(prompt, list) else [prompt or ""]
        found = torch.cat([embedding(each, options) for each in prompts])
        return encode(prompt=prompts, **options | {"prompt_embeds": found})

    pipeline.encode_prompt = from_memory
