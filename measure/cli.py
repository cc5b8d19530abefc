"""`python -m measure`: run suites, report calibrations, list suites."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fluxcost.errors import FluxcostError, InputError
from measure.quality.command import quality

app = typer.Typer(
    help="Time real image generation and write calibrations.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_out = Console()
if not _out.is_terminal:
    _out = Console(width=150)  # a file has no width of its own, and tables wrap badly at 80


@app.command()
def run(
    suite: Annotated[list[str], typer.Option(help="Suite name or YAML file; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder of the journal and the calibration.")],
    model: Annotated[str, typer.Option(help="Model name or architecture YAML.")] = "flux2-klein-4b",
    stack: Annotated[str, typer.Option(help="Optimization stack.")] = "eager-bf16",
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint folder or hub name; default: synthetic weights.")
    ] = None,
    device: Annotated[str, typer.Option(help="cuda, cuda:N or cpu.")] = "cuda",
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
    nodes: Annotated[int, typer.Option(help="With --gpus: hosts that share the GPUs.")] = 1,
    node_rank: Annotated[int, typer.Option(help="Which of the hosts this is, from 0.")] = 0,
    rendezvous: Annotated[
        str | None, typer.Option(help="HOST:PORT of host 0, the same on every host.")
    ] = None,
) -> None:
    """Measure suites; the same command resumes after a kill and measures nothing twice."""
    from measure.adaptive.goal import parse_goal
    from measure.runner import Request, execute

    if usd_per_hour is not None and not 0 < usd_per_hour < float("inf"):
        raise InputError(
            f"--usd-per-hour is {usd_per_hour}; expected a positive number of dollars."
        )
    if gpus is not None:
        from measure.replicas.launch import launch, show_plan
        from measure.replicas.request import FleetRequest, parse_cores, parse_gpus

        fleet = FleetRequest(
            suites=tuple(suite),
            out=out,
            model=model,
            stack=stack,
            weights=weights,
            device=device,
            seed=seed,
            gpus=parse_gpus(gpus),
            cores=parse_cores(cores),
            nodes=nodes,
            node_rank=node_rank,
            rendezvous=rendezvous,
            split_image=split_image,
        )
        (show_plan if dry_run else launch)(fleet, _out)
        return
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
        goal=parse_goal(target_error, max_minutes, max_usd, usd_per_hour),
    )
    execute(request, _out)


@app.command()
def report(file: Annotated[Path, typer.Argument(help="Calibration JSON.")]) -> None:
    """Print a calibration's cells, stages, ceilings and probes."""
    from fluxcost.performance.calibration import read_calibration
    from measure.report import print_report

    print_report(read_calibration(file), _out)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="Alias or file of the record compared with.")],
    second: Annotated[str, typer.Argument(help="Alias or file of the record compared.")],
    across: Annotated[
        list[str] | None, typer.Option(help="A field whose difference is the point; repeatable.")
    ] = None,
) -> None:
    """Compare two records cell by cell: how many times faster, and is it more than noise?"""
    from fluxcost.performance.library import load_calibration
    from measure.compare import compare as ratios
    from measure.compare import verdict

    cells, mean = ratios(load_calibration(first), load_calibration(second), across or ())
    table = Table("cell", "first s", "second s", "second / first", "verdict")
    for cell in cells:
        ratio = f"{cell.ratio.value:.3f} ({cell.ratio.low:.3f}-{cell.ratio.high:.3f})"
        seconds = (f"{each.value:.4f}" for each in (cell.first, cell.second))
        table.add_row(f"{cell.shape}, batch {cell.batch}", *seconds, ratio, cell.verdict)
    _out.print(table)
    _out.print(f"geometric mean of {len(cells)} cells: {mean.value:.3f}; {verdict(mean)}")


@app.command()
def check(
    calibration: Annotated[
        str | None, typer.Option(help="Alias or file; default: shipped for this GPU and stack.")
    ] = None,
    model: Annotated[str, typer.Option(help="Model name or architecture YAML.")] = "flux2-klein-4b",
    stack: Annotated[str, typer.Option(help="Optimization stack.")] = "eager-bf16",
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint folder or hub name; default: synthetic weights.")
    ] = None,
    device: Annotated[str, typer.Option(help="cuda, cuda:N or cpu.")] = "cuda",
    cells: Annotated[int, typer.Option(help="How many cells to measure again.")] = 4,
    seed: Annotated[int, typer.Option(help="Of weights and latents.")] = 0,
) -> None:
    """Measure a few cells again: does the calibration hold here? Exit code 0 if so, 1 if not."""
    from measure.check.run import CheckRequest
    from measure.check.run import check as run_check

    asked = CheckRequest(calibration, model, stack, weights, device, cells, seed)
    if not run_check(asked, _out).holds:
        raise typer.Exit(1)


@app.command()
def merge(
    files: Annotated[list[Path], typer.Argument(help="Calibrations (.json) or journals (.jsonl).")],
    out: Annotated[Path, typer.Option(help="File to write; must not exist.")],
) -> None:
    """Join campaigns of one GPU type, model and stack, each cell with its run."""
    from measure.merge import merge as join

    calibration = join(files)
    calibration.save(out)
    _out.print(f"{len(calibration.cells)} cells of {len(calibration.runs)} runs in {out}")


@app.command("import")
def import_csv(
    file: Annotated[
        Path, typer.Argument(help="CSV: width,height,steps,batch,latency_s; one row a call.")
    ],
    gpu: Annotated[str, typer.Option(help="GPU key, such as h100-sxm.")],
    gpu_name: Annotated[str, typer.Option(help="Name the driver reports.")],
    memory_gib: Annotated[float, typer.Option(help="Device memory, GiB.")],
    model: Annotated[str, typer.Option(help="Model name, such as flux2-klein-4b.")],
    stack: Annotated[str, typer.Option(help="What the stack is to be called.")],
    out: Annotated[Path, typer.Option(help="File to write; must not exist.")],
) -> None:
    """Turn calls that another tool timed into a calibration, answered where they were timed."""
    from fluxcost.performance.calibration import GpuIdentity
    from measure.importing import read_calls

    device = {"key": gpu, "name": gpu_name, "memory_gib": memory_gib}
    identity = GpuIdentity.parse(device, "the GPU given")
    calibration = read_calls(file, gpu=identity, model=model, stack=stack)
    calibration.save(out)
    _out.print(f"{len(calibration.cells)} cells in {out}")


app.command()(quality)


@app.command()
def suites() -> None:
    """List the suites that come with measure."""
    from measure.suites import shipped_suites

    table = Table("suite", "cells", "description")
    for suite in shipped_suites():
        table.add_row(suite.name, str(len(set(suite.points()))), suite.description)
    _out.print(table)


def main() -> None:
    """Run the command line; a user's mistake is one sentence on stderr and exit code 2."""
    try:
        app()
    except FluxcostError as error:
        typer.echo(f"measure: {error}", err=True)
        raise SystemExit(2) from None
