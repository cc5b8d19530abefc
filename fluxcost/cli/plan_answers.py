"""What `fluxcost plan` prints beside the ranked plans, or where it is asked something else."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import fluxcost as fc
from fluxcost.capacity.results import Served
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.estimate import interval
from fluxcost.planning.comparison import any_stack
from fluxcost.planning.cost_allocation import Allocation
from fluxcost.planning.explain import Explanation
from fluxcost.planning.largest_volume import LargestVolume
from fluxcost.planning.plans import plan_rows
from fluxcost.planning.replay import Replay
from fluxcost.planning.text_table import NOTHING
from fluxcost.units import percent, significant, usd

SPARE = ("images/$", "batch", "a call", "hours", "priced", "timing", "stack")
"""Columns that a narrow terminal does without, first to go first."""

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
        show_json("shared-plan", document | {"plans": document["plans"][:top]})
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
            _share_row(served, part)
            for served, part in zip(best.serving.shared, plans.allocations, strict=True)
        ]
    )
    show_text(_saving(plans))


def _share_row(served: Served, part: Allocation) -> dict[str, str]:
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


def _saving(plans: fc.SharedPlans) -> str:
    apart, saved = plans.apart.value, plans.saved.value
    costs = f"Apart they cost {usd(apart)} a month and together {usd(plans.best.total.value)}: "
    if abs(saved) < CENT:
        return f"{costs}sharing saves nothing."
    if saved < 0:
        return f"{costs}sharing costs {usd(-saved)} more."
    return f"{costs}sharing saves {usd(saved)}, {percent(saved / apart)}."


def show_stacks(
    workload: fc.Workload,
    offer: str,
    catalog: fc.Catalog,
    calibrations: list[fc.Calibration] | None,
    *,
    json: bool,
) -> None:
    """Print every stack on an offer at its cheapest batch, the most expensive stack first."""
    found = fc.compare(any_stack(workload), catalog, calibrations).stacks_on(offer)
    if json:
        rows = [each.to_dict() for each in found]
        answer = {"workload": workload.name, "offer": offer, "stacks": rows}
        show_json("stack-comparison", answer)
        return
    show_text(f"{workload.name}: every stack on {offer}, at its cheapest batch")
    show_table([_stack_row(each, found[0]) for each in found])


def _stack_row(each: fc.Alternative, dearest: fc.Alternative) -> dict[str, str]:
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


def show_explanation(explanation: Explanation) -> None:
    """Print what would make the best plan cheaper, and the plans that no other plan beats."""
    show_text(f"   What would halve the cost? {explanation.halving}")
    for lever in explanation.levers:
        show_text(
            f"   {percent(lever.ratio)} of what it may cost: {lever.change}, {lever.plan.option}."
        )
    cores = "not measured" if explanation.cores_needed is None else str(explanation.cores_needed)
    show_text(f"   CPU cores each replica needs: {cores}.")
    if explanation.pareto:
        show_text("No plan beats these in both cost and latency:")
        show_table(plan_rows(explanation.pareto), spare=SPARE)
    else:
        show_text("   Cost versus latency: no plan has a known latency.")


def show_replay(found: Replay, path: Path, *, json: bool) -> None:
    """Print whether the plans of a file came out the same.

    Raises:
        InfeasibleError: They did not.
    """
    if json:
        show_json("replay", found.to_dict())
    elif found.reproduced:
        show_text(f"reproduced: every plan of {path} came out the same.")
    else:
        for change in found.changes:
            show_text(change)
    if not found.reproduced:
        count = len(found.changes)
        raise fc.InfeasibleError(f"{path} is not reproduced: {count} changes since it was written.")


def show_largest(found: LargestVolume, *, json: bool) -> None:
    """Print the largest volume for a budget or a number of GPUs, and its plan."""
    if json:
        show_json("largest-volume", found.to_dict())
        return
    per_s = found.requests_per_s
    rate = "" if per_s is None else f", {significant(per_s)} requests/s"
    show_text(f"{found.workload.name}: {found.workload.images:,} images for {found.limit}{rate}")
    show_table(plan_rows([found.plan]), spare=SPARE)
    show_text(found.plan.why)
