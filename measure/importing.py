"""A user's own timings: a CSV of whole calls becomes a calibration.

Nothing is known of their stages or their machine, so a fit answers at the cells given and nowhere
else, and every answer says `imported`.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterator
from pathlib import Path

from fluxcost.documents import read_text
from fluxcost.errors import DocumentError, InputError
from fluxcost.estimate import Source
from fluxcost.performance.architecture import architecture_path
from fluxcost.performance.calibration import Calibration, Cell, GpuIdentity, Stack
from fluxcost.performance.fit import fit
from fluxcost.performance.gpus import gpu_rates
from fluxcost.workload import Shape

COUNTS = ("width", "height", "steps", "batch")
LATENCY = "latency_s"
REFERENCES = "reference_images"
"""Optional column; 0 where it is absent."""

Point = tuple[Shape, int]


def read_calls(path: Path, *, gpu: GpuIdentity, model: str, stack: str) -> Calibration:
    """Read a CSV with one row a call: width, height, steps, batch, latency_s.

    Args:
        path: The file; a column `reference_images` is optional, others are refused.
        gpu: What the calls ran on.
        model: A model that ships.
        stack: What the stack is to be called; its settings are not known.

    Raises:
        DocumentError: The file cannot be read, or its columns are not these.
        UnknownNameError: No such model.
        InputError: A row is out of range, or quicker than the GPU's peak allows.
    """
    architecture_path(model)
    calls: dict[Point, list[float]] = {}
    for point, latency_s in _rows(path):
        calls.setdefault(point, []).append(latency_s)
    document = {
        "gpu": gpu,
        "model": model,
        # Named, so that stacks of different names differ in hash and are never merged.
        "stack": Stack(alias=stack, settings={"imported_as": stack}),
        "source": Source.IMPORTED,
        "reference": path.name,
        "cells": tuple(_cell(point, tuple(each)) for point, each in calls.items()),
    }
    calibration = Calibration.parse(document, str(path))
    _check_floors(path, calibration)
    return calibration


def _check_floors(path: Path, calibration: Calibration) -> None:
    """Refuse calls quicker than their denoising can be: milliseconds taken for seconds, mostly."""
    if calibration.gpu.key not in gpu_rates():
        return
    fitted = fit(calibration)
    for cell in calibration.cells:
        least_s = cell.steps * fitted.floor(cell.shape, cell.batch).denoise_step_s
        median_s = statistics.median(cell.calls_s)
        if median_s < least_s:
            raise InputError(
                f"{path}: {cell.label} takes {median_s:g} s, under the {least_s:.3g} s that its "
                "denoising takes at the chip's peak; expected seconds of whole calls."
            )


def _rows(path: Path) -> Iterator[tuple[Point, float]]:
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


def _row(where: str, row: dict[str, str]) -> tuple[Point, float]:
    if None in row or None in row.values():
        raise InputError(f"{where}: has more or fewer fields than columns; give one a column.")
    width, height, steps, batch = (_whole(where, name, row[name]) for name in COUNTS)
    if batch < 1:
        raise InputError(f"{where}: batch is {batch}; expected at least 1.")
    references = _whole(where, REFERENCES, row.get(REFERENCES, "0"))
    try:
        shape = Shape(width, height, steps, references)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
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


def _cell(point: Point, calls_s: tuple[float, ...]) -> Cell:
    shape, batch = point
    return Cell(
        width=shape.width,
        height=shape.height,
        steps=shape.steps,
        batch=batch,
        reference_images=shape.reference_images,
        run="imported",
        reported_wall_s=calls_s,
    )
