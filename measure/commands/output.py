"""Where commands print what they found."""

from __future__ import annotations

from rich.console import Console

OUT = Console()
if not OUT.is_terminal:
    OUT = Console(width=150)  # a file has no width of its own, and tables wrap badly at 80
