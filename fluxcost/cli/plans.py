"""What to run: `fluxcost plan`."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.cli.quality import Records, with_shipped
from fluxcost.planning.explain import Explanation
from fluxcost.planning.largest import Largest
from fluxcost.planning.tables import plan_rows
from fluxcost.units import percent, significant, usd

SPARE = ("images/$", "batch", "a call", "hours", "priced", "timing", "stack")
"""Columns that a narrow terminal does without, first to go first."""


def plan(
    *,
    workload: Annotated[
        Path | None, typer.Argument(help="A workload file; see examples/. Not beside --replay.")
    ] = None,
    prices: options.Prices = None,
    calibration: Annotated[
        list[str] | None,
        typer.Option(help="Alias or path; repeatable; every shipped one unless given."),
    ] = None,
    quality: Records = None,
    top: Annotated[int, typer.Option(min=1, help="Plans to print.")] = 10,
    every: Annotated[
        bool, typer.Option("--every", help="Each batch of an offer, not only its cheapest.")
    ] = False,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="List what was turned down.")
    ] = False,
    analytic: Annotated[
        bool,
        typer.Option(
            "--analytic", help="Where requests arrive: by queueing theory alone, not simulated."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulation.")] = 0,
    budget_usd_per_month: Annotated[
        float | None, typer.Option(help="Instead: the most images for so much.")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(help="Instead: the most images with so many GPUs.")
    ] = None,
    max_usd_per_image: Annotated[
        float | None, typer.Option(help="Fail where the best plan may cost more than this.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Also what would halve the cost, and cost against latency."),
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(help="Instead: make the plans of a --json file again and say what changed."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Ranked ways to make a workload's images, with their cost."""
    timed = [fc.load_calibration(name) for name in calibration] if calibration else None
    if replay is not None:
        _replayed(replay, fc.load_catalog(prices), timed, json=json)
        return
    if workload is None:
        raise fc.InputError("WORKLOAD is missing; give a workload file, or --replay PLAN.json.")
    asked = fc.load_workload(workload)
    catalog = fc.load_catalog(prices)
    if budget_usd_per_month is not None or gpus is not None:
        found = fc.largest_volume(
            asked,
            catalog,
            timed,
            budget_usd_per_month=budget_usd_per_month,
            gpus=gpus,
            seed=seed,
        )
        _show_largest(found, json=json)
        return
    plans = fc.plan(
        asked,
        catalog=catalog,
        calibrations=timed,
        depth="analytic" if analytic else "simulated",
        seed=seed,
        qualities=with_shipped(quality),
    )
    best = plans.best
    _refuse_dear(best, max_usd_per_image)
    shown = (plans.ranked if every else plans.leaders)[:top]
    told = fc.explain(asked, plans, calibrations=timed) if explain else None
    if json:
        more = {} if told is None else {"explanation": told.to_dict()}
        show_json(plans.to_dict() | {"plans": [line.to_dict() for line in shown]} | more)
        return
    model = best.choice or asked.model
    show_text(f"{plans.workload}: {_images(asked)} of {model}, {_volume(asked)}")
    show_table(plan_rows(shown), spare=SPARE)
    show_text(f"1: {best.why}")
    if best.serving is not None:
        show_text(f"   Why not fewer GPUs? {best.serving.why_not_fewer}")
    for caveat in best.caveats:
        show_text(f"   {caveat}.")
    if told is not None:
        _show_explanation(told)
    show_text(_tally(plans))
    if rejected:
        show_table([item.to_dict() for item in plans.rejected])


def _show_explanation(told: Explanation) -> None:
    show_text(f"   What would halve the cost? {told.halving}")
    for lever in told.levers:
        show_text(f"   {percent(lever.ratio)} of the cost: {lever.change}, {lever.plan.option}.")
    cores = "not measured" if told.cores_needed is None else str(told.cores_needed)
    show_text(f"   CPU cores each replica needs: {cores}.")
    show_text("No plan beats these in both cost and latency:")
    show_table(plan_rows(told.pareto), spare=SPARE)


def _replayed(
    path: Path, catalog: fc.Catalog, timed: list[fc.Calibration] | None, *, json: bool
) -> None:
    found = fc.replay(path, catalog, timed)
    if json:
        show_json(found.to_dict())
    elif found.reproduced:
        show_text(f"reproduced: every plan of {path} came out the same.")
    else:
        for change in found.changes:
            show_text(change)
    if not found.reproduced:
        count = len(found.changes)
        raise fc.InfeasibleError(f"{path} is not reproduced: {count} changes since it was written.")


def _refuse_dear(best: fc.Plan, most_usd: float | None) -> None:
    cost = best.usd_per_image
    if most_usd is not None and cost.high > most_usd:
        raise fc.InfeasibleError(
            f"max_usd_per_image is {usd(most_usd)} and an image may cost {usd(cost.high)} with the "
            f"best plan, {best.option}, {cost.high / most_usd:.2f} times as much; allow more."
        )


def _show_largest(found: Largest, *, json: bool) -> None:
    if json:
        show_json(found.to_dict())
        return
    per_s = found.requests_per_s
    rate = "" if per_s is None else f", {significant(per_s)} requests/s"
    show_text(f"{found.workload.name}: {found.workload.images:,} images for {found.limit}{rate}")
    show_table(plan_rows([found.plan]), spare=SPARE)
    show_text(found.plan.why)


def _images(workload: fc.Workload) -> str:
    if workload.arrivals is not None and workload.arrivals.trace is not None:
        return "the images of a trace"
    return f"{workload.images:,} images"


def _volume(workload: fc.Workload) -> str:
    if workload.objective is not None:
        asked = workload.objective
        return f"every month, p{asked.percentile:g} within {asked.within_s:g} s of arriving"
    if workload.deadline is not None:
        return f"ready within {workload.deadline.hours:g} hours of renting"
    return "every month"


def _tally(plans: fc.Plans) -> str:
    counts = collections.Counter(item.constraint for item in plans.rejected)
    reasons = ", ".join(f"{count} by {constraint}" for constraint, count in counts.most_common())
    return (
        f"{len(plans)} plans, dear end of the 90 % interval first; "
        f"{len(plans.rejected)} candidates rejected ({reasons}); --rejected lists them."
    )
