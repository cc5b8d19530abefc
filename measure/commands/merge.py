"""`python -m measure merge`: several campaigns as one calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from measure.commands import shared
from measure.commands.shared import OUT


def merge(
    files: Annotated[list[Path], typer.Argument(help="Calibrations (.json) or journals (.jsonl).")],
    out: shared.NewFile,
) -> None:
    """Merge campaigns of one GPU type, model and stack into one calibration."""
    from measure.calibration_merge import differences
    from measure.calibration_merge import merge_calibrations as join

    calibration = join(files)
    calibration.save(out)
    OUT.print(f"{len(calibration.cells)} cells of {len(calibration.runs)} runs in {out}")
    for name, values in differences(calibration).items():
        OUT.print(f"[yellow]runs differ in {name}: {values}[/]")
