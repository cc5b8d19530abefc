"""Plans as a table and as a chart of cost."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

import fluxcost as fc

from . import charts

API = "API"
COLORS = {
    "measured": "#0b5cad",
    "imported": "#2b7bc4",
    "interpolated": "#4f97d3",
    "extrapolated": "#78b0de",
    "transferred": "#9cc5e6",
    "published": "#bcd7ee",
    "assumed": "#d5d5d5",
    API: "#9a9a9a",
}
"""The weaker the timing, the paler; the same source has one color on every page."""
DRAWN = ("label", "mode", "timing", "total", "total_low", "total_high", "priced_as_of")
"""Columns that the chart shows."""
INTERVAL = "#d9822b"
"""Seen on a bar, on white and on black."""


def frame_of(plans: fc.Plans) -> pd.DataFrame:
    """Return one row per plan with its rank, its label and, for an API, words instead of None."""
    frame = plans.to_frame()
    rank = range(1, len(frame) + 1)
    frame.insert(0, "rank", rank)
    frame["label"] = [
        f"{number}. {option}" for number, option in zip(rank, frame["option"], strict=True)
    ]
    frame["timing"] = frame["timing_source"].fillna(API)
    return frame


def ranked(frame: pd.DataFrame, unit: str) -> None:
    """Show the plans in order; columns can be sorted by."""
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        "rank": number("#", width=40),
        "option": "Option",
        "mode": "How",
        "gpus": number("GPUs"),
        "total": number(unit, format="%.2f"),
        "total_low": number("Low, 5 %", format="%.2f"),
        "total_high": number("High, 95 %", format="%.2f"),
        "usd_per_image": number("USD/image", format="%.6f"),
        "timing": "Timing",
        "priced_as_of": "Price date, grade",
        "price_source": "Price",
        "calibration": "Timed on",
        "hours": number("Hours each", format="%.2f"),
        "batch": number("Batch"),
        "latency": number("A call, s", format="%.3f"),
    }
    st.dataframe(
        frame[list(columns)],
        column_config=columns,
        hide_index=True,
        width="stretch",
        height="content",
    )


def cost_chart(frame: pd.DataFrame, unit: str) -> charts.Drawing:
    """Return the total of each plan as a bar, its interval as a line over it."""
    present = tuple(timing for timing in COLORS if timing in set(frame["timing"]))
    return charts.Drawing(_drawn(unit, present), {charts.ROWS: frame[list(DRAWN)]})


@charts.drawn_once
def _drawn(unit: str, timings: tuple[str, ...]) -> alt.LayerChart:
    label = alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=190))
    tooltip = [
        alt.Tooltip("label:N", title="plan"),
        alt.Tooltip("mode:N", title="how"),
        alt.Tooltip("total:Q", title=unit, format=",.2f"),
        alt.Tooltip("total_low:Q", title="low", format=",.2f"),
        alt.Tooltip("total_high:Q", title="high", format=",.2f"),
        alt.Tooltip("priced_as_of:N", title="priced"),
    ]
    scale = alt.Scale(domain=list(timings), range=[COLORS[timing] for timing in timings])
    # Upright, since a phone has no room for names side by side.
    legend = alt.Legend(orient="top", direction="vertical")
    plans = charts.of().encode(y=label, tooltip=tooltip)
    bars = plans.mark_bar().encode(
        x=alt.X("total:Q", title=unit),
        color=alt.Color("timing:N", title="Timing", scale=scale, legend=legend),
    )
    lines = plans.mark_rule(strokeWidth=2, color=INTERVAL).encode(
        x="total_low:Q", x2="total_high:Q"
    )
    return charts.over(bars, lines)


def rejected(plans: fc.Plans) -> None:
    """List what was turned down, with the rule it broke."""
    rows = pd.DataFrame([item.to_dict() for item in plans.rejected])
    columns: dict[str, Any] = {"candidate": "Candidate", "constraint": "Broke", "reason": "Reason"}
    st.dataframe(rows, column_config=columns, hide_index=True, width="stretch")
