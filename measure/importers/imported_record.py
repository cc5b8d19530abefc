"""The calibration that every importer makes: whole calls, checked against the GPU's peak."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxcost.errors import InputError
from fluxcost.estimate import Source
from fluxcost.performance.architecture import architecture_path
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import GpuIdentity, Stack
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from fluxcost.performance.roofline import gpu_rates
from fluxcost.workload.shape import Shape

RUN = "imported"

SLOWEST = 1000
"""Times its denoising's floor that no call takes (the slowest of those shipped, 36 times); every
call given in milliseconds for seconds does, since none is quicker than the floor."""

Call = tuple[Shape, int]
"""A shape and a batch."""


@dataclass(frozen=True)
class ImportedRun:
    """What no file says: which GPU, model and stack made the calls.

    Attributes:
        gpu: What the calls ran on.
        model: A model that ships.
        stack: What the stack is to be called; its settings are not known.
    """

    gpu: GpuIdentity
    model: str
    stack: str


def calibration_of_calls(
    path: Path, ran: ImportedRun, calls: Mapping[Call, Sequence[float]]
) -> Calibration:
    """Return the calibration of timed calls.

    Args:
        path: Where they are from.
        ran: What made them.
        calls: Seconds of every call, by shape and batch.

    Raises:
        UnknownNameError: No such model.
        InputError: There is no call, or one is quicker than the GPU's peak allows, or
            slower than any call.
    """
    cells = [
        Cell.parse(_head(call) | {"run": RUN, "reported_wall_s": tuple(calls_s)}, str(path))
        for call, calls_s in calls.items()
    ]
    return calibration_of_cells(path, ran, cells)


def calibration_of_figure(
    path: Path, ran: ImportedRun, call: Call, latency_s: float
) -> Calibration:
    """Return the calibration of one figure that stands for many calls.

    Raises:
        UnknownNameError: No such model.
        InputError: It is quicker than the GPU's peak allows, or slower than any call.
    """
    cell = Cell.parse(_head(call) | {"run": RUN, "reported_latency_s": latency_s}, str(path))
    return calibration_of_cells(path, ran, [cell])


def calibration_of_cells(path: Path, ran: ImportedRun, cells: Sequence[Cell]) -> Calibration:
    """Return the calibration of cells, checked against the chip's peak.

    Raises:
        UnknownNameError: No such model.
        InputError: There is no cell, or one is quicker than the GPU's peak allows, or
            slower than any call.
    """
    architecture_path(ran.model)
    document = {
        "gpu": ran.gpu,
        "model": ran.model,
        # Named, so that stacks of different names differ in hash and are never merged.
        "stack": Stack(alias=ran.stack, settings={"imported_as": ran.stack}),
        "source": Source.IMPORTED,
        "reference": path.name,
        "cells": tuple(cells),
    }
    calibration = Calibration.parse(document, str(path))
    _check_floors(path, calibration)
    return calibration


def shape_of(where: str, width: int, height: int, steps: int, references: int = 0) -> Shape:
    """Return the shape; a bad one is said with where it stands.

    Raises:
        InputError: A side is not a multiple of 16 pixels, or a count is out of range.
    """
    try:
        return Shape(width, height, steps, references)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _head(call: Call) -> dict[str, Any]:
    shape, batch = call
    return {
        "width": shape.width,
        "height": shape.height,
        "steps": shape.steps,
        "batch": batch,
        "reference_images": shape.reference_images,
    }


def _check_floors(path: Path, calibration: Calibration) -> None:
    """Refuse calls quicker than denoising can be, or far slower: of another unit, mostly."""
    if calibration.gpu.key not in gpu_rates():
        return
    fitted = fit(calibration)
    for cell in calibration.cells:
        least_s = cell.steps * fitted.floor(cell.shape, cell.batch).denoise_step_s
        took_s = cell.reported_latency_s or statistics.median(cell.calls_s)
        if took_s < least_s:
            raise InputError(
                f"{path}: {cell.label} takes {took_s:g} s, under the {least_s:.3g} s that its "
                "denoising takes at the chip's peak; expected seconds of whole calls."
            )
        if took_s > SLOWEST * least_s:
            raise InputError(
                f"{path}: {cell.label} takes {took_s:g} s, over {SLOWEST} times the {least_s:.3g} "
                "s that its denoising takes at the chip's peak; expected seconds, not milliseconds."
            )
