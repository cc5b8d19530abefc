"""Draw docs/images/answer.svg, the picture the README opens with: python scripts/answer_picture.py.

The cheapest ways to make the catalog of examples/ecommerce_catalog.yaml, each bill with its
interval: the plan of that example, drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import altair as alt
import pandas as pd

import fluxcost as fc

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "answer.svg"
TODAY = dt.date(2026, 11, 24)
WAYS = 8
"""GPU offers shown; the cheapest API comes below them."""

BLUE, GRAY, INK = "#1f6feb", "#8b949e", "#24292f"


def ways() -> list[fc.Plan]:
    """Return the cheapest ways to rent, and the cheapest API."""
    workload = fc.load_workload(ROOT / "examples" / "ecommerce_catalog.yaml")
    leaders = fc.plan(workload, today=TODAY).leaders
    rented = [plan for plan in leaders if plan.gpus][:WAYS]
    return [*rented, *[plan for plan in leaders if not plan.gpus][:1]]


def label(plan: fc.Plan) -> str:
    """Return what is rented or bought."""
    if plan.hours is None:
        return f"{plan.option}, an API"
    return f"{plan.option}: {plan.gpus} GPUs for {plan.hours.value:.1f} h"


def told(plan: fc.Plan) -> str:
    """Return the bill in words."""
    return f"{plan.total:.0f} USD"


def chart(plans: Sequence[fc.Plan]) -> alt.LayerChart:
    """Return the chart: a line for each way, its interval, its bill."""
    frame = pd.DataFrame(
        {
            "way": [label(plan) for plan in plans],
            "low": [plan.total.low for plan in plans],
            "value": [plan.total.value for plan in plans],
            "high": [plan.total.high for plan in plans],
            "bill": [told(plan) for plan in plans],
            "best": [index == 0 for index in range(len(plans))],
        }
    )
    usd = alt.Scale(type="log", domain=[20, 600])
    base = alt.Chart(frame).encode(
        y=alt.Y("way:N", sort=None, title=None),
        color=alt.condition("datum.best", alt.value(BLUE), alt.value(GRAY)),
    )
    ticks = alt.Axis(values=[20, 50, 100, 200, 400], format="d", grid=False)
    lines = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", scale=usd, title="USD for the job, 90 % interval", axis=ticks), x2="high:Q"
    )
    dots = base.mark_circle(size=70, opacity=1).encode(x=alt.X("value:Q", scale=usd))
    bills = base.mark_text(align="left", dx=10, fontSize=12).encode(
        x=alt.X("high:Q", scale=usd), text="bill:N", color=alt.value(INK)
    )
    whole: alt.LayerChart = (lines + dots + bills).properties(
        width=420,
        height=alt.Step(26),
        title=alt.Title(
            "200,000 product pictures of 1024x1024, ready in 8 hours",
            anchor="start",
            fontSize=15,
        ),
    )
    return whole


def svg() -> str:
    """Return the picture."""
    import vl_convert

    drawn = chart(ways()).configure(
        background="white",
        padding=12,
        axis=alt.AxisConfig(labelLimit=360, labelFontSize=12, labelColor=INK, titleColor=INK),
        view=alt.ViewConfig(stroke=None),
    )
    return str(vl_convert.vegalite_to_svg(drawn.to_json()))


if __name__ == "__main__":
    PICTURE.write_text(svg(), "utf-8")
