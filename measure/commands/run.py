"""`python -m measure run`: suites and shapes, on one GPU or on several at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fluxcost.command_line import refuse_beside, refuse_without
from fluxcost.errors import InputError
from measure.commands import shared
from measure.commands.shared import OUT

if TYPE_CHECKING:
    from measure.campaign_runner import RunRequest


OF_FLEETS = ("cores", "split_image", "threads", "nodes", "node_rank", "rendezvous")
OF_ONE_GPU = ("target_error", "max_minutes", "max_usd", "usd_per_hour", "scratch")
"""Options that are read only with several GPUs, and only with one."""

OF_ADAPTIVE = ("target_error", "max_minutes", "max_usd")
"""Options that are read only where cells are chosen while the program runs."""


def run(
    context: typer.Context,
    *,
    suite: Annotated[
        list[str] | None,
        typer.Option(help="Suite name or YAML file (see `suites`); repeatable."),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            help="WIDTHxHEIGHTxSTEPS to time, beside the suites or without one; repeatable."
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Images per call of each --shape; repeatable; default: 1."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write the journal and calibration to.")],
    model: shared.Model = shared.MODEL,
    stack: shared.Stack = shared.STACK,
    weights: shared.Weights = None,
    device: shared.Device = "cuda",
    seed: Annotated[int, typer.Option(help="Seed of weights, latents and the order of cells.")] = 0,
    scratch: Annotated[
        Path | None,
        typer.Option(help="Folder for the weights of the cold-start probe; default: OUT."),
    ] = None,
    usd_per_hour: Annotated[
        float | None, typer.Option(help="Price of the machine, to show the bill.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option(help="Print the cells, their time and cost, and stop.")
    ] = False,
    target_error: Annotated[
        str | None,
        typer.Option(
            help="Choose cells until the expected error of the fit is below this, such as 2%."
        ),
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(help="With --target-error: most minutes of timed calls.")
    ] = None,
    max_usd: Annotated[
        float | None, typer.Option(help="With --target-error: most dollars, at --usd-per-hour.")
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(help="Numbers of GPUs that work at once, one replica on each, such as 1,2,4."),
    ] = None,
    cores: Annotated[
        str,
        typer.Option(help="With --gpus: CPU cores that each replica may use, such as 1,2,4,all."),
    ] = "all",
    split_image: Annotated[
        bool,
        typer.Option(help="With --gpus: also time one image on all GPUs (context parallelism)."),
    ] = False,
    threads: Annotated[
        bool,
        typer.Option(help="With --gpus: also time replicas that are threads of one process."),
    ] = False,
    nodes: Annotated[int, typer.Option(help="With --gpus: number of hosts.")] = 1,
    node_rank: Annotated[int, typer.Option(help="With --nodes: number of this host, from 0.")] = 0,
    rendezvous: Annotated[
        str | None, typer.Option(help="With --nodes: HOST:PORT of host 0, the same on every host.")
    ] = None,
) -> None:
    """Time suites or single shapes; the same command resumes after a kill."""
    from fluxcost.workload.shape import parse_shape
    from measure.adaptive.loop import parse_goal
    from measure.campaign_runner import RunRequest, run_campaign

    if not suite and not shape:
        raise InputError(
            "neither --suite nor --shape is given; name a suite, such as --suite generation, or a "
            "shape, such as --shape 1024x1024x4."
        )
    if not shape:
        refuse_without(context, "--shape", ("batch",))
    if gpus is None:
        refuse_without(context, "--gpus", OF_FLEETS)
    else:
        refuse_beside(context, "--gpus, where every window is timed", OF_ONE_GPU)
    if dry_run:
        refuse_beside(context, "--dry-run, which lists fixed cells only", OF_ADAPTIVE)
    _check_price(usd_per_hour)
    shapes = [parse_shape(each) for each in shape or ()]
    request = RunRequest(
        suites=tuple(suite or ()),
        cells=tuple(
            (each.width, each.height, each.steps, images)
            for each, images in product(shapes, batch or (1,))
        ),
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
        run_campaign(replace(request, goal=goal), OUT)
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


def _run_fleet(request: RunRequest, gpus: str, cores: str, beside: Mapping[str, object]) -> None:
    """Measure on several GPUs at once, or show the plan of it.

    Args:
        request: What is measured.
        gpus: As the command line has it.
        cores: Likewise.
        beside: Further fields of a `FleetRequest`.
    """
    from measure.replicas.launch import launch, show_plan
    from measure.replicas.window_plan import FleetRequest, parse_cores, parse_gpus

    what = {
        "suites": request.suites,
        "cells": request.cells,
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
