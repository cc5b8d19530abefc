"""The journal of a campaign: one line a cell, so that a kill loses at most one cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from fluxcost.errors import DocumentError
from fluxcost.performance.calibration.extra_measurements import (
    AdaptiveStop,
    ContextParallelImage,
    Encoding,
    GpuLink,
    MemoryEdge,
    Pipelined,
    Replica,
    Sameness,
    Soak,
    WeightScale,
)
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import (
    Ceilings,
    ColdStartRecord,
    GpuIdentity,
    MeasuringRun,
    Stack,
)
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.records import FirstVersion, Name, Record
from fluxcost.workload.shape import Shape
from measure.json_lines import JsonLinesFile, JsonLinesHeader

SYNTHETIC = "synthetic"
"""Weights of a header without a checkpoint."""


class JournalHeader(JsonLinesHeader):
    """What a journal measures: every row after it shares this."""

    format: Literal["fluxcost-journal"] = "fluxcost-journal"
    version: FirstVersion = 1
    gpu: GpuIdentity
    model: Name
    architecture_hash: Name
    stack: Stack
    weights: Name
    seed: int

    def comparable(self) -> dict[str, Any]:
        """Return what must agree, by the name a message calls it."""
        # Memory differs by a few MiB between machines of one kind; the key tells the kind.
        return {
            "gpu": self.gpu.key,
            "model": self.model,
            "architecture": self.architecture_hash,
            "stack": self.stack.hash,
            "weights": self.weights,
            "seed": self.seed,
        }


class JournalRow(Record):
    """One line after the header: exactly one thing, and what is said of it."""

    run: MeasuringRun | None = None
    ceilings: Ceilings | None = None
    cold_start: ColdStartRecord | None = None
    cell: Cell | None = None
    soak: Soak | None = None
    pipelined: Pipelined | None = None
    weight_scales: tuple[WeightScale, ...] | None = None
    sameness: Sameness | None = None
    replica: Replica | None = None
    encoding: Encoding | None = None
    link: GpuLink | None = None
    split_image: ContextParallelImage | None = None
    memory_edge: MemoryEdge | None = None
    adaptive_stop: AdaptiveStop | None = None
    held_out: bool = Field(
        default=False, description="Of a cell or edge kept from every fit, to score them on."
    )
    of_run: Name | None = Field(default=None, description="Run of ceilings and cold start.")


class Journal(JsonLinesFile[JournalHeader, JournalRow]):
    """The header and rows of a campaign, and the open, locked file they go to."""

    header_type = JournalHeader
    row_type = JournalRow

    @property
    def cells(self) -> dict[tuple[Shape, int], Cell]:
        """Cells by shape and batch."""
        cells = (row.cell for row in self.rows if row.cell)
        return {(cell.shape, cell.batch): cell for cell in cells}

    @property
    def has_fitted_cells(self) -> bool:
        """Whether there is a cell that a fit may see."""
        return any(row.cell and not row.held_out for row in self.rows)

    @property
    def has_held_out_cells(self) -> bool:
        """Whether there is a cell that no fit may see."""
        return any(row.cell and row.held_out for row in self.rows)

    def calibration(self) -> Calibration:
        """Join the rows into a calibration, without what is held out.

        Raises:
            InputError: There is no cell yet.
        """
        return join_rows(self.header, self.rows, f"the journal {self._stream.name}")

    def held_out(self) -> Calibration:
        """Join what is held out into a record of its own.

        Raises:
            InputError: No cell is.
        """
        where = f"what is held out in the journal {self._stream.name}"
        return join_held_out(self.header, self.rows, where)


def read_journal(path: Path) -> Calibration:
    """Read a journal, finished or not, as the calibration its whole rows make.

    Raises:
        DocumentError: It cannot be read, holds nothing, or a line in it is damaged.
        InputError: There is no cell yet.
    """
    return join_rows(*read_rows(path), f"the journal {path}")


def read_rows(path: Path) -> tuple[JournalHeader, list[JournalRow]]:
    """Read a journal's header and whole rows, whether there is a cell among them or not.

    Raises:
        DocumentError: It cannot be read, holds nothing, or a line in it is damaged.
    """
    found = Journal.read(path)
    if found is None:
        raise DocumentError(f"{path}: empty; expected a journal that measure wrote.")
    return found


def join_held_out(header: JournalHeader, rows: list[JournalRow], where: str) -> Calibration:
    """Join the cells and memory edges that are held out into a record, with the runs they are of.

    Raises:
        InputError: There is no cell among them.
    """
    kept = [row.model_copy(update={"held_out": False}) for row in rows if row.held_out]
    of_runs = {each.run for row in kept if (each := row.cell or row.memory_edge)}
    runs = [row for row in rows if row.run and row.run.id in of_runs]
    ceilings = [row for row in rows if row.ceilings and row.of_run in of_runs]
    return join_rows(header, runs + ceilings + kept, where)


def join_rows(header: JournalHeader, rows: list[JournalRow], where: str) -> Calibration:
    """Join rows into a calibration, without what is held out.

    Raises:
        InputError: There is no cell among them.
    """
    identity = {"gpu": header.gpu, "model": header.model, "stack": header.stack}
    return Calibration.parse(identity | calibration_fields(rows), where)


def calibration_fields(rows: list[JournalRow]) -> dict[str, list[Any]]:
    """Return what rows hold, without what is held out, by a calibration's names for it."""
    rows = [row for row in rows if not row.held_out]
    runs = [row.run for row in rows if row.run]
    return {
        "runs": [_with_probes(run, rows) for run in runs],
        "cells": [row.cell for row in rows if row.cell],
        "soaks": [row.soak for row in rows if row.soak],
        "pipelined": [row.pipelined for row in rows if row.pipelined],
        "weight_scales": [each for row in rows for each in row.weight_scales or ()],
        "sameness": [row.sameness for row in rows if row.sameness],
        "replicas": [row.replica for row in rows if row.replica],
        "encodings": [row.encoding for row in rows if row.encoding],
        "links": [row.link for row in rows if row.link],
        "split_images": [row.split_image for row in rows if row.split_image],
        "memory_edges": [row.memory_edge for row in rows if row.memory_edge],
        "adaptive_stops": [row.adaptive_stop for row in rows if row.adaptive_stop],
    }


def _with_probes(run: MeasuringRun, rows: list[JournalRow]) -> MeasuringRun:
    update: dict[str, Any] = {}
    for row in rows:
        if row.of_run == run.id:
            update |= {"ceilings": row.ceilings} if row.ceilings else {}
            update |= {"cold_start": row.cold_start} if row.cold_start else {}
    return run.model_copy(update=update)
