"""Calls with reference images, beside what a fit without them says."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import fluxcost as fc
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.editing import edit_cells
from scripts.models.compared import KLEIN
from scripts.models.figures import seconds_text
from scripts.tables import table


def editing(fitted: fc.Fit) -> Iterable[str]:
    """Return the section of calls with reference images; nothing where none was timed."""
    cells = edit_cells(fitted.calibration)
    if not cells:
        return
    yield from (
        "## Edits: time by number of reference images",
        "",
        f"{KLEIN}, 4 steps. Each edit is also predicted by a fit without its cells. A step is",
        "predicted as that of a larger image with as many tokens. The time to encode and prepare",
        "the references is predicted from the other edits.",
        "",
        *table(
            (
                "size",
                "batch",
                "references",
                "measured, s",
                "relative to none",
                "predicted, s",
                "error",
            ),
            (_edit_row(fitted, cell) for cell in cells),
        ),
        "",
    )


def _edit_row(fitted: fc.Fit, cell: Cell) -> tuple[str, ...]:
    record = fitted.calibration
    rest = tuple(each for each in record.cells if (each.shape, each.batch) != _point(cell))
    blind = fc.fit(record.model_copy(update={"cells": rest})).latency(cell.shape, cell.batch)
    seconds = float(np.median(cell.calls_s))
    plain = [
        float(np.median(each.calls_s))
        for each in record.ok_cells
        if _point(each) == (fc.Shape(cell.width, cell.height, cell.steps), cell.batch)
        and each.run == cell.run
    ]
    return (
        f"{cell.width}x{cell.height}",
        str(cell.batch),
        str(cell.reference_images),
        f"{seconds:.3f}",
        f"{seconds / plain[0]:.2f}" if plain else "",
        seconds_text(blind),
        f"{blind.value / seconds - 1:+.1%}",
    )


def _point(cell: Cell) -> tuple[fc.Shape, int]:
    return cell.shape, cell.batch
