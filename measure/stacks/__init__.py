"""Optimization stacks, one small file each; a stack is known by its resolved settings.

A stack file holds its settings and one function that prepares a freshly built pipeline. Adding a
stack is adding a file and its line in `recipe`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from fluxcost.errors import UnknownNameError
from fluxcost.performance.calibration import Stack


@dataclass(frozen=True)
class Recipe:
    """A stack's settings, the dtype weights load in, and how a pipeline is prepared."""

    stack: Stack
    dtype: torch.dtype
    prepare: Callable[[Any], None]


def recipe(alias: str) -> Recipe:
    """Return the recipe of a stack.

    Raises:
        UnknownNameError: No such stack, with the nearest names.
    """
    from measure.stacks import eager_bf16

    recipes = {each.stack.alias: each for each in (eager_bf16.RECIPE,)}
    if alias not in recipes:
        raise UnknownNameError("stack", alias, recipes)
    return recipes[alias]
