"""Runs a campaign: from a request on the command line to a finished calibration."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fluxcost.errors import InputError
from fluxcost.performance.calibration.schema import Calibration
from measure.adaptive.gpu_cells import run_adaptive
from measure.adaptive.loop import ADAPTIVE_SUITE, AdaptiveGoal
from measure.bench import open_bench, open_instruments
from measure.campaign import Campaign, CampaignPlan, is_complete, pending_cold_start, pending_points
from measure.cold_starts.cold_start_probe import (
    CALLS,
    ColdStartRequest,
    append_cold_start,
    measure_cold_start,
    weights_on_disk,
)
from measure.environment import describe_gpu
from measure.forecast import Forecast, known_cells
from measure.journal import SYNTHETIC, Journal, JournalHeader
from measure.pipelines.blueprint import Blueprint, load_blueprint
from measure.stacks import recipe
from measure.stacks.stack_recipe import StackRecipe
from measure.suites import Quadruple, asked_suites


@dataclass(frozen=True)
class RunRequest:
    """What the command line asked for."""

    suites: tuple[str, ...]
    out: Path
    model: str
    stack: str
    weights: str | None
    device: str
    seed: int
    scratch: Path
    usd_per_hour: float | None
    dry_run: bool
    goal: AdaptiveGoal | None = None
    cells: tuple[Quadruple, ...] = ()


def run_campaign(request: RunRequest, console: Console) -> None:
    """Measure what is asked and not yet in the journal, then write the calibration.

    Raises:
        InputError: A suite, model, stack or device that does not exist, or a journal of another.
        MeasurementError: The GPU is not idle, or the weights do not behave.
    """
    plan = CampaignPlan(asked_suites(request.suites, request.cells), request.seed)
    if scaling := [suite.name for suite in plan.suites if suite.scaling]:
        raise InputError(f"suite {scaling[0]} times several GPUs; add --gpus, such as --gpus 1,2.")
    if request.dry_run and ADAPTIVE_SUITE in {suite.name for suite in plan.suites}:
        raise InputError(
            f"suite {ADAPTIVE_SUITE} chooses its cells while it runs, so --dry-run cannot list "
            "them; leave one of the two out."
        )
    if request.goal is None and ADAPTIVE_SUITE in {suite.name for suite in plan.suites}:
        raise InputError(
            f"suite {ADAPTIVE_SUITE} chooses its cells; add --target-error, such as "
            "--target-error 2%."
        )
    if request.scratch != request.out and plan.first_probe_point("cold_start") is None:
        raise InputError(
            f"--scratch is {request.scratch} and none of the suites times a cold start, which "
            "alone uses it; leave it out."
        )
    blueprint = load_blueprint(request.model)
    if request.dry_run:
        _show_forecast(plan, blueprint.architecture.name, request.usd_per_hour, console)
        return
    device = device_of(request.device)
    if plan.edge_sizes() and device.type != "cuda":
        raise InputError(
            f"--device is {request.device}; the largest batch that fits is sought on a GPU only: "
            "leave out suites with memory_edge."
        )
    chosen = recipe(request.stack, device, blueprint.document.family)
    instruments = open_instruments(device)
    journal = Journal.open(request.out, _header(request, blueprint, chosen, device))
    try:
        _measure_cold_start(request, plan, journal, device)
        if not is_complete(plan, journal):
            with console.status("building the pipeline"):
                bench = open_bench(
                    blueprint, chosen, device, instruments, request.weights, request.seed
                )
            campaign = Campaign(plan, bench, journal)
            if request.goal is None:
                _run_tasks(campaign, request.usd_per_hour, console)
            else:
                run_adaptive(campaign, request.goal, request.usd_per_hour, console)
        _write_records(journal, request.out, console)
    finally:
        journal.close()


def _measure_cold_start(
    request: RunRequest, plan: CampaignPlan, journal: Journal, device: torch.device
) -> None:
    """Time fresh processes where the plan asks for a cold start and the journal has none."""
    first = pending_cold_start(plan, journal)
    if first is None:
        return
    shape = first.shape
    asked = ColdStartRequest(
        model=request.model,
        stack=request.stack,
        weights=request.weights,
        device=str(device),
        seed=request.seed,
        points=((shape.width, shape.height, shape.steps, first.batch),),
        calls=CALLS,
        scratch=request.scratch,
    )
    request.scratch.mkdir(parents=True, exist_ok=True)
    with weights_on_disk(asked) as weights:
        append_cold_start(journal, measure_cold_start(asked, weights))


def _header(
    request: RunRequest, blueprint: Blueprint, chosen: StackRecipe, device: torch.device
) -> JournalHeader:
    return JournalHeader(
        gpu=describe_gpu(device),
        model=blueprint.document.name,
        architecture_hash=blueprint.hash,
        stack=chosen.stack,
        weights=request.weights or SYNTHETIC,
        seed=request.seed,
    )


def device_of(name: str) -> torch.device:
    """Return the device of a name on the command line.

    Raises:
        InputError: No such device, or no GPU to be seen.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"--device is {name!r}; expected cuda, cuda:N or cpu.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "--device is cuda but PyTorch sees no GPU; use --device cpu or a GPU host."
        )
    if device.type not in {"cuda", "cpu"}:
        raise InputError(f"--device is {name!r}; expected cuda, cuda:N or cpu.")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _show_forecast(
    plan: CampaignPlan, model: str, usd_per_hour: float | None, console: Console
) -> None:
    from fluxcost.performance.calibration.library import load_calibration, shipped_calibrations

    entries = plan.ordered_points()
    points = [each for _, each, _ in entries]
    calibrations = [load_calibration(each.alias) for each in shipped_calibrations()]
    forecast = Forecast(known_cells(model, calibrations))
    for each in points:
        call_s = forecast.call_s(each)
        console.print(f"{each}" if call_s is None else f"{each}: about {call_s:.2f} s a call")
    total_s = forecast.total_s((each, plan.protocol_of(names)) for _, each, names in entries)
    soak_s = len(plan.soak_points()) * plan.protocol.soak_s
    if total_s is None:
        console.print(f"{len(points)} cells; no {model} call was timed yet to tell how long.")
        return
    hours = (total_s + soak_s) / 3600
    bill = "" if usd_per_hour is None else f", about ${hours * usd_per_hour:.2f}"
    console.print(
        f"{len(points)} cells, about {hours * 60:.0f} min{bill}, going by the shipped calibration; "
        "build, ceilings and cold start come on top."
    )


