"""`python -m measure run`: suites, on one GPU or on several at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fluxcost.errors import InputError
from fluxcost.stated import refuse_beside, refuse_without
from measure.commands import options
from measure.commands.output import OUT

if TYPE_CHECKING:
    from measure.runner import Request


OF_FLEETS = ("cores", "split_image", "threads", "nodes", "node_rank", "rendezvous")
OF_ONE_GPU = ("target_error", "max_minutes", "max_usd", "usd_per_hour", "scratch")
"""Options that are read only with several GPUs, and only with one."""


def run(
    context: typer.Context,
    *,
    suite: Annotated[list[str], typer.Option(help="Suite name or YAML file; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder of the journal and the calibration.")],
    model: options.Model = options.MODEL,
    stack: options.Stack = options.STACK,
    weights: options.Weights = None,
    device: options.Device = "cuda",
    seed: Annotated[int, typer.Option(help="Of weights, latents and order.")] = 0,
    scratch: Annotated[
        Path | None,
        typer.Option(help="Folder for the weights file of the cold start; default OUT."),
    ] = None,
    usd_per_hour: Annotated[
        float | None, typer.Option(help="Machine price, to show the bill.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Show the plan, its time and cost; stop.")] = False,
    target_error: Annotated[
        str | None, typer.Option(help="Choose cells until the fit is this sure, such as 2%.")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(help="With --target-error: most minutes of timed calls.")
    ] = None,
    max_usd: Annotated[
        float | None, typer.Option(help="With --target-error: most dollars, at --usd-per-hour.")
    ] = None,
    gpus: Annotated[
        str | None, typer.Option(help="Counts of GPUs at work at once, a replica each: 1,2,4.")
    ] = None,
    cores: Annotated[
        str, typer.Option(help="With --gpus: CPU cores a replica is held to: 1,2,4,all.")
    ] = "all",
    split_image: Annotated[
        bool, typer.Option(help="With --gpus: also make one image on all GPUs together.")
    ] = False,
    threads: Annotated[
        bool,
        typer.Option(help="With --gpus: also time replicas that are threads of one process."),
    ] = False,
    nodes: Annotated[int, typer.Option(help="With --gpus: hosts that share the GPUs.")] = 1,
    node_rank: Annotated[int, typer.Option(help="Which of the hosts this is, from 0.")] = 0,
    rendezvous: Annotated[
        str | None, typer.Option(help="HOST:PORT of host 0, the same on every host.")
    ] = None,
) -> None:
    """Measure suites; the same command resumes after a kill and measures nothing twice."""
    from measure.adaptive.goal import parse_goal
    from measure.runner import Request, execute

    if gpus is None:
        refuse_without(context, "--gpus", OF_FLEETS)
    else:
        refuse_beside(context, "--gpus, where every window is timed", OF_ONE_GPU)
    _check_price(usd_per_hour)
    request = Request(
        suites=tuple(suite),
        out=out,
        model=model,
        stack=stack,
        weights=weights,
        device=device,
        seed=seed,
        scratch=scratch or out,
        usd_per_hour=usd_per_hour,
        dry_run=dry_run,
    )
    if gpus is None:
        goal = parse_goal(target_error, max_minutes, max_usd, usd_per_hour)
        execute(replace(request, goal=goal), OUT)
        return
    beside = {
        "nodes": nodes,
        "node_rank": node_rank,
        "rendezvous": rendezvous,
        "split_image": split_image,
        "threads": threads,
    }
    _run_fleet(request, gpus, cores, beside)


def _check_price(usd_per_hour: float | None) -> None:
    if usd_per_hour is not None and not 0 < usd_per_hour < float("inf"):
        raise InputError(
            f"--usd-per-hour is {usd_per_hour}; expected a positive number of dollars."
        )


def _run_fleet(request: Request, gpus: str, cores: str, beside: Mapping[str, object]) -> None:
    """Measure on several GPUs at once, or show the plan of it.

    Args:
        request: What is measured.
        gpus: As the command line has it.
        cores: Likewise.
        beside: Further fields of a `FleetRequest`.
    """
    from measure.replicas.launch import launch, show_plan
    from measure.replicas.request import FleetRequest, parse_cores, parse_gpus

    what = {
        "suites": request.suites,
        "out": request.out,
        "model": request.model,
        "stack": request.stack,
        "weights": request.weights,
        "device": request.device,
        "seed": request.seed,
        "gpus": parse_gpus(gpus),
        "cores": parse_cores(cores),
    }
    fleet = FleetRequest.parse(what | dict(beside), "run --gpus")
    (show_plan if request.dry_run else launch)(fleet, OUT)
