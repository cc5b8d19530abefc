"""Chooses the importer that reads a file, and checks the options it needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fluxcost.errors import InputError
from fluxcost.performance.calibration import Calibration
from fluxcost.workload import Shape
from measure.importers.aiperf import read_aiperf
from measure.importers.calls_csv import read_calls
from measure.importers.record import Ran
from measure.importers.sglang import read_sglang


class Tool(StrEnum):
    """Whose file it is."""

    CSV = "csv"
    AIPERF = "aiperf"
    SGLANG = "sglang"


@dataclass(frozen=True)
class Told:
    """What the command line says of the requests; None where the file is to say it."""

    width: int | None = None
    height: int | None = None
    steps: int | None = None


def read_timings(tool: Tool, path: Path, ran: Ran, told: Told) -> Calibration:
    """Read a file of another tool.

    Raises:
        InputError: The tool's file says what the command line says too, or neither does; or the
            timings cannot be trusted.
        DocumentError: The file cannot be read or is of another structure.
        UnknownNameError: No such model.
    """
    size = (told.width, told.height)
    if tool is Tool.SGLANG:
        if told.width is None or told.height is None or told.steps is None:
            raise InputError(
                "--from sglang needs --width, --height and --steps: the file does not say what its "
                "requests asked for."
            )
        return read_sglang(path, ran, Shape(told.width, told.height, told.steps))
    if size != (None, None):
        raise InputError(f"--from {tool} takes no --width and --height: its file says the size.")
    if tool is Tool.AIPERF:
        return read_aiperf(path, ran, steps=told.steps)
    if told.steps is not None:
        raise InputError("--from csv takes no --steps: its file says them.")
    return read_calls(path, ran)
