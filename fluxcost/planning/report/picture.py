"""The one picture of a report: what each plan may cost, as SVG."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fluxcost.errors import InputError
from fluxcost.planning.plans import Plan
from fluxcost.units import counted

if TYPE_CHECKING:
    from fluxcost.planning.report.content import ReportContent

WIDTH, ROW = 400, 38
"""Pixels as drawn: about a phone's width, so that scaling down leaves letters readable."""

CHOSEN, OTHER, REFUSED = "#3b82c4", "#8c8c8c", "#d9822b"
"""Each stands out from white and from black."""

TEXT = "currentColor"
"""Letters and lines take the page's color, light or dark."""


def to_svg(report: ReportContent) -> str:
    """Return dots with their 90 % intervals: the chosen plan, other stacks, other ways to buy.

    Raises:
        InputError: The extra `report` is not installed.
    """
    try:
        import altair as alt
        import vl_convert
    except ImportError:
        raise InputError(
            "an HTML report needs altair and vl-convert-python; pip install 'fluxcost[report]', or "
            "write it as .md."
        ) from None
    rows = list(_rows(report))
    order = [row["name"] for row in rows]
    kinds = {"chosen": CHOSEN, "other": OTHER, "not accepted": REFUSED}
    shown = {name: color for name, color in kinds.items() if any(r["kind"] == name for r in rows)}
    x_title = report.best.total.unit
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("name:N", sort=order, axis=None),
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=list(shown), range=list(shown.values())),
            legend=alt.Legend(orient="top", title=None, labelColor=TEXT),
        ),
    )
    x = alt.X("value:Q", title=f"{x_title}, 90 % interval", scale=alt.Scale(zero=True))
    dots = base.mark_circle(size=90, opacity=1).encode(x=x)
    spans = base.mark_rule(strokeWidth=3).encode(x="low:Q", x2="high:Q")
    names = base.mark_text(align="left", baseline="bottom", dy=-6, fontSize=12).encode(
        x=alt.value(0), text="name:N", color=alt.value(TEXT)
    )
    chart = (
        alt.LayerChart(layer=[spans, dots, names])
        .properties(width=WIDTH, height=alt.Step(ROW), background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=TEXT, titleColor=TEXT, domainColor=TEXT, tickColor=TEXT,
            grid=False, labelFontSize=12, titleFontSize=12, titleFontWeight="normal", tickCount=5,
        )
    )  # fmt: skip
    svg: str = vl_convert.vegalite_to_svg(json.loads(chart.to_json()))
    return svg


def _rows(report: ReportContent) -> Iterator[dict[str, Any]]:
    best = report.best
    yield _row(best, _named(best), "chosen")
    for stack in report.stacks:
        if stack.plan is not None and stack.calibration != best.calibration:
            kind = "not accepted" if stack.refusal else "other"
            yield _row(stack.plan, _named(stack.plan), kind)
    for rival in report.rivals:
        yield _row(rival.plan, _named(rival.plan), "other")


def _named(plan: Plan) -> str:
    if plan.calibration is None:
        return plan.option
    return f"{plan.option}, {counted(plan.gpus, 'GPU')}, {plan.calibration.rsplit('/', 1)[-1]}"


def _row(plan: Plan, name: str, kind: str) -> dict[str, Any]:
    total = plan.total
    return {
        "name": name, "kind": kind, "value": total.value, "low": total.low, "high": total.high,
    }  # fmt: skip
