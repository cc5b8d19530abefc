"""`python -m measure check`: does a calibration hold on this machine?"""

from __future__ import annotations

from typing import Annotated

import typer

from measure.commands import shared
from measure.commands.shared import OUT


def check(
    calibration: Annotated[
        str | None,
        typer.Option(help="Alias or path; default: the one that ships for this GPU and stack."),
    ] = None,
    model: shared.Model = shared.MODEL,
    stack: shared.Stack = shared.STACK,
    weights: shared.Weights = None,
    device: shared.Device = "cuda",
    cells: Annotated[int, typer.Option(help="Number of cells to measure again.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of weights and latents.")] = 0,
) -> None:
    """Measure a few cells again. Exit code 0 if the calibration holds on this machine, else 1."""
    from measure.calibration_check import CheckRequest
    from measure.calibration_check import check_calibration as run_check

    asked = CheckRequest(calibration, model, stack, weights, device, cells, seed)
    if not run_check(asked, OUT).holds:
        raise typer.Exit(1)
