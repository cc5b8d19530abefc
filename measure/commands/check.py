"""`python -m measure check`: does a calibration hold on this machine?"""

from __future__ import annotations

from typing import Annotated

import typer

from measure.commands import options
from measure.commands.output import OUT


def check(
    calibration: Annotated[
        str | None, typer.Option(help="Alias or file; default: shipped for this GPU and stack.")
    ] = None,
    model: options.Model = options.MODEL,
    stack: options.Stack = options.STACK,
    weights: options.Weights = None,
    device: options.Device = "cuda",
    cells: Annotated[int, typer.Option(help="How many cells to measure again.")] = 4,
    seed: Annotated[int, typer.Option(help="Of weights and latents.")] = 0,
) -> None:
    """Measure a few cells again: does the calibration hold here? Exit code 0 if so, 1 if not."""
    from measure.check.run import CheckRequest
    from measure.check.run import check as run_check

    asked = CheckRequest(calibration, model, stack, weights, device, cells, seed)
    if not run_check(asked, OUT).holds:
        raise typer.Exit(1)
