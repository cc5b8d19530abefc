"""The options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Option(help="Model name or architecture YAML.")]
Stack = Annotated[str, typer.Option(help="Optimization stack.")]
Weights = Annotated[
    str | None, typer.Option(help="Checkpoint folder or hub name; default: synthetic weights.")
]
Device = Annotated[str, typer.Option(help="cuda, cuda:N or cpu.")]
NewFile = Annotated[Path, typer.Option(help="File to write; must not exist.")]

MODEL = "flux2-klein-4b"
STACK = "eager-bf16"
"""Measured unless others are named."""
