"""What to rent or buy: `fluxcost plan`."""

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
from fluxcost.cli.plan_answers import (
    SPARE,
    IdleBy,
    show_explanation,
    show_largest,
    show_replay,
    show_shared,
    show_stacks,
)
from fluxcost.cli.quality import Records, with_shipped
from fluxcost.command_line import refuse_beside, refuse_without
from fluxcost.documents import refuse_unwritable
from fluxcost.planning.plans import plan_rows
from fluxcost.planning.report.report import check_form
from fluxcost.units import counted, usd

UNREAD = {
    "replay": ("workload", "top", "seed"),
    "shared": ("quality",),
    "stacks_on": ("quality", "top", "seed"),
    "budget_usd_per_month": ("quality", "top"),
    "gpus": ("quality", "top"),
    "analytic": ("seed",),
}
"""By an option that asks something else: options that its answer does not read."""


def plan(
    context: typer.Context,
    *,
    workload: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A workload file; see examples/. With --shared several, with --replay none."
        ),
    ] = None,
    prices: options.Prices = None,
    calibration: options.Calibrations = None,
    quality: Records = None,
    top: Annotated[int, typer.Option(min=1, help="Number of plans to print.")] = 10,
    every: Annotated[
        bool, typer.Option("--every", help="All batches of each offer, not only the cheapest.")
    ] = False,
    rejected: Annotated[
        bool,
        typer.Option(
            "--rejected", help="Also list the rejected candidates and the constraint each breaks."
        ),
    ] = False,
    analytic: Annotated[
        bool,
        typer.Option(
            "--analytic", help="For arriving requests: use queueing theory, without simulation."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 0,
    budget_usd_per_month: Annotated[
        float | None, typer.Option(help="Instead: the largest volume for this budget.")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(help="Instead: the largest volume with so many GPUs.")
    ] = None,
    max_usd_per_image: Annotated[
        float | None,
        typer.Option(help="Fail if the best plan's cost per image has an upper bound over this."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Also print what would halve the cost, and cost versus latency."
        ),
    ] = False,
    stacks_on: Annotated[
        str | None,
        typer.Option(help="Compare all stacks on one offer, ignoring constraints on stacks."),
    ] = None,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared",
            help="Plan one fleet for several workloads, and each one's share of the cost.",
        ),
    ] = False,
    idle_by: Annotated[
        IdleBy,
        typer.Option(help="With --shared: how the cost of idle time is divided."),
    ] = IdleBy.USE,
    replay: Annotated[
        Path | None,
        typer.Option(help="Instead: repeat the plans of a --json file and print what changed."),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            help="Also write a full report to FILE.html, FILE.md or FILE.csv; repeatable."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Rank the plans that can make a workload's images, by cost."""
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
    timed = options.calibrations_of(calibration)
    if replay is not None:
        again = fc.replay(replay, fc.load_catalog(prices), timed, with_shipped(quality))
        show_replay(again, replay, json=json)
        return
    catalog = options.prices_of(prices, json=json)
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
        show_largest(found, json=json)
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
    explanation = fc.explain(asked, plans, calibrations=timed) if explain else None
    if json:
        more = {} if explanation is None else {"explanation": explanation.to_dict()}
        answer = plans.to_dict() | {"plans": [line.to_dict() for line in shown]} | more
        show_json("plan", answer)
        return
    model = best.choice or asked.model
    show_text(f"{plans.workload}: {_images(asked)} of {model}, {_volume(asked)}")
    show_table(plan_rows(shown), spare=SPARE)
    show_text(f"1: {best.why}")
    if best.serving is not None:
        show_text(f"   Why not fewer GPUs? {best.serving.why_not_fewer}")
    for caveat in best.caveats:
        show_text(f"   {caveat}.")
    if explanation is not None:
        show_explanation(explanation)
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
    """Raise where an option would not be read: a bound that is ignored is worse than none.

    Args:
        instead: Options that ask something else than for the plans, and whether each is given.
        of_plans: Options that only those plans know, likewise.
    """
    asked = [name for name, given in instead.items() if given]
    if len(asked) > 1:
        raise fc.InputError(f"{' and '.join(asked)} are given; expected one of them.")
    if asked and (unread := [name for name, given in of_plans.items() if given]):
        raise fc.InputError(
            f"{', '.join(unread)} applies to the plans of one workload; leave it out with "
            f"{asked[0]}."
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


def _refuse_dear(best: fc.Plan, most_usd: float | None) -> None:
    cost = best.usd_per_image
    if most_usd is not None and cost.high > most_usd:
        raise fc.InfeasibleError(
            f"max_usd_per_image is {usd(most_usd)} and an image may cost {usd(cost.high)} with the "
            f"best plan, {best.option}, {cost.high / most_usd:.2f} times as much; allow more."
        )


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
        f"{len(plans)} plans, ranked by the upper bound of the 90 % interval; "
        f"{len(plans.rejected)} candidates rejected ({reasons}); --rejected lists them."
    )
