"""Did it cost what was planned? `fluxcost reconcile`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.economics.reconcile import Reconciliation
from fluxcost.units import percent, seconds, significant, usd


def reconcile(
    *,
    plan: Annotated[
        str,
        typer.Option(
            help="WORKLOAD.yaml for its best plan, WORKLOAD.yaml#OPTION, or "
            "WORKLOAD.yaml#OPTION:overflow."
        ),
    ],
    bill: Annotated[
        list[Path],
        typer.Option(help="Bill of the month as FOCUS CSV; repeatable, for GPUs and API."),
    ],
    requests: Annotated[
        Path,
        typer.Option(help="CSV of the calls on the GPUs: images, gpu_s (GPU seconds), accepted."),
    ],
    prices: options.Prices = None,
    calibration: options.Calibrations = None,
    json: options.Json = False,
) -> None:
    """Compare a month's bill and request log with the plan."""
    catalog = fc.load_catalog(prices)
    timed = options.calibrations_of(calibration)
    result = fc.reconcile(
        fc.load_workload(plan.partition("#")[0]),
        options.plan_named(plan, catalog, timed),
        bill=bill,
        requests=requests,
        catalog=catalog,
        calibrations=timed or (),
    )
    if json:
        show_json("reconciliation", result.to_dict())
        return
    show_table([{"": name, "planned": a, "real": b} for name, (a, b) in _rows(result)])
    show_table(
        [{"because of": name, "USD": usd(part)} for name, part in result.variance_usd.items()]
    )
    show_text(result.sentence)
    for warning in result.warnings:
        show_text(f"Check: {warning}.")


def _rows(result: Reconciliation) -> Iterator[tuple[str, tuple[str, str]]]:
    planned, real = result.planned, result.real
    yield "USD a GPU-hour", (usd(planned.usd_per_gpu_hour), usd(real.usd_per_gpu_hour))
    yield "images of the GPUs", (significant(planned.images, 6), significant(real.images, 6))
    yield "GPU time of an image", (seconds(planned.image_s), seconds(real.image_s))
    yield "GPU hours paid", (significant(planned.gpu_hours, 4), significant(real.gpu_hours, 4))
    yield "utilization", (percent(planned.utilization), percent(real.utilization))
    if result.planned_api.images:
        meant, bought = result.planned_api, result.real_api
        yield "images of the API", (significant(meant.images, 6), significant(bought.images, 6))
        yield "share of the API", (percent(meant.share_of(planned)), percent(bought.share_of(real)))
        yield "for the API", (usd(meant.usd), usd(bought.usd))
    yield "total", (usd(result.planned_usd), usd(result.real_usd))
    yield (
        "an accepted image",
        (usd(result.planned_usd_per_accepted_image), usd(result.real_usd_per_accepted_image)),
    )
