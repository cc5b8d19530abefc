"""How fast: `fluxcost latency`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json
from fluxcost.units import interval, percent


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
    references: options.References = 0,
    batch: options.Batch = 1,
    statistic: Annotated[Statistic, typer.Option(help="Of the calls.")] = Statistic.MEDIAN,
    json: options.Json = False,
) -> None:
    """Seconds of one call on an idle GPU."""
    shape = fc.Shape(width, height, steps, references)
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
