"""A report as Markdown, which tickets and wikis take."""

from __future__ import annotations

from collections.abc import Iterator

from fluxcost.planning.report import tables
from fluxcost.planning.report.content import HOW_TO_REPEAT, ReportContent
from fluxcost.planning.tables import markdown_text, to_markdown


def to_text(report: ReportContent) -> str:
    """Return the report; names are escaped, so that none becomes a link or a tag."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: ReportContent) -> Iterator[str]:
    yield f"# {markdown_text(report.workload.name)}"
    yield from ("", f"**{markdown_text(report.headline)}**", "", markdown_text(report.best.why))
    yield from ("", markdown_text(report.made_on))
    yield from ("", "## Asked", "")
    yield from (f"- {name}: {markdown_text(text)}" for name, text in report.asked)
    yield from ("", *_table(tables.constraints_table(report)))
    yield from _section("Chosen", tables.facts_table(report))
    if report.stacks:
        yield from _section(f"Stacks on {report.stacks_on}", tables.stacks_table(report))
    yield from _section("Alternatives", tables.rivals_table(report))
    yield from _section("Why others were not considered", tables.losers_table(report))
    yield from ("", "## Risks", "")
    yield from (f"- {markdown_text(risk)}" for risk in report.risks)
    yield from ("", "## What would make it cheaper", "")
    yield f"What would halve the cost? {markdown_text(report.explanation.halving)}"
    if report.explanation.levers:
        yield from ("", *_table(tables.levers_table(report)))
    yield from ("", "## Evidence", "")
    yield from (
        f"{number}. {markdown_text(line)}" for number, line in enumerate(report.evidence, start=1)
    )
    if report.timings:
        yield from ("", *_table(tables.timings_table(report)))
    yield from ("", *_table(tables.prices_table(report)))
    yield from ("", "## Recipe", "", markdown_text(HOW_TO_REPEAT), "")
    yield from ("```json", report.recipe, "```")


def _section(title: str, table: tables.Table) -> Iterator[str]:
    yield from ("", f"## {markdown_text(title)}", "", *_table(table))


def _table(table: tables.Table) -> list[str]:
    rows = ([markdown_text(text) for text in row] for row in table.rows)
    return to_markdown(table.titles, rows)
