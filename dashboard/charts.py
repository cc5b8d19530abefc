"""How charts look on every page: one palette that reads on white and on black, bands, hover."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

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


def over(*charts: alt.Chart | alt.LayerChart) -> alt.LayerChart:
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
    frame: pd.DataFrame,
    x: alt.X,
    y_title: str,
    palette: Mapping[str, str],
    tooltip: Sequence[alt.Tooltip],
    *,
    y_scale: alt.Scale | None = None,
) -> alt.LayerChart:
    """Draw a line with its interval for each series; each point tells its numbers on hover.

    Args:
        frame: Columns of x, series, value, low and high.
        x: The horizontal axis with its title and unit.
        y_title: What is drawn, with its unit.
        palette: Series to color.
        tooltip: What a point tells beside its interval.
        y_scale: Of the vertical axis; linear from 0 unless given.
    """
    color = colors(palette)
    base = alt.Chart(frame).encode(x=x, color=color)
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


def upright(at: float, x: str, text: str, *, to_the_left: bool = False) -> alt.LayerChart:
    """Draw a dashed line at a place on the horizontal axis, with its name on top."""
    align: Literal["left", "right"] = "right" if to_the_left else "left"
    aside = -4 if to_the_left else 4
    frame = pd.DataFrame([{x: at, "name": text}])
    base = alt.Chart(frame).encode(x=f"{x}:Q")
    rule = base.mark_rule(strokeDash=[5, 4], color=GRAY, strokeWidth=1.5)
    label = base.mark_text(align=align, dx=aside, dy=8, color=GRAY, fontSize=12).encode(
        y=alt.value(0), text="name:N"
    )
    return over(rule, label)


def level(at: float, y: str, text: str) -> alt.LayerChart:
    """Draw a dashed line at a height, with its name at the left."""
    frame = pd.DataFrame([{y: at, "name": text}])
    base = alt.Chart(frame).encode(y=f"{y}:Q")
    rule = base.mark_rule(strokeDash=[5, 4], color=RED, strokeWidth=1.5)
    label = base.mark_text(align="left", dx=4, dy=-7, color=RED, fontSize=12).encode(
        x=alt.value(0), text="name:N"
    )
    return over(rule, label)


def show(chart: alt.LayerChart | alt.Chart, alt_text: str, *, height: int = 340) -> None:
    """Draw a chart across the page, with a sentence for those who do not see it."""
    st.altair_chart(chart.properties(height=height), width="stretch", alt=alt_text)


def show_rows(chart: alt.LayerChart | alt.Chart, alt_text: str, *, step: int = ROW) -> None:
    """Draw a chart with one row for each name, as high as its rows need."""
    st.altair_chart(chart.properties(height=alt.Step(step)), width="stretch", alt=alt_text)


def picture(chart: alt.LayerChart | alt.Chart, *, rows: int | None = None) -> Callable[[], bytes]:
    """Return what draws a chart as PNG, once asked to; one of rows is as high as they need."""

    def draw() -> bytes:
        stream = io.BytesIO()
        height: int | alt.Step = PNG_HEIGHT if rows is None else alt.Step(rows)
        sized = chart.properties(width=PNG_WIDTH, height=height)
        sized.save(stream, format="png", ppi=PNG_PPI)
        return stream.getvalue()

    return draw
