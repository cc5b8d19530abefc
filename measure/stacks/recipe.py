"""What a stack file hands over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from fluxcost.performance.calibration import Stack

Release = Callable[[], None]
"""Frees what a stack keeps for the shapes it has seen; the next call of a shape makes it anew."""


@dataclass(frozen=True)
class Recipe:
    """A stack's settings, the dtype weights load in, and how a pipeline is prepared."""

    stack: Stack
    dtype: torch.dtype
    prepare: Callable[[Any], Release]

    @property
    def compiles(self) -> bool:
        """Whether every shape and batch is compiled apart, when first seen."""
        return self.stack.settings["compile"] != "none"


def keep_nothing() -> None:
    """Free nothing: the release of a stack that keeps nothing for a shape."""
