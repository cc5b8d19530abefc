"""Several campaigns of the same thing, joined into one calibration.

Runs on other machines of a kind are how a calibration learns what its numbers are worth elsewhere,
so cells are never averaged here: each stays with its run, and a point measured twice stands twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from fluxcost.errors import InputError
from fluxcost.performance.calibration import Calibration, read_calibration
from measure.journal import read_journal


def merge(paths: Sequence[Path]) -> Calibration:
    """Join calibrations and journals of one GPU type, model and stack.

    Raises:
        InputError: They measure different things, or the same run is given twice.
        DocumentError: A file cannot be read or is damaged.
    """
    parts = [_read(path) for path in paths]
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        _check_same(first, part, path)
    runs = tuple(chain.from_iterable(part.runs for part in parts))
    if len({run.id for run in runs}) < len(runs):
        raise InputError("the same run is in two of the files; give each once.")
    return first.model_copy(
        update={
            "runs": runs,
            "cells": tuple(chain.from_iterable(part.cells for part in parts)),
            "soaks": tuple(chain.from_iterable(part.soaks for part in parts)),
            "pipelined": tuple(chain.from_iterable(part.pipelined for part in parts)),
            "weight_scales": tuple(chain.from_iterable(part.weight_scales for part in parts)),
            "sameness": tuple(chain.from_iterable(part.sameness for part in parts)),
            "replicas": tuple(chain.from_iterable(part.replicas for part in parts)),
            "encodings": tuple(chain.from_iterable(part.encodings for part in parts)),
            "links": tuple(chain.from_iterable(part.links for part in parts)),
            "split_images": tuple(chain.from_iterable(part.split_images for part in parts)),
            "loads": tuple(chain.from_iterable(part.loads for part in parts)),
            "memory_edges": tuple(chain.from_iterable(part.memory_edges for part in parts)),
            "adaptive_stops": tuple(chain.from_iterable(part.adaptive_stops for part in parts)),
        }
    )


def _read(path: Path) -> Calibration:
    return read_journal(path) if path.suffix == ".jsonl" else read_calibration(path)


def _check_same(first: Calibration, part: Calibration, path: Path) -> None:
    mine = (first.gpu.key, first.model, first.stack.hash, first.source)
    theirs = (part.gpu.key, part.model, part.stack.hash, part.source)
    if mine != theirs:
        raise InputError(
            f"{path} is {part.alias} (stack {part.stack.hash}, {part.source}); expected "
            f"{first.alias} (stack {first.stack.hash}, {first.source}) like the first file."
        )
