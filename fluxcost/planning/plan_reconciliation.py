"""The planned side of a reconciliation: the price, seconds and hours a plan assumes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from fluxcost.capacity.demand import demand_of
from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.reconcile import Bought, Month, Reconciliation, read_month, reconciled
from fluxcost.errors import InputError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.planning.plans import Plan
from fluxcost.planning.rental_sizing import image_seconds
from fluxcost.workload.workload import Workload


def reconcile(
    workload: Workload,
    plan: Plan,
    *,
    bill: Path | str | Iterable[Path | str],
    requests: Path | str,
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] = (),
) -> Reconciliation:
    """Return a month's bill and request log beside the plan they were to follow.

    Where the plan sends to an API what its GPUs cannot answer in time, usage that the bills count
    in images is the API's, and both components are compared.

    Args:
        workload: What the plan is for.
        plan: A plan that rents GPUs.
        bill: FOCUS CSV of the month, or several: of who rents the GPUs out and of the API.
        requests: CSV of the GPUs' calls, with `images`, `gpu_s` and `accepted`.
        catalog: Prices the plan was made with; the shipped ones unless given.
        calibrations: Timings the plan was made with, where they are not shipped.

    Raises:
        InputError: The plan buys from an API alone, or a cell of a file is wrong.
        DocumentError: A file cannot be read or lacks a column.
        MissingDataError: The bill holds no GPU time, or the log no image.
    """
    if plan.hours is None or plan.calibration is None or plan.batch is None:
        raise InputError(f"plan {plan.option} buys from an API; reconcile one that rents GPUs.")
    demand = None if workload.arrivals is None else demand_of(workload)
    images = workload.images if demand is None else demand.images_per_month
    mix = workload.mix if demand is None else demand.mix
    offer = (catalog or load_catalog()).offer(plan.option)
    own, *others = plan.components
    api = Bought(
        images=images * sum(component.share for component in others),
        usd=sum(component.total.value for component in others),
    )
    timed = _fitted(plan.calibration, calibrations)
    planned = Month(
        usd_per_gpu_hour=offer.usd_per_gpu_hour,
        images=images * own.share,
        image_s=image_seconds(timed, mix, plan.batch).value,
        gpu_hours=_gpu_hours(plan, plan.hours.value, offer.usd_per_gpu_hour),
        other_usd=0.0,
        accepted=images * own.share,
    )
    bills = [bill] if isinstance(bill, Path | str) else list(bill)
    paths = [Path(each) for each in bills]
    real, bought = read_month(paths, Path(requests), offer.gpu_count, with_api=bool(others))
    return reconciled(planned, real, api, bought)


def _fitted(name: str, calibrations: Iterable[Calibration]) -> Fit:
    own = {calibration.alias: calibration for calibration in calibrations}
    return fit(own.get(name.removeprefix("published/")) or load_calibration(name))


def _gpu_hours(plan: Plan, hours: float, usd_per_gpu_hour: float) -> float:
    """Return the GPU hours of the rented component, which must cost what the component does."""
    total_usd, gpu_hours = plan.components[0].total.value, hours * plan.gpus
    if not math.isclose(gpu_hours * usd_per_gpu_hour, total_usd, rel_tol=1e-6):
        raise InputError(
            f"plan {plan.option} costs {total_usd:.2f} USD and the catalog's price makes "
            f"{gpu_hours * usd_per_gpu_hour:.2f}; give the catalog it was made with."
        )
    return gpu_hours
