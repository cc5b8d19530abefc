"""`python -m measure report`: what a calibration holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from measure.commands.shared import OUT


def report(file: Annotated[Path, typer.Argument(help="Calibration JSON.")]) -> None:
    """Print a calibration's cells, stages, ceilings and probes."""
    from fluxcost.performance.calibration.schema import read_calibration
    from measure.calibration_report import print_report

    print_report(read_calibration(file), OUT)
