"""Plans as tables: the same columns in a terminal, a notebook and a data frame."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fluxcost.errors import InputError
from fluxcost.estimate import Estimate, Source
from fluxcost.units import interval, significant, usd

if TYPE_CHECKING:
    import pandas as pd

    from fluxcost.planning.plans import Plan

NOTHING = "-"
"""What stands where a plan has no such number, such as the GPUs of an API."""


def plan_rows(plans: Sequence[Plan]) -> list[dict[str, str]]:
    """Return one mapping of column title to text per plan, in order."""
    return [_row(rank, plan) for rank, plan in enumerate(plans, start=1)]


def _row(rank: int, plan: Plan) -> dict[str, str]:
    return {
        "#": str(rank),
        "option": plan.option,
        "rented": f"{plan.gpus} x {plan.gpu}, {plan.mode}" if plan.gpus else plan.mode,
        "stack": NOTHING if plan.calibration is None else plan.calibration.rsplit("/", 1)[-1],
        "batch": str(plan.batch or NOTHING),
        "hours": NOTHING if plan.hours is None else significant(plan.hours.value),
        "total": interval(plan.total),
        "an image": usd(plan.usd_per_image.value),
        "images/$": significant(plan.images_per_usd.value),
        "a call": _or_nothing(plan.latency),
        "timing": str(plan.timing_source or NOTHING),
        "priced": plan.priced_as_of + (", assumed" if plan.price_source == Source.ASSUMED else ""),
    }


def _or_nothing(estimate: Estimate | None) -> str:
    return NOTHING if estimate is None else interval(estimate)


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
