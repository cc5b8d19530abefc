"""Tables as text, in HTML and Markdown, and as a data frame."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fluxcost.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


NOTHING = "-"
"""What stands where a plan has no such number, such as the GPUs of an API."""


def to_html(caption: str, rows: Sequence[dict[str, str]]) -> str:
    """Return rows as an HTML table; every text is escaped."""
    titles = list(rows[0]) if rows else ["no plan"]
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row.values()) + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def to_markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; the texts stand as they are."""
    lines = [titles, ["---"] * len(titles), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def markdown_text(text: str) -> str:
    """Return text on one line that Markdown shows as it is: no tag, link, emphasis or table."""
    return re.sub(r"([\\`*_\[\]<>#|&~$])", r"\\\1", " ".join(text.split()))


def to_frame(documents: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return plain documents as a data frame; an estimate becomes value, low and high columns.

    The fields of a part, such as how a plan serves, stand under its name and theirs.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise InputError(
            "to_frame needs pandas, which is not installed; pip install pandas."
        ) from None
    return pd.DataFrame([_flat(document) for document in documents])


def _flat(document: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in document.items():
        column = f"{prefix}{name}"
        if isinstance(value, dict) and "level" in value:
            row |= {
                column: value["value"],
                f"{column}_low": value["low"],
                f"{column}_high": value["high"],
            }
        elif isinstance(value, dict):
            row |= _flat(value, f"{column}_")
        else:
            row[column] = value
    return row
