"""The accuracy page: every check of every record, as Markdown, beside what others state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxcost.evidence.folds import HeldOut
from fluxcost.evidence.memory_edge import EdgeReport
from fluxcost.evidence.report import CellError, ValidationReport
from fluxcost.evidence.validation import Validation
from fluxcost.planning.tables import to_markdown
from fluxcost.units import percent

COMMAND = "fluxcost validate --page docs/accuracy.md"

LEFT_OUT = {
    HeldOut.GROUP: "each size and batch",
    HeldOut.RESOLUTION: "each size, at every batch",
    HeldOut.BATCH: "each batch, at every size",
    HeldOut.GROUP_IN_RUN: "each size and batch, of its own start",
    HeldOut.RUN: "each start",
}

INTRODUCTION = f"""\
# Accuracy

Written by `{COMMAND}` from the records that ship; nothing here is typed in but the last section.

An error is predicted over measured, less 1, of the median seconds of a whole call. *Left out* means
measured, kept from the fit, then predicted. *Inside* is the share of cells whose 90 % interval
holds what was measured; *half-width* is the median over cells of half the interval over its middle,
and *between* the same over cells that lie between measured ones. A cell the fit refuses is counted
as refused and nowhere else.

Marked *, cells are of starts of the measuring program of which the fit knows others, and each is
predicted for the start that timed it: the interval then leaves out what another start, machine or
set of weights adds, which such cells cannot show. What users get is for the middle of all starts
and always holds it; of a record of several starts, a cell that users are refused counts as refused.
"""

OTHERS = """\
## What others state for themselves

Of language models, and not of the same quantities; nobody found states intervals, so there is no
column for them.

