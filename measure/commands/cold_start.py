"""`python -m measure cold-start`: processes from nothing to their first images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from measure.commands import shared
from measure.commands.shared import OUT


def cold_start(
    *,
    stack: Annotated[list[str], typer.Option(help="Optimization stack; repeatable.")],
    out: Annotated[Path, typer.Option(help="Folder to write to, one journal per stack.")],
    shape: Annotated[
        list[str] | None,
        typer.Option(
            help="WIDTHxHEIGHTxSTEPS, called in the order given; repeatable; default: 1024x1024x4."
        ),
    ] = None,
    calls: Annotated[int, typer.Option(min=1, help="Calls of each shape in each process.")] = 6,
    model: shared.Model = shared.MODEL,
    weights: Annotated[
        str | None, typer.Option(help="Checkpoint folder; default: synthetic weights.")
    ] = None,
    device: shared.Device = "cuda",
    seed: Annotated[int, typer.Option(help="Seed of weights and latents.")] = 0,
    scratch: Annotated[
        Path | None, typer.Option(help="Folder for weights and compile cache; default: OUT.")
    ] = None,
) -> None:
    """Time cold starts: fresh processes to their first images, compile cache empty and filled."""
    from fluxcost.workload.shape import parse_shape
    from measure.campaign_runner import device_of
    from measure.cold_starts.cold_start_probe import ColdStartRequest, run_cold_starts

    shapes = [parse_shape(each) for each in shape or (shared.SHAPE,)]
    asked = ColdStartRequest(
        model=model,
        stack=stack[0],
        weights=weights,
        device=str(device_of(device)),
        seed=seed,
        points=tuple((each.width, each.height, each.steps, 1) for each in shapes),
        calls=calls,
        scratch=scratch or out,
    )
    run_cold_starts(asked, tuple(dict.fromkeys(stack)), out, OUT)
