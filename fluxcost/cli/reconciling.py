"""Did it cost what was planned? `fluxcost reconcile`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.cli.risk import Timings, plan_named
from fluxcost.units import percent, seconds, significant, usd


def reconcile(
    *,
    plan: Annotated[str, typer.Option(help="WORKLOAD.yaml, its best plan, or WORKLOAD#OPTION.")],
    bill: Annotated[Path, typer.Option(help="FOCUS CSV of the month.")],
    requests: Annotated[
        Path, typer.Option(help="CSV of calls: images, gpu_s (GPU seconds), accepted.")
    ],
    prices: options.Prices = None,
    calibration: Timings = None,
    json: options.Json = False,
) -> None:
    """A month's bill and request log against the plan."""
    catalog = fc.load_catalog(prices)
    timed = [fc.load_calibration(name) for name in calibration] if calibration else None
    result = fc.reconcile(
        fc.load_workload(plan.partition("#")[0]),
        plan_named(plan, catalog, timed),
        bill=bill,
        requests=requests,
        catalog=catalog,
        calibrations=timed or (),
    )
    if json:
        show_json(result.to_dict())
        return
    rows = {
        "USD a GPU-hour": [usd(month.usd_per_gpu_hour) for month in (result.planned, result.real)],
        "images": [significant(month.images, 6) for month in (result.planned, result.real)],
        "GPU time of an image": [seconds(month.image_s) for month in (result.planned, result.real)],
        "GPU hours paid": [significant(m.gpu_hours, 4) for m in (result.planned, result.real)],
        "utilization": [percent(month.utilization) for month in (result.planned, result.real)],
        "total": [usd(month.total_usd) for month in (result.planned, result.real)],
        "an accepted image": [
            usd(month.usd_per_accepted_image) for month in (result.planned, result.real)
        ],
    }
    show_table([{"": name, "planned": pair[0], "real": pair[1]} for name, pair in rows.items()])
    show_table(
        [{"because of": name, "USD": usd(part)} for name, part in result.variance_usd.items()]
    )
    show_text(result.sentence)
    for warning in result.warnings:
        show_text(f"Look again: {warning}.")
