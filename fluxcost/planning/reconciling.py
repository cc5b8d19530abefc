"""The plan's side of a reconciliation: the price, seconds and hours it counted on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.reconcile import Month, Reconciliation, read_month, reconciled
from fluxcost.errors import InputError
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import fit
from fluxcost.performance.library import load_calibration
from fluxcost.planning.plans import Plan
from fluxcost.planning.sizing import image_seconds
from fluxcost.workload import Workload


def reconcile(
    workload: Workload,
    plan: Plan,
    *,
    bill: Path | str,
    requests: Path | str,
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] = (),
) -> Reconciliation:
    """Return a month's bill and request log beside the plan they were to follow.

    Args:
        workload: What the plan is for.
        plan: A plan that rents GPUs.
        bill: FOCUS CSV of the month.
        requests: CSV of calls, with `images`, `gpu_s` and `accepted`.
        catalog: Prices the plan was made with; the shipped ones unless given.
        calibrations: Timings the plan was made with, where they are not shipped.

    Raises:
        InputError: The plan buys from an API, or a cell of a file is wrong.
        DocumentError: A file cannot be read or lacks a column.
        MissingDataError: The bill holds no GPU time, or the log no image.
    """
    if plan.hours is None or plan.calibration is None or plan.batch is None:
        raise InputError(f"plan {plan.option} buys from an API; reconcile one that rents GPUs.")
    offer = (catalog or load_catalog()).offer(plan.option)
    planned = _planned(workload, plan, offer.usd_per_gpu_hour, calibrations)
    return reconciled(planned, read_month(Path(bill), Path(requests), offer.gpu_count))


def _planned(
    workload: Workload, plan: Plan, usd_per_gpu_hour: float, calibrations: Iterable[Calibration]
) -> Month:
    assert plan.hours is not None  # noqa: S101 - checked by the caller, as are the next two
    assert plan.calibration is not None  # noqa: S101
    assert plan.batch is not None  # noqa: S101
    own = {calibration.alias: calibration for calibration in calibrations}
    timed = own.get(plan.calibration.removeprefix("published/"))
    fitted = fit(timed or load_calibration(plan.calibration))
    seconds = image_seconds(fitted, workload.mix, plan.batch).value
    hours = plan.hours.value * plan.gpus
    if not math.isclose(hours * usd_per_gpu_hour, plan.total.value, rel_tol=1e-6):
        raise InputError(
            f"plan {plan.option} costs {plan.total.value:.2f} USD and the catalog's price makes "
            f"{hours * usd_per_gpu_hour:.2f}; give the catalog it was made with."
        )
    return Month(
        usd_per_gpu_hour=usd_per_gpu_hour,
        images=workload.images,
        image_s=seconds,
        gpu_hours=hours,
        other_usd=0.0,
        accepted=workload.images,
    )
