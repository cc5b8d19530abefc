"""A report as CSV: one row per plan, stack and rejected candidate, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from fluxcost.planning.plans import Plan
from fluxcost.planning.report.content import ReportContent

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
    for row in _rows(report):
        writer.writerow({name: _safe(value) for name, value in row.items()})
    return stream.getvalue()


def _rows(report: ReportContent) -> Iterator[dict[str, object]]:
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
