"""Chooses the importer that reads a file, and checks the options it needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fluxcost.errors import InputError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.workload.shape import Shape
from measure.importers.aiperf import read_aiperf
from measure.importers.calls_csv import read_calls
from measure.importers.imported_record import ImportedRun
from measure.importers.sglang import read_sglang


class Tool(StrEnum):
    """Whose file it is."""

    CSV = "csv"
    AIPERF = "aiperf"
    SGLANG = "sglang"


@dataclass(frozen=True)
class ImportOptions:
    """What the command line says of the requests; None where the file is to say it."""

    shape: Shape | None = None
    steps: int | None = None


def read_timings(tool: Tool, path: Path, ran: ImportedRun, options: ImportOptions) -> Calibration:
    """Read a file of another tool.

    Raises:
        InputError: The tool's file says what the command line says too, or neither does; or the
            timings cannot be trusted.
        DocumentError: The file cannot be read or is of another structure.
        UnknownNameError: No such model.
    """
    if tool is Tool.SGLANG:
        if options.shape is None or options.steps is not None:
            raise InputError(
                "--from sglang needs --shape and no --steps, such as --shape 1024x1024x4: the file "
                "does not say what its requests asked for."
            )
        return read_sglang(path, ran, options.shape)
    if options.shape is not None:
        raise InputError(f"--from {tool} takes no --shape: its file says the size.")
    if tool is Tool.AIPERF:
        return read_aiperf(path, ran, steps=options.steps)
    if options.steps is not None:
        raise InputError("--from csv takes no --steps: its file says them.")
    return read_calls(path, ran)
