"""`python -m measure`: run suites, report calibrations, list suites."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

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
EXTRAS = {
    "accelerate": "measure",
    "diffusers": "measure",
    "fastapi": "serve",
    "httpx": "serve",
    "PIL": "measure",
    "prometheus_client": "serve",
    "pynvml": "measure",
    "safetensors": "measure",
    "torch": "measure",
    "torchmetrics": "quality",
    "transformers": "measure",
    "uvicorn": "serve",
}
"""The extra that holds a module which not every installation has."""

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
            threads=threads,
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
def scenarios(
    scenario: Annotated[
        list[str],
        typer.Option(help="load, single-stream, multi-stream, server or offline; may be repeated."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the record.")],
    config: Annotated[
        list[str] | None,
        typer.Option(help="standard (1024x1024) or fast (512x512, the default); repeatable."),
    ] = None,
    model: Annotated[str, typer.Option(help="Model name or architecture YAML.")] = "flux2-klein-4b",
    stack: Annotated[str, typer.Option(help="Optimization stack.")] = "eager-bf16",
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint folder or hub name; default: synthetic weights.")
    ] = None,
    device: Annotated[str, typer.Option(help="cuda, cuda:N or cpu.")] = "cuda",
    seed: Annotated[int, typer.Option(help="Of weights, latents and arrivals.")] = 0,
    max_batch: Annotated[int, typer.Option(help="Most images made in one call.")] = 4,
    max_wait: Annotated[
        float, typer.Option(help="Seconds an image is held back for company.")
    ] = 0.0,
    batch_sizes: Annotated[
        str | None,
        typer.Option(
            help="Sizes calls are filled up to; default: every size, or 1,2,4,... where compiled."
        ),
    ] = None,
    loads: Annotated[
        str, typer.Option(help="Of the load scenario: rates over what the replica can do.")
    ] = "0.5,0.7,0.85,0.95,1.1",
    seconds: Annotated[float, typer.Option(help="Of arrivals in each of its runs.")] = 18.0,
    warm_calls: Annotated[
        int, typer.Option(help="Timed calls of each size, before and after the loads.")
    ] = 12,
    queries: Annotated[
        list[str] | None,
        typer.Option(help="SCENARIO=N: least queries of that scenario; repeatable."),
    ] = None,
    min_seconds: Annotated[float, typer.Option(help="Least seconds of a LoadGen run.")] = 5.0,
    p99_within: Annotated[
        float | None,
        typer.Option(help="Seconds the server's p99 must hold; default: the config's."),
    ] = None,
    logs: Annotated[
        Path | None, typer.Option(help="Folder for LoadGen's own logs; default: not kept.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHTxSTEPS in place of the configuration's.")
    ] = None,
) -> None:
    """Load one replica: MLPerf-style by LoadGen, or at stated loads; keeps every image's times."""
    from fluxcost.capacity.fleet import Batching
    from measure.scenarios.configs import config_of, scenario_of
    from measure.scenarios.runner import ScenarioRequest, loads_of
    from measure.scenarios.runner import execute as run_scenarios

    rule = {"max_batch": max_batch, "max_wait_s": max_wait}
    for option, value in (("--seconds", seconds), ("--min-seconds", min_seconds)):
        if not 0 < value < float("inf"):
            raise InputError(f"{option} is {value}; expected a positive number of seconds.")
    if warm_calls < 2:
        raise InputError(f"--warm-calls is {warm_calls}; expected 2 or more.")
    names = dict.fromkeys(config or ["fast"])
    request = ScenarioRequest(
        scenarios=tuple(dict.fromkeys(scenario_of(each) for each in scenario)),
        configs=tuple(config_of(each, size, queries or (), p99_within) for each in names),
        out=out,
        logs=logs,
        model=model,
        stack=stack,
        weights=weights,
        device=device,
        seed=seed,
        batching=Batching.parse(rule, "--max-batch and --max-wait"),
        batch_sizes=batch_sizes,
        loads=loads_of(loads),
        seconds=seconds,
        warm_calls=warm_calls,
        min_s=min_seconds,
    )
    run_scenarios(request, _out)


