"""The calibration record: cells, ceilings and environment of one GPU type, model and stack.

Format `fluxcost-calibration`, version 1 (2026-11): JSON, units in field names, raw samples kept,
content hash over everything but the hash itself. A file is immutable; a refreshed calibration is a
new file. Shipped files live in `fluxcost/data/calibrations/<gpu>/<model>/<stack>.json`, whose path
without the suffix is their alias, and published tables in `fluxcost/data/published/` likewise.
Held-out records, measured to score fits and used by none, are in `fluxcost/data/held_out/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from fluxcost.documents import (
    content_hash,
    decoded,
    open_sealed,
    parse_json,
    read_json,
    refuse_broken_seal,
    write_sealed,
)
from fluxcost.errors import InputError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.extra_measurements import (
    AdaptiveStop,
    ContextParallelImage,
    Encoding,
    GpuLink,
    MemoryEdge,
    Pipelined,
    Replica,
    Sameness,
    SentLoad,
    Soak,
    WeightScale,
)
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import GpuIdentity, MeasuringRun, Stack
from fluxcost.records import Key, Record

FORMAT: Literal["fluxcost-calibration"] = "fluxcost-calibration"
VERSION = 1


class Calibration(Record):
    """Cells, ceilings and environment of one GPU type, model and stack."""

    format: Literal["fluxcost-calibration"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION, strict=True)] = VERSION
    gpu: GpuIdentity
    model: Key
    stack: Stack
    source: Literal[Source.MEASURED, Source.IMPORTED, Source.PUBLISHED] = Source.MEASURED
    reference: str | None = Field(
        default=None,
        description="Where a published table comes from, or the server whose calls were timed.",
    )
    runs: tuple[MeasuringRun, ...] = ()
    cells: tuple[Cell, ...] = Field(min_length=1)
    soaks: tuple[Soak, ...] = ()
    pipelined: tuple[Pipelined, ...] = ()
    weight_scales: tuple[WeightScale, ...] = ()
    sameness: tuple[Sameness, ...] = ()
    replicas: tuple[Replica, ...] = ()
    encodings: tuple[Encoding, ...] = ()
    links: tuple[GpuLink, ...] = ()
    split_images: tuple[ContextParallelImage, ...] = ()
    loads: tuple[SentLoad, ...] = ()
    memory_edges: tuple[MemoryEdge, ...] = ()
    adaptive_stops: tuple[AdaptiveStop, ...] = ()

    def __repr__(self) -> str:
        return f"<Calibration {self.alias}, {self.source}, {len(self.cells)} cells>"

    def __str__(self) -> str:
        """Return its name and size; the samples are in `to_dict`."""
        return repr(self)

    @property
    def alias(self) -> str:
        """Such as 'h100-sxm/flux2-klein-4b/eager-bf16'."""
        return f"{self.gpu.key}/{self.model}/{self.stack.alias}"

    @property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON of everything in the record, 64 hex digits."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True))

    @property
    def ok_cells(self) -> tuple[Cell, ...]:
        """The cells that succeeded."""
        return tuple(cell for cell in self.cells if cell.status == "ok")

    def save(self, path: Path) -> None:
        """Write the record and its hash to a new file, whole or not at all.

        Raises:
            InputError: The file exists; calibrations are never overwritten.
            DocumentError: The folder cannot be written.
        """
        if path.exists():
            raise InputError(f"{path} exists; choose another name or remove it first.")
        body = self.model_dump(mode="json", exclude_defaults=True)
        write_sealed(path, body, kind=FORMAT, version=VERSION)


def read_calibration(path: Path) -> Calibration:
    """Read and check one calibration file.

    Raises:
        DocumentError: Unreadable, truncated, or its content does not match its hash.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    return _checked(read_json(path), str(path))


def parse_calibration(data: bytes, where: str) -> Calibration:
    """Check the bytes of one calibration file, such as an upload's; nothing is opened by name.

    Args:
        data: The file's content.
        where: What it is called, for the message.

    Raises:
        DocumentError: Not UTF-8, truncated, or its content does not match its hash.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    return _checked(parse_json(decoded(data, where), where), where)


def _checked(document: object, where: str) -> Calibration:
    content, stated = open_sealed(document, where, kind=FORMAT, version=VERSION)
    calibration = Calibration.parse(content, where)
    refuse_broken_seal(where, stated, calibration.content_hash)
    return calibration
