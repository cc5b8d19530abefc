"""`python -m measure endpoint`: a server that runs already, timed from outside."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxcost.stated import refuse_beside, refuse_without
from measure.commands import options
from measure.commands.output import OUT


def endpoint(
    context: typer.Context,
    *,
    url: Annotated[str, typer.Argument(help="Server that speaks OpenAI's images API.")],
    out: options.NewFile,
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

    if gpu is None:
        refuse_without(context, "--gpu", ("gpu_name", "memory_gib"))
    if arrivals.endswith(".csv"):
        drawn = ("rate", "requests", "seed")
        refuse_beside(context, "a CSV as --arrivals, which says when", drawn)
    elif not rate:
        refuse_without(context, "--rate", ("requests", "arrivals", "seed"))
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
    measure_endpoint(asked, OUT)
