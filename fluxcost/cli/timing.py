"""How fast: `fluxcost latency` and `fluxcost validate`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json, show_table, show_text
from fluxcost.evidence.folds import HeldOut
from fluxcost.evidence.validation import CellError, validate_all
from fluxcost.units import interval, percent, seconds


class Statistic(StrEnum):
    """Which number of the distribution of calls."""

    MEDIAN = "median"
    MEAN = "mean"
    P95 = "p95"
    P99 = "p99"


def latency(
    *,
    calibration: options.Calibration,
    width: options.Width = 1024,
    height: options.Height = 1024,
    steps: options.Steps = 4,
    batch: options.Batch = 1,
    statistic: Annotated[Statistic, typer.Option(help="Of the calls.")] = Statistic.MEDIAN,
    json: options.Json = False,
) -> None:
    """Seconds of one call on an idle GPU."""
    shape = fc.Shape(width, height, steps)
    fitted = fc.fit(fc.load_calibration(calibration))
    estimate = fitted.latency(shape, batch=batch, statistic=statistic.value)
    if json:
        show_json(estimate.to_dict())
        return
    show_fields(
        {
            "call": f"{shape}, batch {batch}",
            str(statistic): interval(estimate),
            "level": percent(estimate.level),
            "source": str(estimate.source),
            "evidence": "; ".join(estimate.evidence),
        }
    )


def validate(
    *,
    calibration: Annotated[
        str | None, typer.Argument(help="Alias or path; every measured one unless given.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Errors of the fit on cells held out of it."""
    if calibration is not None:
        names = [calibration]
    else:
        names = [entry.alias for entry in fc.shipped_calibrations() if entry.source != "published"]
    reports = [report for name in names for report in validate_all(fc.load_calibration(name))]
    if json:
        show_json({"reports": [report.to_dict() for report in reports]})
        return
    for report in reports:
        if report.held_out is HeldOut.GROUP:
            show_table([_cell_row(cell) for cell in report.cells])
        for refusal in report.refusals:
            show_text(f"refused: {refusal.cell}: {refusal.reason}")
        show_text(
            f"{report.calibration}, {_LEFT_OUT[report.held_out]} ({report.folds}): median error "
            f"{percent(report.median_error)}, 95th percentile {percent(report.p95_error)}, "
            f"{percent(report.coverage)} of cells inside their 90 % interval, whose median "
            f"half-width is {percent(report.median_half_width)}."
        )


_LEFT_OUT = {
    HeldOut.GROUP: "each size and batch left out of all runs",
    HeldOut.GROUP_IN_RUN: "each size and batch left out of its own run",
    HeldOut.RUN: "each run left out",
}


def _cell_row(cell: CellError) -> dict[str, str]:
    return {
        "cell": cell.cell,
        "measured": seconds(cell.measured_s),
        "predicted": seconds(cell.predicted_s),
        "low": seconds(cell.low_s),
        "high": seconds(cell.high_s),
        "error": percent(cell.relative_error),
        "covered": "yes" if cell.covered else "no",
        "source": cell.source,
    }
