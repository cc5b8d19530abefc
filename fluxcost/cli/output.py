"""How results leave: one JSON object, or tables and sentences for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

PIPED_WIDTH = 220
"""Columns where no terminal says its own: wide enough that no cell is folded."""


def show_json(document: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def show_text(text: str) -> None:
    """Print a sentence as it is; the terminal wraps it."""
    sys.stdout.write(text + "\n")


def show_table(rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows under their common titles."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in rows[0]:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    Console(file=sys.stdout, width=width, markup=False, highlight=False).print(table)


def show_fields(fields: Mapping[str, str]) -> None:
    """Print names and values, one a line, aligned."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        show_text(f"{name:<{width}}  {value}")
