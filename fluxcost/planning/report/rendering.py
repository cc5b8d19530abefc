"""A report as an HTML page with a chart, as Markdown, and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from fluxcost.errors import InputError
from fluxcost.planning.plans import Plan
from fluxcost.planning.report import report_tables
from fluxcost.planning.report.content import HOW_TO_REPEAT, ReportContent
from fluxcost.planning.text_table import markdown_text, to_markdown
from fluxcost.units import counted

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
    rows = list(_chart_rows(report))
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


def _chart_rows(report: ReportContent) -> Iterator[dict[str, Any]]:
    best = report.best
    yield _chart_row(best, _named(best), "chosen")
    for stack in report.stacks:
        if stack.plan is not None and stack.calibration != best.calibration:
            kind = "not accepted" if stack.refusal else "other"
            yield _chart_row(stack.plan, _named(stack.plan), kind)
    for rival in report.rivals:
        yield _chart_row(rival.plan, _named(rival.plan), "other")


def _named(plan: Plan) -> str:
    if plan.calibration is None:
        return plan.option
    return f"{plan.option}, {counted(plan.gpus, 'GPU')}, {plan.calibration.rsplit('/', 1)[-1]}"


def _chart_row(plan: Plan, name: str, kind: str) -> dict[str, Any]:
    total = plan.total
    return {
        "name": name, "kind": kind, "value": total.value, "low": total.low, "high": total.high,
    }  # fmt: skip


TEMPLATE = "page.html"


def to_html(report: ReportContent) -> str:
    """Return the page.

    Raises:
        InputError: The extra `report` is not installed.
    """
    try:
        import jinja2
        import markupsafe
    except ImportError:
        raise InputError(
            "an HTML report needs jinja2; pip install 'fluxcost[report]', or write it as .md."
        ) from None
    source = files("fluxcost.planning.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(
        report=report,
        tables=report_tables,
        how_to_repeat=HOW_TO_REPEAT,
        # Drawn by a library that escapes the names in it.
        picture=markupsafe.Markup(to_svg(report)),  # noqa: S704
    )


def to_text(report: ReportContent) -> str:
    """Return the report; names are escaped, so that none becomes a link or a tag."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: ReportContent) -> Iterator[str]:
    yield f"# {markdown_text(report.workload.name)}"
    yield from ("", f"**{markdown_text(report.headline)}**", "", markdown_text(report.best.why))
    yield from ("", markdown_text(report.made_on))
    yield from ("", "## Asked", "")
    yield from (f"- {name}: {markdown_text(text)}" for name, text in report.asked)
    yield from ("", *_table(report_tables.constraints_table(report)))
    yield from _section("Chosen", report_tables.facts_table(report))
    if report.stacks:
        yield from _section(f"Stacks on {report.stacks_on}", report_tables.stacks_table(report))
    yield from _section("Alternatives", report_tables.rivals_table(report))
    yield from _section("Why others were not considered", report_tables.losers_table(report))
    yield from ("", "## Risks", "")
    yield from (f"- {markdown_text(risk)}" for risk in report.risks)
    yield from ("", "## What would make it cheaper", "")
    yield f"What would halve the cost? {markdown_text(report.explanation.halving)}"
    if report.explanation.levers:
        yield from ("", *_table(report_tables.levers_table(report)))
    yield from ("", "## Evidence", "")
    yield from (
        f"{number}. {markdown_text(line)}" for number, line in enumerate(report.evidence, start=1)
    )
    if report.timings:
        yield from ("", *_table(report_tables.timings_table(report)))
    yield from ("", *_table(report_tables.prices_table(report)))
    yield from ("", "## Recipe", "", markdown_text(HOW_TO_REPEAT), "")
    yield from ("```json", report.recipe, "```")


def _section(title: str, table: report_tables.ReportTable) -> Iterator[str]:
    yield from ("", f"## {markdown_text(title)}", "", *_table(table))


def _table(table: report_tables.ReportTable) -> list[str]:
    rows = ([markdown_text(text) for text in row] for row in table.rows)
    return to_markdown(table.titles, rows)


COLUMNS = (
    "kind", "option", "mode", "gpu", "gpus", "calibration", "batch", "unit", "total", "total_low",
    "total_high", "usd_per_image", "usd_per_image_low", "usd_per_image_high", "answer_s",
    "answer_low_s", "answer_high_s", "timing_source", "price_source", "priced_as_of", "reason",
)  # fmt: skip

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet run a cell (OWASP, CSV injection)."""


def to_csv(report: ReportContent) -> str:
    """Return the rows; `answer_s` is the response where requests arrive, else a call."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in _csv_rows(report):
        writer.writerow({name: _safe(value) for name, value in row.items()})
    return stream.getvalue()


def _csv_rows(report: ReportContent) -> Iterator[dict[str, object]]:
    yield _plan("chosen", report.best, report.best.why)
    for rival in report.rivals:
        yield _plan("alternative", rival.plan, rival.reason)
    for stack in report.stacks:
        reason = stack.refusal or ""
        if stack.plan is not None:
            yield _plan("stack", stack.plan, reason)
        else:
            yield {"kind": "stack", "calibration": stack.calibration, "reason": reason}
    for losers in report.losers:
        for each in losers.found:
            yield {
                "kind": "rejected",
                "option": each.candidate,
                "reason": f"{losers.constraint}: {each.reason}",
            }


def _plan(kind: str, plan: Plan, reason: str) -> dict[str, object]:
    answer = plan.serving.response if plan.serving else plan.latency
    cost = plan.usd_per_image
    row: dict[str, object] = {
        "kind": kind,
        "option": plan.option,
        "mode": plan.mode,
        "gpu": plan.gpu,
        "gpus": plan.gpus,
        "calibration": plan.calibration,
        "batch": plan.batch,
        "unit": plan.total.unit,
        "total": plan.total.value,
        "total_low": plan.total.low,
        "total_high": plan.total.high,
        "usd_per_image": cost.value,
        "usd_per_image_low": cost.low,
        "usd_per_image_high": cost.high,
        "timing_source": plan.timing_source,
        "price_source": plan.price_source,
        "priced_as_of": plan.priced_as_of,
        "reason": reason,
    }
    if answer is not None:
        row |= {"answer_s": answer.value, "answer_low_s": answer.low, "answer_high_s": answer.high}
    return row


def _safe(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
