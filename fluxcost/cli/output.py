"""How results leave: one JSON object, or tables and sentences for people."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from fluxcost.json_answers import Kind, json_text

PIPED_WIDTH = 220
"""Columns where no terminal says its own: wide enough that no cell is folded."""

GAP = 3
"""Columns of a terminal between two of a table, and once beside it."""

MOST_LINES = 2
"""Lines a row may take before a column that can be spared is left out."""


def show_json(kind: Kind, answer: Mapping[str, Any]) -> None:
    """Print an answer as one JSON object."""
    sys.stdout.write(json_text(kind, answer) + "\n")


def show_schema(schema: Mapping[str, Any]) -> None:
    """Print a JSON Schema as it is: its own format, which editors read."""
    sys.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def show_text(text: str) -> None:
    """Print a sentence as it is; the terminal wraps it."""
    sys.stdout.write(text + "\n")


def show_note(text: str) -> None:
    """Print a sentence on stderr, beside an answer that a program reads."""
    sys.stderr.write(text + "\n")


def show_table(rows: Sequence[Mapping[str, str]], *, spare: Sequence[str] = ()) -> None:
    """Print rows under their common titles.

    Args:
        rows: Title to text, all with the same titles.
        spare: Titles that a terminal too narrow for all of them may do without, first to go first.
    """
    console = Console(
        file=sys.stdout,
        width=None if sys.stdout.isatty() else PIPED_WIDTH,
        markup=False,
        highlight=False,
    )
    widths = fitted(rows, console.width, spare)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, width in widths.items():
        table.add_column(title, overflow="fold", width=width)
    for row in rows:
        table.add_row(*(row[title] for title in widths))
    console.print(table)
    if left_out := [title for title in rows[0] if title not in widths]:
        show_text(f"Not shown at this width: {', '.join(left_out)}; --json has all.\n")


def fitted(
    rows: Sequence[Mapping[str, str]], room: int, spare: Sequence[str]
) -> dict[str, int | None]:
    """Return the columns to show and how wide; None leaves a width to the table.

    Text wraps between words, so that no name is torn apart. A column is left out only where rows
    would be taller than `MOST_LINES`.

    Args:
        rows: Title to text.
        room: Columns of the terminal.
        spare: Titles that may be left out, in that order.
    """
    titles = list(rows[0])
    for dropped in range(len(spare) + 1):
        kept = [title for title in titles if title not in spare[:dropped]]
        widths = _shared(rows, kept, room - GAP * len(kept))
        if widths is not None and _lines(rows, widths) <= MOST_LINES:
            return dict(widths)
    return dict(widths) if widths is not None else dict.fromkeys(kept)


def _shared(
    rows: Sequence[Mapping[str, str]], titles: list[str], room: int
) -> dict[str, int] | None:
    """Return widths that fill the room, most to what wraps most; None where words do not fit."""
    texts = {title: [title, *(row[title] for row in rows)] for title in titles}
    whole = {title: max(map(len, texts[title])) for title in titles}
    widths = {
        title: max((len(word) for text in texts[title] for word in text.split()), default=1)
        for title in titles
    }
    if sum(widths.values()) > room:
        return None
    while sum(widths.values()) < min(room, sum(whole.values())):
        tightest = max(titles, key=lambda title: whole[title] / widths[title])
        widths[tightest] += 1
    return widths


def _lines(rows: Sequence[Mapping[str, str]], widths: Mapping[str, int]) -> int:
    return max(
        len(textwrap.wrap(row[title], width)) for row in rows for title, width in widths.items()
    )


def show_fields(fields: Mapping[str, str]) -> None:
    """Print names and values, one a line, aligned."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        show_text(f"{name:<{width}}  {value}")