@app.command("cold-start")
def cold_start(
    stack: Annotated[list[str], typer.Option(help="Optimization stack; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder of one journal a stack.")],
    shape: Annotated[
        list[str] | None,
        typer.Option(help="WIDTHxHEIGHTxSTEPS, in the order called; repeatable; 1024x1024x4."),
    ] = None,
    calls: Annotated[int, typer.Option(min=1, help="Calls of each shape.")] = 6,
    model: Annotated[str, typer.Option(help="Model name or architecture YAML.")] = "flux2-klein-4b",
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint folder; default: synthetic weights.")
    ] = None,
    device: Annotated[str, typer.Option(help="cuda, cuda:N or cpu.")] = "cuda",
    seed: Annotated[int, typer.Option(help="Of weights and latents.")] = 0,
    scratch: Annotated[
        Path | None, typer.Option(help="Folder for weights and compile cache; default OUT.")
    ] = None,
) -> None:
    """Time fresh processes from nothing to their first images, compile cache empty and filled."""
    from measure.runner import device_of
    from measure.shapes import parse_shape
    from measure.starts.command import execute as start_stacks
    from measure.starts.probe import Asked

    shapes = [parse_shape("--shape", each) for each in shape or ("1024x1024x4",)]
    asked = Asked(
        model=model,
        stack=stack[0],
        weights=weights,
        device=str(device_of(device)),
        seed=seed,
        points=tuple((each.width, each.height, each.steps, 1) for each in shapes),
        calls=calls,
        scratch=scratch or out,
    )
    start_stacks(asked, tuple(dict.fromkeys(stack)), out, _out)


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
    from measure.merge import differences
    from measure.merge import merge as join

    calibration = join(files)
    calibration.save(out)
    _out.print(f"{len(calibration.cells)} cells of {len(calibration.runs)} runs in {out}")
    for name, told in differences(calibration).items():
        _out.print(f"[yellow]runs differ in {name}: {told}[/]")


@app.command("import")
def import_timings(
    file: Annotated[
        Path,
        typer.Argument(help="Calls as CSV, aiperf's profile_export.jsonl, or SGLang's JSON."),
    ],
    gpu: Annotated[str, typer.Option(help="GPU key, such as h100-sxm.")],
    gpu_name: Annotated[str, typer.Option(help="Name the driver reports.")],
    memory_gib: Annotated[float, typer.Option(help="Device memory, GiB.")],
    model: Annotated[str, typer.Option(help="Model name, such as flux2-klein-4b.")],
    stack: Annotated[str, typer.Option(help="What the stack is to be called.")],
    out: Annotated[Path, typer.Option(help="File to write; must not exist.")],
    tool: Annotated[
        str, typer.Option("--from", help="csv (width,height,steps,batch,latency_s), aiperf, sglang")
    ] = "csv",
    width: Annotated[int | None, typer.Option(help="Pixels, where the file does not say.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels, where the file does not say.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, where the file does not say.")] = None,
) -> None:
    """Turn calls that another tool timed into a calibration, answered where they were timed."""
    from fluxcost.performance.calibration import GpuIdentity
    from measure.importers.choice import Told, Tool, read_timings
    from measure.importers.record import Ran

    if tool not in set(Tool):
        raise InputError(f"--from is {tool!r}; expected one of {', '.join(Tool)}.")
    device = {"key": gpu, "name": gpu_name, "memory_gib": memory_gib}
    ran = Ran(GpuIdentity.parse(device, "the GPU given"), model, stack)
    calibration = read_timings(Tool(tool), file, ran, Told(width, height, steps))
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


