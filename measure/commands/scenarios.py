"""`python -m measure scenarios`: one replica under load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fluxcost.errors import InputError
from fluxcost.stated import refuse_without
from measure.commands import options
from measure.commands.output import OUT


def scenarios(
    context: typer.Context,
    *,
    scenario: Annotated[
        list[str],
        typer.Option(help="load, single-stream, multi-stream, server or offline; may be repeated."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the record.")],
    config: Annotated[
        list[str] | None,
        typer.Option(help="standard (1024x1024) or fast (512x512, the default); repeatable."),
    ] = None,
    model: options.Model = options.MODEL,
    stack: options.Stack = options.STACK,
    weights: options.Weights = None,
    device: options.Device = "cuda",
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
    from measure.scenarios.runner import ScenarioRequest, execute, loads_of

    _refuse_unread(context, scenario)
    if max_batch == 1 and max_wait > 0:
        refuse_without(context, "--max-batch over 1", ("max_wait",))
    _check(seconds, min_seconds, warm_calls)
    rule = {"max_batch": max_batch, "max_wait_s": max_wait}
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
    execute(request, OUT)


def _refuse_unread(context: typer.Context, scenario: list[str]) -> None:
    if "load" not in scenario:
        refuse_without(context, "--scenario load", ("loads", "seconds"))
    if "server" not in scenario:
        refuse_without(context, "--scenario server", ("p99_within",))
    if set(scenario) == {"load"}:
        refuse_without(
            context, "a scenario of LoadGen's, such as server", ("queries", "min_seconds", "logs")
        )
    for each in context.params["queries"] or ():
        if each.partition("=")[0] not in scenario:
            raise InputError(
                f"--queries is {each!r} and that is no scenario asked for; expected one of "
                f"{', '.join(scenario)}, or --scenario beside it."
            )


def _check(seconds: float, min_seconds: float, warm_calls: int) -> None:
    for option, value in (("--seconds", seconds), ("--min-seconds", min_seconds)):
        if not 0 < value < float("inf"):
            raise InputError(f"{option} is {value}; expected a positive number of seconds.")
    if warm_calls < 2:
        raise InputError(f"--warm-calls is {warm_calls}; expected 2 or more.")
