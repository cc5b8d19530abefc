"""The stacks side by side for one workload on one offer: `fluxcost plan --stacks-on`."""

from __future__ import annotations

import fluxcost as fc
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.planning.comparison import any_stack
from fluxcost.planning.tables import NOTHING
from fluxcost.units import interval, usd


def show_stacks(
    workload: fc.Workload,
    offer: str,
    catalog: fc.Catalog,
    calibrations: list[fc.Calibration] | None,
    *,
    json: bool,
) -> None:
    """Print the cheapest way of every stack on an offer, dearest first."""
    found = fc.compare(any_stack(workload), catalog, calibrations).stacks_on(offer)
    if json:
        rows = [each.to_dict() for each in found]
        show_json({"workload": workload.name, "offer": offer, "stacks": rows})
        return
    show_text(f"{workload.name}: every stack on {offer}, at its cheapest batch")
    show_table([_row(each, found[0]) for each in found])


def _row(each: fc.Alternative, dearest: fc.Alternative) -> dict[str, str]:
    plan, first = each.plan, dearest.plan
    title, time = ("a call", plan.latency)
    if plan.serving is not None:
        title, time = plan.serving.objective.label, plan.serving.response
    return {
        "stack": str(each.stack),
        "rented": f"{plan.gpus} x {plan.gpu}, {plan.mode}",
        "batch": str(plan.batch),
        "total": interval(plan.total),
        "an image": usd(plan.usd_per_image.value),
        "of the dearest": f"{plan.usd_per_image.value / first.usd_per_image.value:.2f}",
        title: NOTHING if time is None else interval(time),
        "picture": str(each.picture),
        "needs": ", ".join(each.needs) or NOTHING,
    }
