"""What several commands share: their options, each defined once, and where they print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Model = Annotated[str, typer.Option(help="Model name or architecture YAML.")]
Stack = Annotated[str, typer.Option(help="Optimization stack, such as compiled-bf16.")]
Weights = Annotated[
    str | None, typer.Option(help="Checkpoint folder or hub name; default: synthetic weights.")
]
Device = Annotated[str, typer.Option(help="cuda, cuda:N or cpu.")]
NewFile = Annotated[Path, typer.Option(help="File to write; must not exist.")]

MODEL = "flux2-klein-4b"
STACK = "eager-bf16"
SHAPE = "1024x1024x4"
"""Measured unless others are named."""

OUT = Console()
if not OUT.is_terminal:
    OUT = Console(width=150)  # a file has no width of its own, and tables wrap badly at 80