@app.command()
def serve(
    model: Annotated[str, typer.Option(help="Model name or architecture YAML.")] = "flux2-klein-4b",
    stack: Annotated[str, typer.Option(help="Optimization stack.")] = "eager-bf16",
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint folder or hub name; default: synthetic weights.")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option(help="cuda, cuda:N or cpu; repeatable, a replica each.")
    ] = None,
    max_batch: Annotated[int, typer.Option(help="Most images of one call.")] = 1,
    max_wait: Annotated[
        float, typer.Option(help="Longest a request is held back for company, seconds.")
    ] = 0.0,
    queue_limit: Annotated[
        int, typer.Option(help="Images that may wait; requests past it get status 429.")
    ] = 64,
    warm: Annotated[
        list[str] | None,
        typer.Option(help="WIDTHxHEIGHTxSTEPS to make before ready; repeatable."),
    ] = None,
    batch_sizes: Annotated[
        str | None,
        typer.Option(help="Batches to warm, calls are filled up to; default by the stack."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.")] = 8000,
    log: Annotated[
        Path | None, typer.Option(help="Request log (CSV) to append to, for fluxcost reconcile.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of synthetic weights.")] = 0,
) -> None:
    """Serve images over an OpenAI-compatible endpoint, batched as the simulator assumes."""
    from measure.serving.server import Pipelines, ServeRequest
    from measure.serving.server import serve as run_server

    pipelines = Pipelines(
        model=model,
        stack=stack,
        weights=weights,
        devices=tuple(device or ("cuda",)),
        max_batch=max_batch,
        max_wait_s=max_wait,
        queue_limit=queue_limit,
        warm=tuple(warm or ()),
        batch_sizes=batch_sizes,
        seed=seed,
    )
    asked = ServeRequest(pipelines, host, port, log)
    run_server(asked, lambda line: typer.echo(line, err=True))


@app.command()
def endpoint(
    url: Annotated[str, typer.Argument(help="Server that speaks OpenAI's images API.")],
    out: Annotated[Path, typer.Option(help="File to write; must not exist.")],
    shape: Annotated[list[str], typer.Option(help="WIDTHxHEIGHTxSTEPS; repeatable.")],
    images: Annotated[int, typer.Option(help="Images a request.")] = 1,
    calls: Annotated[int, typer.Option(help="Requests sent one at a time, per shape.")] = 20,
    rate: Annotated[
        list[float] | None, typer.Option(help="Requests a second, sent on schedule; repeatable.")
    ] = None,
    requests: Annotated[int, typer.Option(help="Requests at each rate.")] = 200,
    arrivals: Annotated[
        str, typer.Option(help="poisson, constant, or a CSV of timestamp,width,height,steps.")
    ] = "poisson",
    seed: Annotated[int, typer.Option(help="Of the arrivals.")] = 0,
    timeout: Annotated[float, typer.Option(help="Longest an answer may take, seconds.")] = 120.0,
    model: Annotated[str | None, typer.Option(help="Model, where the server needs it.")] = None,
    stack: Annotated[str | None, typer.Option(help="What its stack is to be called.")] = None,
    gpu: Annotated[str | None, typer.Option(help="GPU key, where the server does not say.")] = None,
    gpu_name: Annotated[str | None, typer.Option(help="Name its driver reports.")] = None,
    memory_gib: Annotated[float | None, typer.Option(help="Its memory, GiB.")] = None,
    extra: Annotated[
        str | None, typer.Option(help="JSON object of further fields of every request.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the server's key.")
    ] = None,
) -> None:
    """Time a running server: one request at a time, then at stated rates whatever it answers."""
    from measure.endpoint.run import EndpointRequest, measure_endpoint

    asked = EndpointRequest(
        url=url,
        out=out,
        shapes=tuple(shape),
        images=images,
        calls=calls,
        rates=tuple(rate or ()),
        requests=requests,
        arrivals=arrivals,
        seed=seed,
        timeout_s=timeout,
        model=model,
        stack=stack,
        gpu=(gpu, gpu_name, memory_gib),
        extra=extra,
        api_key_env=api_key_env,
    )
    measure_endpoint(asked, _out)


def main() -> None:
    """Run the command line; a user's mistake is one sentence on stderr and exit code 2."""
    try:
        app()
    except FluxcostError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise  # a fault of ours
        extra = EXTRAS[error.name]
        _fail(f"{error.name} is not installed; pip install 'fluxcost[{extra}]'.")


def _fail(message: str) -> NoReturn:
    typer.echo(f"measure: {message}", err=True)
    raise SystemExit(2) from None
