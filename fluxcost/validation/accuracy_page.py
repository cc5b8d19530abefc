"""The accuracy page: every check of every record, as Markdown, beside what others state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxcost.planning.text_table import to_markdown
from fluxcost.units import percent
from fluxcost.validation.cells import CellError, ValidationReport
from fluxcost.validation.fit_validation import Validation
from fluxcost.validation.folds import HeldOut
from fluxcost.validation.memory_and_energy import EdgeReport

COMMAND = "fluxcost validate --page docs/accuracy.md"

LEFT_OUT = {
    HeldOut.GROUP: "each size and batch",
    HeldOut.RESOLUTION: "each size, at every batch",
    HeldOut.BATCH: "each batch, at every size",
    HeldOut.GROUP_IN_RUN: "each size and batch, from its own run alone",
    HeldOut.RUN: "each run",
}

INTRODUCTION = f"""\
# Accuracy

Written by `{COMMAND}` from the shipped records; only the last section was typed in.

| column | meaning |
|---|---|
| left out | cells that were measured, left out of the fit, then predicted |
| median, 95th percentile | of the absolute relative error of a call's median seconds, over cells |
| bias | mean relative error: predicted / measured - 1 |
| inside | share of cells whose 90 % interval holds the measurement |
| half-width | median over cells of half the interval / prediction |
| between | the same over cells that lie between measured ones |
| refused | cells that the fit refuses to predict; they count in no other column |

A run is one launch of the measuring program on one machine. Rows marked *: other cells of the same
run are in the fit, so that run's offset is known and the interval excludes the between-run effect.
Users get the average over runs, with the between-run effect in the interval. Cells they would be
refused are counted as refused.
"""

OTHERS = """\
## What other planners state

These planners are for language models and predict other quantities. None of them states intervals.

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
            f"- Batch chosen from predictions ({_shapes(len(choice.choices))}): at most "
            f"{percent(choice.max_regret)} less throughput than the best batch, {verdict} the "
            f"measurement's noise ({percent(choice.noise)})."
        )
    if (bound := found.bound_choice) is not None:
        lines.append(
            f"- Batch chosen from predictions under a latency limit ({len(bound.choices)} limits, "
            f"{_shapes(len(bound.shapes))}): beyond noise, at most {percent(bound.max_regret)} "
            f"less throughput than the best batch, and {percent(bound.share_late)} of the calls "
            "over the limit."
        )
    return lines


def _shapes(count: int) -> str:
    return "1 shape" if count == 1 else f"{count} shapes"


def _unseen(found: Validation) -> list[str]:
    if found.unseen is None:
        return ["- No held-out cells are recorded for this stack yet."]
    scored = (
        ("a run in the fit", found.unseen.known_run),
        ("a run not in the fit", found.unseen.new_run),
    )
    rows = [_row(name, report) for name, report in scored if report is not None]
    table = to_markdown(("held-out cells, in no fit", *_HEADINGS), rows)
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
        f"{len(cells)} predictions of cells left out (without the rows of whole runs): "
        f"{percent(inside)} are inside their 90 % interval, whose median half-width is "
        f"{percent(_half_width(cells))}; {percent(_half_width(between))} for the {len(between)} "
        "between measured ones. A cell counts once for each row that leaves it out. Most "
        "intervals are those of rows marked *, which are narrower than what users get. These "
        "cells were used to choose the formulas and their error terms, so only held-out cells "
        "test them independently. Two formulas used held-out cells too: those measured by "
        "2026-11-28 set the cost of a partly filled tile, and the H100's memory limits set the "
        "decoder's memory when little is free.\n"
    )


def _unscored(reasons: Sequence[str]) -> str:
    return "\n".join(["## Too few cells to score", "", *(f"- {each}" for each in reasons), ""])


def _transfers(reports: Sequence[ValidationReport]) -> str:
    rows = [
        _row(f"{report.calibration} to {report.against.calibration}", report)
        for report in reports
        if report.against is not None
    ]
    intro = (
        "## Transfer to another GPU\n\nPredicted from floors, datasheet rates and the CPU's launch "
        "rate, without measurements of the target.\n\n"
    )
    worst = [
        f"- Largest error to {report.against.calibration}: {_worst(report.cells)}."
        for report in reports
        if report.against is not None
    ]
    return intro + "\n".join([*to_markdown(("from, to", *_HEADINGS), rows), "", *worst]) + "\n"


def _worst(cells: Sequence[CellError]) -> str:
    found = max(cells, key=lambda cell: abs(cell.relative_error))
    return f"{found.cell}, {percent(found.relative_error)}"
