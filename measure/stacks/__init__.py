"""Optimization stacks, one small file each; a stack is known by its resolved settings.

A stack file gives its recipe for a device: settings, the dtype weights load in, and one function
that prepares a freshly built pipeline. CONTRIBUTING.md says how to add one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

from fluxcost.errors import UnknownNameError
from measure.stacks import cached_prompts, compiled_bf16, compiled_fp8, eager_bf16
from measure.stacks.stack_recipe import StackRecipe

_RECIPES: dict[str, Callable[[torch.device], StackRecipe]] = {
    "compiled-bf16": compiled_bf16.recipe,
    "compiled-bf16-dynamic": functools.partial(compiled_bf16.recipe, dynamic=True),
    "compiled-bf16-cached-prompts": functools.partial(
        cached_prompts.recipe, base=compiled_bf16.recipe
    ),
    "compiled-fp8": compiled_fp8.recipe,
    "compiled-fp8-cached-prompts": functools.partial(
        cached_prompts.recipe, base=compiled_fp8.recipe
    ),
    "eager-bf16": eager_bf16.recipe,
}


def recipe(alias: str, device: torch.device, family: str | None = None) -> StackRecipe:
    """Return the recipe of a stack, resolved for a device.

    Args:
        alias: Name of the stack.
        device: Where the pipeline runs.
        family: Of the model, by its key in measure/pipelines; None leaves out the settings that
            only some families have.

    Raises:
        UnknownNameError: No such stack, with the nearest names.
    """
    if alias not in _RECIPES:
        raise UnknownNameError("stack", alias, _RECIPES)
    made = _RECIPES[alias](device)
    return made if family is None else made.resolved(family)
