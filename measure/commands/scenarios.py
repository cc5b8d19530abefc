"""`python -m measure scenarios`: one replica under load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fluxcost.command_line import refuse_without
from fluxcost.errors import InputError
from measure.commands import shared
from measure.commands.shared import OUT


def scenarios(
    context: typer.Context,
    *,
    scenario: Annotated[
        list[str],
        typer.Option(help="load, single-stream, multi-stream, server or offline; repeatable."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write the record to.")],
    config: Annotated[
        list[str] | None,
        typer.Option(help="standard (1024x1024x4) or fast (512x512x4, the default); repeatable."),
    ] = None,
    model: shared.Model = shared.MODEL,
    stack: shared.Stack = shared.STACK,
    weights: shared.Weights = None,
    device: shared.Device = "cuda",
    seed: Annotated[int, typer.Option(help="Seed of weights, latents and arrivals.")] = 0,
    max_batch: Annotated[int, typer.Option(help="Most images in one call.")] = 4,
    max_wait: Annotated[
        float, typer.Option(help="Longest an image waits for its batch to fill, seconds.")
    ] = 0.0,
    batch_sizes: Annotated[
        str | None,
        typer.Option(
            help="Batch sizes that are made, such as 1,2,4: a call is padded to the next. Default: "
            "every size, or powers of two where the stack compiles each."
        ),
    ] = None,
    loads: Annotated[
        str,
        typer.Option(
            help="With --scenario load: arrival rates as shares of the replica's capacity."
        ),
    ] = "0.5,0.7,0.85,0.95,1.1",
    seconds: Annotated[
        float, typer.Option(help="With --scenario load: seconds of arrivals in each run.")
    ] = 18.0,
    warm_calls: Annotated[
        int, typer.Option(help="Timed calls of each batch size, before and after the loads.")
    ] = 12,
    queries: Annotated[
        list[str] | None,
        typer.Option(help="SCENARIO=N: least queries of a LoadGen scenario; repeatable."),
    ] = None,
    min_seconds: Annotated[float, typer.Option(help="Shortest LoadGen run, seconds.")] = 5.0,
    p99_within: Annotated[
        float | None,
        typer.Option(
            help="Bound of the server scenario's p99 latency, seconds; default: that of --config."
        ),
    ] = None,
    logs: Annotated[
        Path | None, typer.Option(help="Folder for LoadGen's own logs; default: not kept.")
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHTxSTEPS; default: the configuration's, see --config."),
    ] = None,
) -> None:
    """Time one replica under load: MLPerf-style with LoadGen, or at stated arrival rates."""
    from fluxcost.capacity.fleet import Batching
    from measure.scenarios.scenario_configs import config_of, scenario_of
    from measure.scenarios.scenario_run import ScenarioRequest, loads_of, run_scenarios

    _refuse_unread(context, scenario)
    if max_batch == 1 and max_wait > 0:
        refuse_without(context, "--max-batch over 1", ("max_wait",))
    _check(seconds, min_seconds, warm_calls)
    rule = {"max_batch": max_batch, "max_wait_s": max_wait}
    names = dict.fromkeys(config or ["fast"])
    request = ScenarioRequest(
        scenarios=tuple(dict.fromkeys(scenario_of(each) for each in scenario)),
        configs=tuple(config_of(each, shape, queries or (), p99_within) for each in names),
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
    run_scenarios(request, OUT)


def _refuse_unread(context: typer.Context, scenario: list[str]) -> None:
    if "load" not in scenario:
        refuse_without(context, "--scenario load", ("loads", "seconds"))
    if "server" not in scenario:
        refuse_without(context, "--scenario server", ("p99_within",))
    if set(scenario) == {"load"}:
        refuse_without(
            context, "a LoadGen scenario (such as server)", ("queries", "min_seconds", "logs")
        )
    for each in context.params["queries"] or ():
        if each.partition("=")[0] not in scenario:
            raise InputError(
                f"--queries is {each!r} and --scenario does not name that; expected one of "
                f"{', '.join(scenario)}, or one more --scenario."
            )


def _check(seconds: float, min_seconds: float, warm_calls: int) -> None:
    for option, value in (("--seconds", seconds), ("--min-seconds", min_seconds)):
        if not 0 < value < float("inf"):
            raise InputError(f"{option} is {value}; expected a positive number of seconds.")
    if warm_calls < 2:
        raise InputError(f"--warm-calls is {warm_calls}; expected 2 or more.")
