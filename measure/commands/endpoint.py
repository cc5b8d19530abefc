"""`python -m measure endpoint`: a server that runs already, timed from outside."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxcost.command_line import refuse_beside, refuse_without
from measure.commands import shared
from measure.commands.shared import OUT


def endpoint(
    context: typer.Context,
    *,
    url: Annotated[str, typer.Argument(help="URL of a server with OpenAI's images API.")],
    out: shared.NewFile,
    shape: Annotated[list[str], typer.Option(help="WIDTHxHEIGHTxSTEPS; repeatable.")],
    images: Annotated[int, typer.Option(help="Images per request.")] = 1,
    calls: Annotated[int, typer.Option(help="Requests sent one at a time, for each shape.")] = 20,
    rate: Annotated[
        list[float] | None, typer.Option(help="Requests per second, sent on schedule; repeatable.")
    ] = None,
    requests: Annotated[int, typer.Option(help="Requests at each rate.")] = 200,
    arrivals: Annotated[
        str, typer.Option(help="poisson, constant, or a CSV with timestamp,width,height,steps.")
    ] = "poisson",
    seed: Annotated[int, typer.Option(help="Seed of the arrivals.")] = 0,
    timeout: Annotated[float, typer.Option(help="Longest wait for an answer, seconds.")] = 120.0,
    model: Annotated[
        str | None, typer.Option(help="Model name to send, where the server needs it.")
    ] = None,
    stack: Annotated[str | None, typer.Option(help="Name for the server's stack.")] = None,
    gpu: Annotated[
        str | None,
        typer.Option(help="GPU key, such as h100-sxm, where the server does not report it."),
    ] = None,
    gpu_name: Annotated[
        str | None, typer.Option(help="With --gpu: name that its driver reports.")
    ] = None,
    memory_gib: Annotated[
        float | None, typer.Option(help="With --gpu: device memory, GiB.")
    ] = None,
    extra: Annotated[
        str | None, typer.Option(help="JSON object of more fields for every request.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the server's key.")
    ] = None,
) -> None:
    """Time a running server: one request at a time, then at stated rates in an open loop."""
    from measure.endpoint.endpoint_run import EndpointRequest, measure_endpoint

    if gpu is None:
        refuse_without(context, "--gpu", ("gpu_name", "memory_gib"))
    if arrivals.endswith(".csv"):
        drawn = ("rate", "requests", "seed")
        refuse_beside(context, "a CSV as --arrivals, which states when requests are sent", drawn)
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
