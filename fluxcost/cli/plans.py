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
from fluxcost.planning.tables import plan_rows


def plan(
    *,
    workload: Annotated[Path, typer.Argument(help="A workload file; see examples/.")],
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
    json: options.Json = False,
) -> None:
    """Ranked ways to make a workload's images, with their cost."""
    asked = fc.load_workload(workload)
    timed = [fc.load_calibration(name) for name in calibration] if calibration else None
    plans = fc.plan(
        asked,
        catalog=fc.load_catalog(prices),
        calibrations=timed,
        depth="analytic" if analytic else "simulated",
        seed=seed,
        qualities=with_shipped(quality),
    )
    best = plans.best
    shown = (plans.ranked if every else plans.leaders)[:top]
    if json:
        show_json(plans.to_dict() | {"plans": [line.to_dict() for line in shown]})
        return
    model = best.choice or asked.model
    show_text(f"{plans.workload}: {_images(asked)} of {model}, {_volume(asked)}")
    show_table(plan_rows(shown))
    show_text(f"1: {best.why}")
    if best.serving is not None:
        show_text(f"   Why not fewer GPUs? {best.serving.why_not_fewer}")
    for caveat in best.caveats:
        show_text(f"   {caveat}.")
    show_text(_tally(plans))
    if rejected:
        show_table([item.to_dict() for item in plans.rejected])


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
