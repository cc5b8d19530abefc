"""What to run: `fluxcost plan`."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.cli.quality import Records, with_shipped
from fluxcost.cli.sharing import IdleBy, show_shared
from fluxcost.cli.stacks import show_stacks
from fluxcost.documents import refuse_unwritable
from fluxcost.planning.explain import Explanation
from fluxcost.planning.largest import Largest
from fluxcost.planning.replay import Replay
from fluxcost.planning.report.report import check_form
from fluxcost.planning.tables import plan_rows
from fluxcost.stated import refuse_beside, refuse_without
from fluxcost.units import counted, percent, significant, usd

SPARE = ("images/$", "batch", "a call", "hours", "priced", "timing", "stack")
"""Columns that a narrow terminal does without, first to go first."""

UNREAD = {
    "replay": ("workload", "top", "seed"),
    "shared": ("quality",),
    "stacks_on": ("quality", "top", "seed"),
    "budget_usd_per_month": ("quality", "top"),
    "gpus": ("quality", "top"),
}
"""By an option that asks something else: options that its answer does not read."""


def plan(
    context: typer.Context,
    *,
    workload: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A workload file; see examples/. Several beside --shared, none beside --replay."
        ),
    ] = None,
    prices: options.Prices = None,
    calibration: Annotated[
        list[str] | None,
        typer.Option(
            help="Alias or path; repeatable, each counts once; every shipped one unless given."
        ),
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
    stacks_on: Annotated[
        str | None,
        typer.Option(help="Instead: every stack side by side on this offer, whatever it accepts."),
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Several workloads on one fleet, and who pays what.")
    ] = False,
    idle_by: Annotated[
        IdleBy,
        typer.Option(help="Beside --shared: how the cost of idle time is shared."),
    ] = IdleBy.USE,
    replay: Annotated[
        Path | None,
        typer.Option(help="Instead: make the plans of a --json file again and say what changed."),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(help="Also write the answer in full: FILE.html, .md or .csv; repeatable."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Ranked ways to make a workload's images; `--shared`: one fleet for several workloads."""
    _check_forms(report or ())
    _refuse_unread(
        {
            "--replay": replay is not None,
            "--shared": shared,
            "--stacks-on": stacks_on is not None,
            "--budget-usd-per-month, --gpus": budget_usd_per_month is not None or gpus is not None,
        },
        {
            "--max-usd-per-image": max_usd_per_image is not None,
            "--explain": explain,
            "--every": every,
            "--rejected": rejected,
            "--analytic": analytic,
            "--report": bool(report),
        },
    )
    _refuse_ignored(context)
    _refuse_no_price(max_usd_per_image)
    timed = [fc.load_calibration(name) for name in calibration] if calibration else None
    if replay is not None:
        again = fc.replay(replay, fc.load_catalog(prices), timed, with_shipped(quality))
        _show_replay(again, replay, json=json)
        return
    catalog = fc.load_catalog(prices)
    if shared:
        show_shared(workload or (), catalog, timed, seed=seed, idle_by=idle_by, top=top, json=json)
        return
    asked = fc.load_workload(_only(workload or ()))
    if stacks_on is not None:
        show_stacks(asked, stacks_on, catalog, timed, json=json)
        return
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
    best = _best(plans, rejected=rejected and not json)
    _refuse_dear(best, max_usd_per_image)
    shown = (plans.ranked if every else plans.leaders)[:top]
    _write_reports(report or [], asked, plans, timed)
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
        _show_rejected(plans)


def _only(workloads: Sequence[Path]) -> Path:
    if not workloads:
        raise fc.InputError("WORKLOAD is missing; give a workload file, or --replay PLAN.json.")
    if len(workloads) > 1:
        raise fc.InputError(
            f"WORKLOAD is {len(workloads)} files; expected one, or --shared to plan one fleet for "
            "all of them."
        )
    return workloads[0]


def _check_forms(paths: Sequence[Path]) -> None:
    for path in paths:
        check_form(path)
        refuse_unwritable(path)


def _refuse_unread(instead: Mapping[str, bool], of_plans: Mapping[str, bool]) -> None:
    """Raise where an option would be read by nobody: a bound that holds nothing is worse than none.

    Args:
        instead: Options that ask something else than for the plans, and whether each is given.
        of_plans: Options that only those plans know, likewise.
    """
    asked = [name for name, given in instead.items() if given]
    if len(asked) > 1:
        raise fc.InputError(f"{' and '.join(asked)} are given; expected one of them: ask apart.")
    if asked and (unread := [name for name, given in of_plans.items() if given]):
        raise fc.InputError(
            f"{', '.join(unread)} tells of the plans of a workload; leave it out beside {asked[0]}."
        )


def _refuse_ignored(context: typer.Context) -> None:
    """Raise where an option is stated that the question asked does not read, whatever its value."""
    if not context.params["shared"]:
        refuse_without(context, "--shared", ("idle_by",))
    for name, unread in UNREAD.items():
        if context.params[name]:
            refuse_beside(context, f"--{name.replace('_', '-')}", unread)


def _refuse_no_price(most_usd: float | None) -> None:
    if most_usd is not None and not (math.isfinite(most_usd) and most_usd > 0):
        raise fc.InputError(f"max_usd_per_image is {most_usd!r}; expected USD over 0.")


def _write_reports(
    paths: Sequence[Path],
    asked: fc.Workload,
    plans: fc.Plans,
    timed: list[fc.Calibration] | None,
) -> None:
    if paths:
        written = fc.report(asked, plans, calibrations=timed)
        for path in paths:
            written.save(path)


def _show_explanation(told: Explanation) -> None:
    show_text(f"   What would halve the cost? {told.halving}")
    for lever in told.levers:
        show_text(
            f"   {percent(lever.ratio)} of what it may cost: {lever.change}, {lever.plan.option}."
        )
    cores = "not measured" if told.cores_needed is None else str(told.cores_needed)
    show_text(f"   CPU cores each replica needs: {cores}.")
    if told.pareto:
        show_text("No plan beats these in both cost and latency:")
        show_table(plan_rows(told.pareto), spare=SPARE)
    else:
        show_text("   Cost against latency: how long a request takes is known of no plan.")


def _show_replay(found: Replay, path: Path, *, json: bool) -> None:
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
    return counted(workload.images, "image")


def _volume(workload: fc.Workload) -> str:
    if workload.objective is not None:
        asked = workload.objective
        return f"every month, {asked} of arriving"
    if workload.deadline is not None:
        return f"ready within {workload.deadline.hours:g} hours of renting"
    return "every month"


def _best(plans: fc.Plans, *, rejected: bool) -> fc.Plan:
    if rejected and not plans.ranked:
        _show_rejected(plans)  # what the refusal that follows rests on
    return plans.best


def _show_rejected(plans: fc.Plans) -> None:
    show_table([item.to_dict() for item in plans.rejected])


def _tally(plans: fc.Plans) -> str:
    counts = collections.Counter(item.constraint for item in plans.rejected)
    reasons = ", ".join(f"{count} by {constraint}" for constraint, count in counts.most_common())
    return (
        f"{len(plans)} plans, lowest upper bound of the 90 % interval first; "
        f"{len(plans.rejected)} candidates rejected ({reasons}); --rejected lists them."
    )