| planner | states | users report |
|---|---|---|
| Vidur | under 9 % | off by 700 % (its issue 60) |
| BLIS | 6.7 % median end-to-end, 9.2 % of the 99th percentile, 36 runs left out | |
| aiconfigurator | 2 to 5 % median, 90th percentile 8 to 16 %, operators left out | 45 % mean \
error of the first token (its issue 1205), 30 % and more (issue 1396) |
"""


def accuracy_page(
    found: Sequence[Validation],
    transfers: Sequence[ValidationReport] = (),
    unscored: Sequence[str] = (),
) -> str:
    """Return the page.

    Args:
        found: Every check of each record.
        transfers: One record's fit on another GPU's or model's cells.
        unscored: Why each record that is not in `found` cannot be scored, a sentence each.
    """
    parts = [INTRODUCTION, _pooled(found), *map(record_section, found)]
    if unscored:
        parts.append(_unscored(unscored))
    if transfers:
        parts.append(_transfers(transfers))
    return "\n".join([*parts, OTHERS])


def record_section(found: Validation) -> str:
    """Return the section of one record."""
    first = found.reports[0]
    lines = [f"## {first.calibration}", "", f"Record `{first.content_hash[:12]}`.", ""]
    rows = [_row(LEFT_OUT[report.held_out], report) for report in found.reports if report.held_out]
    lines += to_markdown(("left out", *_HEADINGS), rows)
    lines += ["", *_resources(found), *_unseen(found)]
    return "\n".join(lines) + "\n"


_HEADINGS = (
    "cells", "median", "95th percentile", "bias", "inside", "half-width", "between", "refused",
)  # fmt: skip


def _row(name: str, report: ValidationReport) -> tuple[str, ...]:
    between = [cell for cell in report.cells if cell.source == "interpolated"]
    return (
        name + (" *" if report.same_run else ""),
        str(len(report.cells)),
        percent(report.median_error),
        percent(report.p95_error),
        percent(report.bias),
        percent(report.coverage),
        percent(report.median_half_width),
        percent(_half_width(between)) if between else "",
        str(len(report.refusals)),
    )


def _half_width(cells: Sequence[CellError]) -> float:
    widths = [(cell.high_s - cell.low_s) / 2 / cell.predicted_s for cell in cells]
    return float(np.median(widths))


def _resources(found: Validation) -> list[str]:
    lines = [
        f"- {each.quantity.capitalize()} of each size and batch left out: median "
        f"{percent(each.median_error)}, worst {percent(each.max_error)}, "
        f"{percent(each.coverage)} of {len(each.cells)} cells inside."
        for each in found.resources
    ]
    if (choice := found.batch_choice) is not None:
        verdict = "within" if choice.within_noise else "beyond"
        lines.append(
            f"- The batch chosen without having measured it ({_shapes(len(choice.choices))}): at "
            f"most {percent(choice.max_regret)} of the throughput lost, {verdict} the "
            f"measurement's noise ({percent(choice.noise)})."
        )
    if (bound := found.bound_choice) is not None:
        lines.append(
            f"- The batch chosen so under a bound on the latency ({len(bound.choices)} bounds, "
            f"{_shapes(len(bound.shapes))}): at most {percent(bound.max_regret)} of the throughput "
            f"lost beyond noise, {percent(bound.share_late)} of the calls late beyond it."
        )
    return lines


def _shapes(count: int) -> str:
    return "1 shape" if count == 1 else f"{count} shapes"


def _unseen(found: Validation) -> list[str]:
    if found.unseen is None:
        return ["- No cells that no fit ever sees are recorded for this stack yet."]
    scored = (
        ("a start the fit knows", found.unseen.known_start),
        ("a start it does not know", found.unseen.new_start),
    )
    rows = [_row(name, report) for name, report in scored if report is not None]
    table = to_markdown(("cells no fit ever sees", *_HEADINGS), rows)
    return ["", *table, "", *map(_edge, found.unseen.edges)]


def _edge(edge: EdgeReport) -> str:
    refused = f" and {edge.refused} did not" if edge.refused else ""
    worst = (
        f", peaks at most {percent(edge.worst_peak_error)} off"
        if edge.worst_peak_error is not None
        else ""
    )
    return (
        f"- Memory at {edge.size}: batch {edge.ran} ran{refused}; {edge.predicted} was "
        f"predicted{worst}; `largest_batch` answers {edge.answered}, with "
        f"{percent(edge.margin)} left free."
    )


def _pooled(found: Sequence[Validation]) -> str:
    cells = [
        cell
        for each in found
        for report in each.reports
        if report.held_out is not HeldOut.RUN
        for cell in report.cells
    ]
    between = [cell for cell in cells if cell.source == "interpolated"]
    inside = float(np.mean([cell.covered for cell in cells]))
    return (
        "## Intervals, all records together\n\n"
        f"{len(cells)} predictions of cells left out (whole starts apart): {percent(inside)} are "
        f"inside their 90 % interval, whose median half-width is {percent(_half_width(cells))}; "
        f"{percent(_half_width(between))} for the {len(between)} between measured ones. "
        "A cell counts once for each way it was left out, and most intervals are those marked *, "
        "narrower than what users get. The formulas and their errors were chosen by looking at "
        "these cells; only cells that no fit ever sees can judge them afresh. Of those, the ones "
        "measured by 2026-11-28 suggested what a ragged tile costs, and the H100's memory edges "
        "what a decoder makes do with.\n"
    )


def _unscored(reasons: Sequence[str]) -> str:
    return "\n".join(["## Too few cells to score", "", *(f"- {each}" for each in reasons), ""])


def _transfers(reports: Sequence[ValidationReport]) -> str:
    rows = [
        _row(f"{report.calibration} to {report.against.calibration}", report)
        for report in reports
        if report.against is not None
    ]
    intro = "## To a GPU that the fit never saw\n\nBy floors, datasheet rates and launch pace.\n\n"
    worst = [
        f"- Worst to {report.against.calibration}: {_worst(report.cells)}."
        for report in reports
        if report.against is not None
    ]
    return intro + "\n".join([*to_markdown(("from, to", *_HEADINGS), rows), "", *worst]) + "\n"


def _worst(cells: Sequence[CellError]) -> str:
    found = max(cells, key=lambda cell: abs(cell.relative_error))
    return f"{found.cell}, {percent(found.relative_error)}"
