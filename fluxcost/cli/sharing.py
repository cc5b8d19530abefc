"""What several workloads would pay for one fleet: `fluxcost plan A.yaml B.yaml --shared`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import fluxcost as fc
from fluxcost.capacity.serving import Served
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.planning.allocation import Allocation
from fluxcost.planning.tables import plan_rows
from fluxcost.units import interval, percent, usd

CENT = 0.005
"""Half a cent: a difference under it is none."""


class IdleBy(StrEnum):
    """How the cost of idle time is shared."""

    USE = "use"
    ALONE = "alone"
    EQUAL = "equal"


def show_shared(
    workloads: Sequence[Path],
    catalog: fc.Catalog,
    timed: list[fc.Calibration] | None,
    *,
    seed: int,
    idle_by: IdleBy,
    top: int,
    json: bool,
) -> None:
    """Plan one fleet for several workloads and show it beside a plan for each."""
    asked = [fc.load_workload(path) for path in workloads]
    plans = fc.plan_shared(asked, catalog, timed, seed=seed, idle_by=idle_by.value)
    best = plans.best
    if json:
        document = plans.to_dict()
        show_json(document | {"plans": document["plans"][:top]})
        return
    show_text(f"{' + '.join(plans.names)}: one fleet, every month")
    show_table(plan_rows(plans.ranked[:top]))
    show_text(f"1: {best.why}")
    assert best.serving is not None  # noqa: S101 - a shared plan serves
    show_text(f"   Why not fewer GPUs? {best.serving.why_not_fewer}")
    for caveat in best.caveats:
        show_text(f"   {caveat}.")
    show_table(
        [
            _row(served, part)
            for served, part in zip(best.serving.shared, plans.allocations, strict=True)
        ]
    )
    show_text(_verdict(plans))


def _row(served: Served, part: Allocation) -> dict[str, str]:
    return {
        "workload": served.workload,
        "asked": str(served.objective),
        "answered in": interval(served.response),
        "met": f"in {percent(served.probability_met)} of draws",
        "GPU time": percent(part.gpu_share.value),
        "its calls": usd(part.used.value),
        "its idle time": usd(part.idle.value),
        "a month": interval(part.total),
        "an image": usd(part.usd_per_image.value),
        "alone": f"{usd(part.alone.value)}, {part.alone_option}",
    }


def _verdict(plans: fc.SharedPlans) -> str:
    apart, saved = plans.apart.value, plans.saved.value
    told = f"Apart they cost {usd(apart)} a month and together {usd(plans.best.total.value)}: "
    if abs(saved) < CENT:
        return f"{told}sharing saves nothing."
    if saved < 0:
        return f"{told}sharing costs {usd(-saved)} more."
    return f"{told}sharing saves {usd(saved)}, {percent(saved / apart)}."
