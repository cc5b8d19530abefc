"""Several campaigns of the same thing, joined into one calibration.

Runs on other machines of a kind are how a calibration learns what its numbers are worth elsewhere,
so cells are never averaged here: each stays with its run, and a point measured twice stands twice.
A journal without a cell, such as that of a cold start, joins a record that has some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from fluxcost.errors import InputError
from fluxcost.performance.calibration.conditions import conditions_of
from fluxcost.performance.calibration.measuring_run import GpuIdentity, Stack
from fluxcost.performance.calibration.schema import Calibration, read_calibration
from measure.journal import calibration_fields, read_rows

_IDENTITY = ("gpu", "model", "stack", "source", "reference")


@dataclass(frozen=True)
class _LoadedFile:
    """What one file holds: of what, and everything measured by its name in a calibration."""

    gpu: GpuIdentity
    model: str
    stack: Stack
    source: str
    reference: str | None
    held: Mapping[str, Sequence[Any]]

    @property
    def alias(self) -> str:
        return f"{self.gpu.key}/{self.model}/{self.stack.alias}"


def merge_calibrations(paths: Sequence[Path]) -> Calibration:
    """Join calibrations and journals of one GPU type, model and stack.

    Raises:
        InputError: They measure different things, the same run is given twice, or none has a cell.
        DocumentError: A file cannot be read or is damaged.
    """
    parts = [_read(path) for path in paths]
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        _check_same(first, part, path)
    names = dict.fromkeys(chain.from_iterable(part.held for part in parts))
    joined = {
        name: tuple(chain.from_iterable(part.held.get(name, ()) for part in parts))
        for name in names
    }
    if len({run.id for run in joined["runs"]}) < len(joined["runs"]):
        raise InputError("the same run is in two of the files; give each once.")
    identity = {name: getattr(first, name) for name in _IDENTITY}
    return Calibration.parse(identity | joined, "what the files hold")


def differences(calibration: Calibration) -> dict[str, str]:
    """Return the conditions in which a calibration's runs differ, with what they were."""
    return {
        name: differing
        for name, differing in conditions_of(calibration.runs).items()
        if len({conditions_of([run])[name] for run in calibration.runs}) > 1
    }


def _read(path: Path) -> _LoadedFile:
    if path.suffix == ".jsonl":
        header, rows = read_rows(path)
        return _LoadedFile(
            header.gpu, header.model, header.stack, "measured", None, calibration_fields(rows)
        )
    record = read_calibration(path)
    held = {
        name: value
        for name in Calibration.model_fields
        if isinstance(value := getattr(record, name), tuple)
    }
    return _LoadedFile(
        record.gpu, record.model, record.stack, record.source, record.reference, held
    )


def _check_same(first: _LoadedFile, part: _LoadedFile, path: Path) -> None:
    mine = (first.gpu.key, first.model, first.stack.hash, first.source)
    theirs = (part.gpu.key, part.model, part.stack.hash, part.source)
    if mine != theirs:
        raise InputError(
            f"{path} is {part.alias} (stack {part.stack.hash}, {part.source}); expected "
            f"{first.alias} (stack {first.stack.hash}, {first.source}) like the first file."
        )
