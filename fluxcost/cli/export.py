"""A plan for the tool that runs it: `fluxcost export`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_text
from fluxcost.command_line import refuse_beside
from fluxcost.documents import refuse_unwritable, write_atomically
from fluxcost.planning.export.targets import read_plans
from fluxcost.units import quantity


class To(StrEnum):
    """The tools a plan can be written for."""

    KUBERNETES = "kubernetes"
    RAY_SERVE = "ray-serve"
    SKYPILOT = "skypilot"


def export(
    context: typer.Context,
    *,
    source: Annotated[
        Path, typer.Argument(help="A workload file, or what `plan --json` wrote (.json).")
    ],
    to: Annotated[To, typer.Option(help="Tool that will run the plan.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    option: Annotated[
        str | None,
        typer.Option(
            help="Offer whose plan to write, such as lambda/h100-sxm-1x; default: the best plan "
            "that rents around the clock."
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint folder or hub name; default: synthetic weights.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="Container image with fluxcost[serve]; required by kubernetes."),
    ] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """Write a plan as a file for Kubernetes, SkyPilot or Ray Serve."""
    if to is To.RAY_SERVE:
        refuse_beside(context, "--to ray-serve, whose cluster has its own image", ("image",))
    refuse_unwritable(out)
    catalog = fc.load_catalog(prices)
    if source.suffix == ".json":
        workload, plans = read_plans(source)
    else:
        workload = fc.load_workload(source)
        made = fc.plan(workload, catalog=catalog)
        plans = [each.to_dict() for each in (made.best, *made)]
    chosen = _chosen(plans, option, source)
    text = fc.export(chosen, workload, to.value, catalog=catalog, weights=weights, image=image)
    write_atomically(out, text)
    if json:
        show_json("export", {"option": chosen["option"], "to": to.value, "out": str(out)})
        return
    rented = f"{chosen['gpus']} x {chosen['gpu']}, {chosen['option']}, {chosen['mode']}"
    show_text(f"{out}: {rented}, for {to.value}")
    if plans[0]["mode"] == "scheduled" and option is None:
        show_text(f"   {_what_the_hours_save(plans[0], chosen)}")


def _what_the_hours_save(best: dict[str, Any], kept: dict[str, Any]) -> str:
    by_the_hour, around_the_clock = (
        quantity(plan["total"]["value"], plan["total"]["unit"]) for plan in (best, kept)
    )
    return (
        f"The best plan rents GPUs for some hours of the day, for {by_the_hour}; these tools "
        f"cannot, so the exported plan rents them around the clock, for {around_the_clock}."
    )


def _chosen(plans: Sequence[dict[str, Any]], option: str | None, source: Path) -> dict[str, Any]:
    if not plans:
        raise fc.InfeasibleError(f"{source} holds no plan; relax what the workload asks.")
    # An offer may be rented by the hour and around the clock; only the latter can be exported.
    named = [plan for plan in plans if option in {None, plan["option"]}]
    if option is not None and not named:
        raise fc.UnknownNameError("plan", option, {plan["option"] for plan in plans})
    return min(named, key=lambda plan: plan["mode"] == "scheduled")