def _run_tasks(campaign: Campaign, usd_per_hour: float | None, console: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    started_s = time.perf_counter()
    with Progress(*columns, console=console) as progress:
        tasks = list(campaign.tasks())
        bar = progress.add_task("starting", total=len(tasks), left="")
        for task in tasks:
            left = _left(campaign, started_s, usd_per_hour)
            progress.update(bar, description=task.label, left=left)
            task.execute()
            progress.advance(bar)


def _left(campaign: Campaign, started_s: float, usd_per_hour: float | None) -> str:
    """Return 'n min left, $m so far', or nothing before enough cells are known."""
    cells = campaign.journal.cells.values()
    plan = campaign.plan
    seconds = Forecast(cells).total_s(
        (each, plan.protocol_of(names)) for _, each, names in pending_points(plan, campaign.journal)
    )
    parts = [] if seconds is None else [f"{seconds / 60:.0f} min of cells left"]
    if usd_per_hour is not None:
        spent = (time.perf_counter() - started_s) / 3600 * usd_per_hour
        parts.append(f"${spent:.2f} so far")
    return ", ".join(parts)


def _write_records(journal: Journal, out: Path, console: Console) -> None:
    """Write the calibration, and beside it what is held out of it."""
    if journal.has_fitted_cells:
        _write(journal.calibration(), "calibration", out, console)
    if journal.has_held_out_cells:
        _write(journal.held_out(), "held-out", out, console)


def _write(record: Calibration, name: str, out: Path, console: Console) -> None:
    path = out / f"{name}-{record.content_hash[:12]}.json"
    if path.exists():
        console.print(f"nothing new; the {name} record is in {path}")
        return
    record.save(path)
    console.print(f"{len(record.cells)} cells in {path}")
