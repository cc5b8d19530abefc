"""How fast: `fluxcost latency`."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json
from fluxcost.estimate import interval
from fluxcost.units import percent
from fluxcost.workload.shape import parse_shape


class Statistic(StrEnum):
    """Which number of the distribution of calls."""

    MEDIAN = "median"
    MEAN = "mean"
    P95 = "p95"
    P99 = "p99"


def latency(
    *,
    calibration: options.Calibration,
    shape: options.Shape = options.SHAPE,
    references: options.References = 0,
    batch: options.Batch = 1,
    statistic: Annotated[
        Statistic, typer.Option(help="Statistic over repeated calls.")
    ] = Statistic.MEDIAN,
    gpus_per_image: options.GpusPerImage = 1,
    json: options.Json = False,
) -> None:
    """Seconds of one call on an idle GPU."""
    asked = replace(parse_shape(shape), reference_images=references)
    fitted = fc.fit(fc.load_calibration(calibration))
    timed = fitted if gpus_per_image == 1 else fitted.context_parallel(gpus_per_image)
    estimate = timed.latency(asked, batch=batch, statistic=statistic.value)
    if json:
        show_json("latency", estimate.to_dict())
        return
    show_fields(
        {
            "call": f"{asked}, batch {batch}",
            **_gain(timed, asked, batch),
            str(statistic): interval(estimate),
            "level": percent(estimate.level),
            "source": str(estimate.source),
            "evidence": "; ".join(estimate.evidence),
        }
    )


def _gain(timed: fc.Fit | fc.ContextParallelFit, shape: fc.Shape, batch: int) -> dict[str, str]:
    """Return what several GPUs gain on one image, and at what price; nothing for one GPU."""
    if isinstance(timed, fc.Fit):
        return {}
    gain = timed.gain(shape, batch)
    price = gain.scaled(timed.gpus_per_image, "")
    note = f"{interval(gain)} of one GPU's time, at {interval(price)} times its price"
    return {f"{timed.gpus_per_image} GPUs": note}
