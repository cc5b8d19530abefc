"""How charts look on every page: one palette that reads on white and on black, bands, hover.

How a chart is drawn changes far less often than what it shows, and Altair, which checks every part
of it against Vega-Lite's schema, takes longer over it than most answers do. So it is drawn once
with its rows left open, and kept; an answer brings the rows.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, ParamSpec, cast

import altair as alt
import pandas as pd
import streamlit as st

import fluxcost as fc

BLUE, ORANGE, GREEN, PURPLE, RED, GRAY = (
    "#3b82c4",
    "#d9822b",
    "#3a9a6b",
    "#9a72cf",
    "#d1495b",
    "#8c8c8c",
)
BAND = 0.22
"""Opacity of an interval."""

PNG_WIDTH, PNG_HEIGHT = 900, 420
ROW = 24
PNG_PPI = 144


KEPT = 64
"""Ways to draw one chart that are kept."""

ROWS, MARKS, LEFT_MARKS, LEVELS = "rows", "marks", "marks to the left", "levels"
"""Names of what is drawn: the answer; places on the horizontal axis, named at their right or left;
heights."""

Chart = alt.Chart | alt.LayerChart
P = ParamSpec("P")


@dataclass(frozen=True)
class Drawing:
    """A chart: how it is drawn, and the rows of an answer.

    Attributes:
        how: Vega-Lite as JSON, with names in place of rows.
        rows: By those names.
    """

    how: str
    rows: Mapping[str, pd.DataFrame]


def drawn_once(draw: Callable[P, Chart]) -> Callable[P, str]:
    """Return what draws a chart of named rows, once for each way to call it, as JSON."""

    def drawn(*varying: P.args, **named: P.kwargs) -> str:
        document = draw(*varying, **named).to_dict()
        # Altair's own theme, which pages do not follow.
        document.pop("config", None)
        return json.dumps(document)

    return cast("Callable[P, str]", functools.lru_cache(maxsize=KEPT)(drawn))


def of(rows: str = ROWS) -> alt.Chart:
    """Begin a chart of rows that are given later, by their name."""
    return alt.Chart(alt.NamedData(name=rows))


def over(*charts: Chart) -> alt.LayerChart:
    """Draw charts over each other, the last on top."""
    return alt.LayerChart(layer=[*charts])


def rows_of(x: str, at: float, series: str, estimate: fc.Estimate) -> dict[str, object]:
    """Return a point of a band as a row: x, series, value, low and high."""
    return {
        x: at,
        "series": series,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
    }


def legend(columns: int = 3) -> alt.Legend:
    """Return a legend on top with so many names side by side, which a phone must have room for."""
    return alt.Legend(
        orient="top",
        direction="horizontal",
        columns=columns,
        title=None,
        labelLimit=320,
        symbolOpacity=1,
    )


def colors(palette: Mapping[str, str]) -> alt.Color:
    """Return the color of each series by name."""
    scale = alt.Scale(domain=list(palette), range=list(palette.values()))
    return alt.Color("series:N", scale=scale, legend=legend())


def bands(
    x: alt.X,
    y_title: str,
    palette: Mapping[str, str],
    tooltip: Sequence[alt.Tooltip],
    *,
    y_scale: alt.Scale | None = None,
) -> alt.LayerChart:
    """Draw a line with its interval for each series; each point tells its numbers on hover.

    Rows have the columns of x, series, value, low and high.

    Args:
        x: The horizontal axis with its title and unit.
        y_title: What is drawn, with its unit.
        palette: Series to color.
        tooltip: What a point tells beside its interval.
        y_scale: Of the vertical axis; linear from 0 unless given.
    """
    color = colors(palette)
    base = of().encode(x=x, color=color)
    scale = y_scale or alt.Undefined
    y = alt.Y("value:Q", title=y_title, scale=scale)
    band = base.mark_area(opacity=BAND).encode(y=alt.Y("low:Q", title=y_title), y2="high:Q")
    line = base.mark_line(strokeWidth=2).encode(y=y)
    shown = [
        *tooltip,
        alt.Tooltip("low:Q", title="low, 5 %", format=",.4~g"),
        alt.Tooltip("high:Q", title="high, 95 %", format=",.4~g"),
    ]
    hover = base.mark_circle(size=160, opacity=0).encode(y=y, tooltip=shown)
    return over(band, line, hover)


def marked(x: str, *, to_the_left: bool = False) -> alt.LayerChart:
    """Draw a dashed line at each place on the horizontal axis, with its name on top."""
    align: Literal["left", "right"] = "right" if to_the_left else "left"
    aside = -4 if to_the_left else 4
    base = of(LEFT_MARKS if to_the_left else MARKS).encode(x=f"{x}:Q")
    rule = base.mark_rule(strokeDash=[5, 4], color=GRAY, strokeWidth=1.5)
    label = base.mark_text(align=align, dx=aside, dy=8, color=GRAY, fontSize=12).encode(
        y=alt.value(0), text="name:N"
    )
    return over(rule, label)


def leveled(y: str) -> alt.LayerChart:
    """Draw a dashed line at each height, with its name at the left."""
    base = of(LEVELS).encode(y=f"{y}:Q")
    rule = base.mark_rule(strokeDash=[5, 4], color=RED, strokeWidth=1.5)
    label = base.mark_text(align="left", dx=4, dy=-7, color=RED, fontSize=12).encode(
        x=alt.value(0), text="name:N"
    )
    return over(rule, label)


def marks(at: str, places: Iterable[tuple[str, float]]) -> pd.DataFrame:
    """Return places or heights with their names as rows."""
    return pd.DataFrame([{"name": name, at: place} for name, place in places])


def show(drawing: Drawing, alt_text: str, *, height: int = 340) -> None:
    """Draw a chart across the page, with a sentence for those who do not see it."""
    _show(drawing, alt_text, height)


def show_rows(drawing: Drawing, alt_text: str, *, step: int = ROW) -> None:
    """Draw a chart with one row for each name, as high as its rows need."""
    _show(drawing, alt_text, {"step": step})


def _show(drawing: Drawing, alt_text: str, height: object) -> None:
    document = json.loads(drawing.how) | {"height": height, "datasets": dict(drawing.rows)}
    st.vega_lite_chart(document, width="stretch", alt=alt_text)


def picture(drawing: Drawing, *, step: int | None = None) -> Callable[[], bytes]:
    """Return what draws a chart as PNG, once asked to; one of rows is as high as they need."""

    def draw() -> bytes:
        stream = io.BytesIO()
        height: object = PNG_HEIGHT if step is None else {"step": step}
        held = {
            name: json.loads(rows.to_json(orient="records")) for name, rows in drawing.rows.items()
        }
        sized = {"width": PNG_WIDTH, "height": height, "datasets": held}
        chart = alt.Chart.from_dict(json.loads(drawing.how) | sized)
        chart.save(stream, format="png", ppi=PNG_PPI)
        return stream.getvalue()

    return draw
