"""`python -m measure serve`: the endpoint that plans assume."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fluxcost.command_line import refuse_without
from measure.commands import shared


def serve(
    context: typer.Context,
    *,
    model: shared.Model = shared.MODEL,
    stack: shared.Stack = shared.STACK,
    weights: shared.Weights = None,
    device: Annotated[
        list[str] | None,
        typer.Option(help="cuda, cuda:N or cpu; repeatable, one replica for each."),
    ] = None,
    max_batch: Annotated[int, typer.Option(help="Most images in one call.")] = 1,
    max_wait: Annotated[
        float, typer.Option(help="Longest a request waits for its batch to fill, seconds.")
    ] = 0.0,
    queue_limit: Annotated[
        int, typer.Option(help="Images that may wait; further requests get status 429.")
    ] = 64,
    warm: Annotated[
        list[str] | None,
        typer.Option(help="WIDTHxHEIGHTxSTEPS to make before the server is ready; repeatable."),
    ] = None,
    batch_sizes: Annotated[
        str | None,
        typer.Option(help="Batch sizes that are made, such as 1,2,4; default: by the stack."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.")] = 8000,
    log: Annotated[
        Path | None,
        typer.Option(help="CSV to append a log of requests to, for `fluxcost reconcile`."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of synthetic weights.")] = 0,
) -> None:
    """Serve images over an OpenAI-compatible endpoint, batched as the simulator assumes."""
    from measure.serving.server import Pipelines, ServeRequest
    from measure.serving.server import serve as run_server

    if max_batch == 1 and max_wait > 0:
        refuse_without(context, "--max-batch over 1", ("max_wait",))
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
