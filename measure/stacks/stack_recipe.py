"""The recipe of a stack: its settings, its dtype, and the function that prepares a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from fluxcost.errors import InputError
from fluxcost.performance.calibration.measuring_run import Stack

Settings = dict[str, str | int | float | bool]

Release = Callable[[], None]
"""Frees what a stack keeps for the shapes it has seen; the next call of a shape makes it anew."""


@dataclass(frozen=True)
class StackRecipe:
    """A stack's settings, the dtype weights load in, and how a pipeline is prepared.

    Attributes:
        stack: Alias and the settings that are the same for every family.
        dtype: Of the weights.
        prepare: Changes a freshly built pipeline.
        families: Those it can prepare, by their keys in measure/pipelines; None is every one.
        beside: Settings that only some families have, by family.
    """

    stack: Stack
    dtype: torch.dtype
    prepare: Callable[[Any], Release]
    families: tuple[str, ...] | None = None
    beside: Mapping[str, Settings] = field(default_factory=dict)

    def resolved(self, family: str) -> StackRecipe:
        """Return the recipe with all settings that it has for a family."""
        settings = self.stack.settings | self.beside.get(family, {})
        return replace(self, stack=Stack(alias=self.stack.alias, settings=settings))

    def refuse_other_family(self, model: str, family: str) -> None:
        """Raise InputError where the stack cannot prepare a model of this family."""
        if self.families is not None and family not in self.families:
            raise InputError(
                f"stack {self.stack.alias} prepares pipelines of family "
                f"{' or '.join(self.families)} and {model} is of {family}; measure it with "
                "eager-bf16."
            )

    @property
    def compiles(self) -> bool:
        """Whether every shape and batch is compiled apart, when first seen."""
        return self.stack.settings["compile"] != "none"


def leave_as_built(pipeline: Any) -> Release:  # noqa: ANN401 - diffusers is untyped
    """Prepare nothing."""
    del pipeline
    return keep_nothing


def keep_nothing() -> None:
    """Free nothing: the release of a stack that keeps nothing for a shape."""
