"""The journal: one JSON object a line, appended and fsynced, so a kill loses at most one cell.

The first line says what is measured on what; a run of the same thing on the same kind of GPU may
append to it, anything else is refused. A last line without its newline was torn by a kill and is
cut off when the journal is next opened. A lock keeps a second campaign out.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any, Literal, Self

from pydantic import Field

from fluxcost.documents import read_text
from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.calibration import (
    AdaptiveStop,
    Calibration,
    Ceilings,
    Cell,
    ColdStart,
    Encoding,
    GpuIdentity,
    Link,
    MemoryEdge,
    Pipelined,
    Replica,
    Run,
    Sameness,
    Soak,
    SplitImage,
    Stack,
    WeightScale,
)
from fluxcost.records import Name, Record

NAME = "journal.jsonl"

SYNTHETIC = "synthetic"
"""Weights of a header without a checkpoint."""


class Header(Record):
    """What a journal measures: every row after it shares this."""

    format: Literal["fluxcost-journal"] = "fluxcost-journal"
    version: Literal[1] = 1
    gpu: GpuIdentity
    model: Name
    architecture_hash: Name
    stack: Stack
    weights: Name
    seed: int

    def differences(self, other: Header) -> list[str]:
        """Return 'field: mine, not theirs' for all that would make rows incomparable."""
        mine, theirs = self._comparable(), other._comparable()
        return [
            f"{key} {theirs[key]!r}, not {mine[key]!r}" for key in mine if mine[key] != theirs[key]
        ]

    def _comparable(self) -> dict[str, Any]:
        # Memory differs by a few MiB between machines of one kind; the key tells the kind.
        return {
            "gpu": self.gpu.key,
            "model": self.model,
            "architecture": self.architecture_hash,
            "stack": self.stack.hash,
            "weights": self.weights,
            "seed": self.seed,
        }


class Row(Record):
    """One line after the header: exactly one thing, and what is said of it."""

    run: Run | None = None
    ceilings: Ceilings | None = None
    cold_start: ColdStart | None = None
    cell: Cell | None = None
    soak: Soak | None = None
    pipelined: Pipelined | None = None
    weight_scales: tuple[WeightScale, ...] | None = None
    sameness: Sameness | None = None
    replica: Replica | None = None
    encoding: Encoding | None = None
    link: Link | None = None
    split_image: SplitImage | None = None
    memory_edge: MemoryEdge | None = None
    adaptive_stop: AdaptiveStop | None = None
    held_out: bool = Field(
        default=False, description="Of a cell or edge kept from every fit, to score them on."
    )
    of_run: Name | None = Field(default=None, description="Run of ceilings and cold start.")


class Journal:
    """The header and rows of a journal, and the open, locked file they go to."""

    def __init__(self, stream: IO[bytes], header: Header, rows: list[Row]) -> None:
        self._stream = stream
        self.header = header
        self.rows = rows

    @classmethod
    def open(cls, folder: Path, header: Header) -> Self:
        """Create or continue the journal of a folder.

        Raises:
            InputError: Another campaign has it open, or it measures something else.
            DocumentError: It cannot be read or written, or a line in its middle is damaged.
        """
        path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stream = path.open("a+b")
        except OSError as error:
            raise DocumentError(f"{path}: {error.strerror}; give a folder to write to.") from None
        try:
            return cls._locked(stream, path, header)
        except BaseException:
            stream.close()
            raise

    @classmethod
    def _locked(cls, stream: IO[bytes], path: Path, header: Header) -> Self:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{path} is in use by another campaign; wait for it.") from None
        cut_torn_line(stream)
        found = _read(path)
        if found is None:
            journal = cls(stream, header, [])
            journal._write(header)
            return journal
        old, rows = found
        if differences := header.differences(old):
            raise InputError(
                f"{path} measures {'; '.join(differences)}; choose another folder for --out."
            )
        return cls(stream, old, rows)

    def append(self, row: Row) -> None:
        """Write one row through to the disk before returning.

        Raises:
            DocumentError: The disk is full or gone; the rows before are intact.
        """
        self._write(row)
        self.rows.append(row)

    def close(self) -> None:
        """Release the journal."""
        self._stream.close()

    def _write(self, record: Record) -> None:
        line = record.model_dump_json(exclude_defaults=not isinstance(record, Header)) + "\n"
        try:
            self._stream.write(line.encode())
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise DocumentError(
                f"{self._stream.name}: {error.strerror}; the rows before are safe: free the disk "
                "and run the same command again."
            ) from None

    @property
    def cells(self) -> dict[tuple[int, int, int, int], Cell]:
        """Cells by (width, height, steps, batch)."""
        cells = (row.cell for row in self.rows if row.cell)
        return {(cell.width, cell.height, cell.steps, cell.batch): cell for cell in cells}

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
    found = _read(path)
    if found is None:
        raise DocumentError(f"{path}: empty; expected a journal that measure wrote.")
    return join_rows(*found, f"the journal {path}")


def join_held_out(header: Header, rows: list[Row], where: str) -> Calibration:
    """Join the cells and memory edges that are held out into a record, with the runs they are of.

    Raises:
        InputError: There is no cell among them.
    """
    kept = [row.model_copy(update={"held_out": False}) for row in rows if row.held_out]
    of_runs = {each.run for row in kept if (each := row.cell or row.memory_edge)}
    runs = [row for row in rows if row.run and row.run.id in of_runs]
    ceilings = [row for row in rows if row.ceilings and row.of_run in of_runs]
    return join_rows(header, runs + ceilings + kept, where)


def join_rows(header: Header, rows: list[Row], where: str) -> Calibration:
    """Join rows into a calibration, without what is held out.

    Raises:
        InputError: There is no cell among them.
    """
    rows = [row for row in rows if not row.held_out]
    runs = [row.run for row in rows if row.run]
    return Calibration.parse(
        {
            "gpu": header.gpu,
            "model": header.model,
            "stack": header.stack,
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
        },
        where,
    )


def _with_probes(run: Run, rows: list[Row]) -> Run:
    update: dict[str, Any] = {}
    for row in rows:
        if row.of_run == run.id:
            update |= {"ceilings": row.ceilings} if row.ceilings else {}
            update |= {"cold_start": row.cold_start} if row.cold_start else {}
    return run.model_copy(update=update)


def cut_torn_line(stream: IO[bytes]) -> None:
    """Drop what follows the last newline: a row that a kill cut short."""
    stream.seek(0)
    content = stream.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        stream.truncate(whole)


def _read(path: Path) -> tuple[Header, list[Row]] | None:
    text = read_text(path)
    lines = text[: text.rfind("\n") + 1].splitlines()  # what follows was torn by a kill
    if not lines:
        return None
    documents = [_document(path, number, line) for number, line in enumerate(lines, 1)]
    header = Header.parse(documents[0], f"{path} line 1")
    rows = [Row.parse(each, f"{path} line {n}") for n, each in enumerate(documents[1:], 2)]
    return header, rows


def _document(path: Path, number: int, line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        raise DocumentError(
            f"{path} line {number}: damaged; expected one JSON object a line; remove the line to "
            "measure its cell again."
        ) from None
