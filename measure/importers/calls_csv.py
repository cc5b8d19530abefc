"""A user's own timings: a CSV with one row a call."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from fluxcost.documents import read_text
from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.calibration.schema import Calibration
from measure.importers.imported_record import Call, ImportedRun, calibration_of_calls, shape_of

COUNTS = ("width", "height", "steps", "batch")
LATENCY = "latency_s"
REFERENCES = "reference_images"
"""Optional column; 0 where it is absent."""


def read_calls(path: Path, ran: ImportedRun) -> Calibration:
    """Read a CSV with one row a call: width, height, steps, batch, latency_s.

    Args:
        path: The file; a column `reference_images` is optional, others are refused.
        ran: What made the calls.

    Raises:
        DocumentError: The file cannot be read, or its columns are not these.
        UnknownNameError: No such model.
        InputError: A row is out of range, or quicker than the GPU's peak allows.
    """
    calls: dict[Call, list[float]] = {}
    for call, latency_s in _rows(path):
        calls.setdefault(call, []).append(latency_s)
    return calibration_of_calls(path, ran, calls)


def _rows(path: Path) -> Iterator[tuple[Call, float]]:
    reader = csv.DictReader(read_text(path).removeprefix("\ufeff").splitlines(), strict=True)
    try:
        _check_columns(path, list(reader.fieldnames or ()))
        for row in reader:
            yield _row(f"{path}, line {reader.line_num}", row)
    except csv.Error as error:
        raise DocumentError(f"{path}: not usable as CSV: {error}.") from None


def _check_columns(path: Path, columns: list[str]) -> None:
    needed = {*COUNTS, LATENCY}
    if not needed <= set(columns) <= needed | {REFERENCES} or len(set(columns)) < len(columns):
        raise DocumentError(
            f"{path}: the columns are {','.join(columns) or 'absent'}; expected "
            f"{','.join((*COUNTS, LATENCY))} and at most {REFERENCES} besides, each once."
        )


def _row(where: str, row: dict[str, str]) -> tuple[Call, float]:
    if None in row or None in row.values():
        raise InputError(f"{where}: has more or fewer fields than columns; give one a column.")
    width, height, steps, batch = (_whole(where, name, row[name]) for name in COUNTS)
    if batch < 1:
        raise InputError(f"{where}: batch is {batch}; expected at least 1.")
    references = _whole(where, REFERENCES, row.get(REFERENCES, "0"))
    shape = shape_of(where, width, height, steps, references)
    return (shape, batch), _seconds(where, row[LATENCY])


def _whole(where: str, name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{where}: {name} is {text!r}; expected a whole number.") from None


def _seconds(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InputError(f"{where}: {LATENCY} is {text!r}; expected seconds over 0.")
    return value
