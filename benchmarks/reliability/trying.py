"""One input tried on one reader: what came of it, and the counts over all of them."""

from __future__ import annotations

import contextlib
import importlib
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reliability.mutation import mutated, spoiled
from benchmarks.reliability.readers import Reader, refuse_spoiled
from fluxcost.errors import FluxcostError

ROOT = str(Path(__file__).parents[2])
SPOILED_SHARE = 0.15
"""Inputs whose bytes are changed too, after their tree was: they seldom get past the parser."""


@dataclass
class Counts:
    """What came of the inputs of a reader."""

    inputs: int = 0
    validated: int = 0
    accepted: int = 0
    longest_s: float = 0.0
    peak_mib: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)
    defects: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class Trial:
    """A reader that is watched while inputs are tried on it."""

    def __init__(self, reader: Reader, folder: Path) -> None:
        self.reader = reader
        self.counts = Counts()
        self._folder = folder
        self._reached = False
        for gate in reader.gates:
            self._watch(gate)

    def try_one(self, data: bytes) -> None:
        """Read an input; note whether it was validated, what came of it, how long it took."""
        counts = self.counts
        self._reached = False
        started_s = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # an overflow that numpy would only warn of
                self.reader.read(data, self._folder)
            counts.accepted += 1
        except FluxcostError as error:
            self._note_refusal(error, data)
        except Exception as error:  # every other one is a defect to be told of
            self._note_defect(error, data)
        counts.longest_s = max(counts.longest_s, time.perf_counter() - started_s)
        counts.inputs += 1
        counts.validated += self._reached

    def _note_refusal(self, error: FluxcostError, data: bytes) -> None:
        name = type(error).__name__
        self.counts.refusals[name] = self.counts.refusals.get(name, 0) + 1
        try:
            refuse_spoiled(str(error))
        except ValueError as spoiled_one:
            self._note_defect(spoiled_one, data)

    def _note_defect(self, error: Exception, data: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [each for each in frames if "/benchmarks/" not in each.filename] or frames
        ours = [each for each in own if each.filename.startswith(ROOT)] or own
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        key = f"{type(error).__name__} at {place}"
        self.counts.defects.setdefault(key, f"{str(error)[:300]} | {data[:1500]!r}")

    def _watch(self, gate: str) -> None:
        module, _, path = gate.partition(":")
        holder: Any = importlib.import_module(module)
        *outer, name = path.split(".")
        for each in outer:
            holder = getattr(holder, each)
        held = holder.__dict__[name]
        holder_is_class = isinstance(held, classmethod)
        function: Callable[..., Any] = held.__func__ if holder_is_class else held

        def watched(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the function's
            self._reached = True
            return function(*arguments, **named)

        setattr(holder, name, classmethod(watched) if holder_is_class else watched)

    def finish(self) -> Counts:
        """Return the counts with this process's peak of memory."""
        self.counts.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return self.counts


class Mutator:
    """Makes the next input from an earlier one or a good one."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def next(self, data: bytes, seed: int) -> bytes:
        """Return an input drawn from a seed, of an earlier one where that can be read as a tree."""
        draw = random.Random(seed)  # noqa: S311 - inputs, not secrets
        seeds = list(self.reader.seeds)
        tree = draw.choice(seeds)
        if data and draw.random() < 0.5:
            with contextlib.suppress(Exception):  # whatever a parser says of no document
                tree = self.reader.load(data)
        made = self._dumped(mutated(tree, draw, seeds), tree)
        return spoiled(made, draw) if draw.random() < SPOILED_SHARE else made

    def _dumped(self, changed: Any, tree: Any) -> bytes:  # noqa: ANN401
        try:
            return self.reader.dump(changed)
        except Exception:  # a tree that its format cannot hold
            return self.reader.dump(tree)


def try_many(reader: Reader, inputs: int, seed: int) -> Counts:
    """Try inputs made from the good documents, without guidance by coverage."""
    with tempfile.TemporaryDirectory(dir=_memory()) as name:
        trial, mutator = Trial(reader, Path(name)), Mutator(reader)
        for number in range(inputs):
            trial.try_one(mutator.next(b"", seed * 1_000_003 + number))
        return trial.finish()


def _memory() -> str | None:
    return "/dev/shm" if sys.platform == "linux" else None  # noqa: S108 - a folder in memory
