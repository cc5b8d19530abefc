"""Cold starts of several stacks, each with a journal that `measure merge` joins with its record.

    process 1   |import|load from disk  |prepare|first call, compiling     |calls|next shape|...
    process 2   |import|load from memory|prepare|first call, compiled found|calls|next shape|...

The compile cache is a folder of its own, empty before the first process; the second finds what the
first left there, as replicas do whose image ships it. The caller does not
use the device: each process has it for itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console

from fluxcost.errors import InputError
from fluxcost.performance.calibration.measuring_run import CacheState, ColdStartRecord, MeasuringRun
from measure.cold_starts.cold_start_process import size_bytes, weight_files
from measure.cold_starts.cold_start_records import (
    ColdStartAnswer,
    ColdStartTask,
    SavedWeights,
    SaveWeightsTask,
    TaskFile,
    cold_start_table,
)
from measure.errors import MeasurementError
from measure.journal import SYNTHETIC, Journal, JournalHeader, JournalRow
from measure.json_lines import JOURNAL_FILE
from measure.stacks import recipe
from measure.suites import Quadruple
from measure.telemetry import GIB

CALLS = 6
"""Calls of a shape unless told otherwise: the first, and as many as tell what a later one takes."""

SaveWeights = Callable[[SaveWeightsTask], SavedWeights]
StartProcess = Callable[[ColdStartTask], ColdStartAnswer]


@dataclass(frozen=True)
class ColdStartRequest:
    """What to start.

    Attributes:
        model: Name or architecture YAML.
        stack: Optimization stack.
        weights: Folder of a checkpoint; None saves synthetic weights.
        device: Such as cuda:0.
        seed: Of synthetic weights and latents.
        points: Width, height, steps and batch of each shape, in the order called.
        calls: Of each shape; the first is the one that compiles.
        scratch: Folder for synthetic weights and the compile cache.
    """

    model: str
    stack: str
    weights: str | None
    device: str
    seed: int
    points: tuple[Quadruple, ...]
    calls: int
    scratch: Path


@dataclass(frozen=True)
class TimedColdStart:
    """A cold start as a journal takes it: what it is of, the run it was, and its seconds."""

    header: JournalHeader
    run: MeasuringRun
    cold_start: ColdStartRecord


def save_weights_in_process(order: SaveWeightsTask) -> SavedWeights:
    """Save synthetic weights, in a process that gives the device back when it ends."""
    return SavedWeights.model_validate_json(_answer(order, dict(os.environ)))


def cold_start_in_process(order: ColdStartTask) -> ColdStartAnswer:
    """Start a process that finds the order's compile cache, whatever it compiles with."""
    own = {
        "TORCHINDUCTOR_CACHE_DIR": str(order.cache / "inductor"),
        "TRITON_CACHE_DIR": str(order.cache / "triton"),
        "CUDA_CACHE_PATH": str(order.cache / "cuda"),
    }
    return ColdStartAnswer.model_validate_json(_answer(order, os.environ | own))


@contextmanager
def weights_on_disk(
    asked: ColdStartRequest, save: SaveWeights = save_weights_in_process
) -> Iterator[SavedWeights]:
    """Give the checkpoint's folder, or save synthetic weights and remove them in the end.

    Raises:
        InputError: The checkpoint is no folder, or the disk has no room.
    """
    if asked.weights is not None:
        folder = Path(asked.weights)
        if not folder.is_dir():
            raise InputError(
                f"--weights is {asked.weights!r}; expected a folder here: fetching a checkpoint is "
                "no part of a cold start."
            )
        yield SavedWeights(folder=folder, label=asked.weights, file_gib=size_bytes(folder) / GIB)
        return
    with _passing(asked, "weights") as folder:
        yield save(
            SaveWeightsTask(model=asked.model, device=asked.device, seed=asked.seed, folder=folder)
        )


@contextmanager
def _passing(asked: ColdStartRequest, what: str) -> Iterator[Path]:
    """Give an empty folder in the scratch folder, and remove it in the end.

    It has one name for each device, so that what a killed start left there, as large as the
    weights, is removed by the next.
    """
    folder = asked.scratch / f"{what}-{asked.device.replace(':', '-')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure_cold_start(
    asked: ColdStartRequest, weights: SavedWeights, begin: StartProcess = cold_start_in_process
) -> TimedColdStart:
    """Start a stack with both caches empty and then with both filled.

    Raises:
        MeasurementError: A process failed; names the reason.
    """
    began = datetime.now(UTC)
    with _passing(asked, "compiled") as cache:
        _drop_from_page_cache(weights.folder)
        nothing = begin(_order(asked, weights, cache, "empty"))
        again = begin(_order(asked, weights, cache, "filled"))
    header = JournalHeader(
        gpu=nothing.gpu,
        model=nothing.model,
        architecture_hash=nothing.architecture_hash,
        stack=nothing.stack,
        weights=asked.weights or SYNTHETIC,
        seed=asked.seed,
    )
    run = MeasuringRun(
        id=f"{began:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}",
        started_at=began,
        environment=nothing.environment,
    )
    return TimedColdStart(header, run, _joined(weights, nothing, again))


def _joined(
    weights: SavedWeights, nothing: ColdStartAnswer, again: ColdStartAnswer
) -> ColdStartRecord:
    return ColdStartRecord(
        build_s=nothing.start.loaded_s,
        save_s=weights.save_s,
        file_gib=weights.file_gib,
        load_cold_cache_s=nothing.start.load_s,
        load_warm_cache_s=again.start.load_s,
        first_call_s=nothing.start.calls[0].first_s,
        starts=(nothing.start, again.start),
    )


def _order(
    asked: ColdStartRequest, weights: SavedWeights, cache: Path, found: CacheState
) -> ColdStartTask:
    return ColdStartTask(
        model=asked.model,
        stack=asked.stack,
        device=asked.device,
        seed=asked.seed,
        weights=weights,
        points=asked.points,
        calls=asked.calls,
        page_cache=found,
        compile_cache=found,
        cache=cache,
    )


def _answer(order: SaveWeightsTask | ColdStartTask, environment: dict[str, str]) -> str:
    """Run an order in a process of its own and return its answer."""
    with tempfile.TemporaryDirectory(prefix="fluxcost-start-") as name:
        task, answer = Path(name) / "task.json", Path(name) / "answer.json"
        task.write_text(
            TaskFile(order=order, started_s=time.monotonic()).model_dump_json(), "utf-8"
        )
        options = [f"-W{option}" for option in sys.warnoptions]
        command = [
            sys.executable,
            *options,
            "-m",
            "measure.cold_starts.cold_start_process",
            str(task),
            str(answer),
        ]
        done = subprocess.run(  # noqa: S603 - our own module
            command, env=environment, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise MeasurementError(f"a process that was to {order.kind} failed: {said[-1]}")
        return answer.read_text("utf-8")


def _drop_from_page_cache(folder: Path) -> None:
    """Ask the kernel to forget these files; needs no privilege, since they are clean."""
    for path in weight_files(folder):
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


Measure = Callable[[ColdStartRequest, SavedWeights], TimedColdStart]


def run_cold_starts(
    asked: ColdStartRequest,
    stacks: tuple[str, ...],
    out: Path,
    console: Console,
    measure: Measure = measure_cold_start,
) -> None:
    """Measure every stack that has no cold start in its journal yet, under one set of weights.

    Args:
        asked: What to start; its stack is one after the other of `stacks`.
        stacks: Names of optimization stacks.
        out: Folder of one journal a stack.
        console: Where results are printed.
        measure: How a stack is measured.

    Raises:
        InputError: A stack that is not known or cannot run here, or no room on the disk.
        MeasurementError: A process failed; what was measured before is kept.
    """
    for stack in stacks:
        recipe(stack, torch.device(asked.device))  # a misspelled name is told here, in a second
    left = [stack for stack in stacks if not _is_done(out / stack / JOURNAL_FILE)]
    if not left:
        console.print(f"nothing new; the cold starts are in {out}")
        return
    asked.scratch.mkdir(parents=True, exist_ok=True)
    with weights_on_disk(asked) as weights:
        for stack in left:
            found = measure(replace(asked, stack=stack), weights)
            journal = Journal.open(out / stack, found.header)
            try:
                append_cold_start(journal, found)
            finally:
                journal.close()
            console.print(cold_start_table(stack, found.cold_start))


def append_cold_start(journal: Journal, found: TimedColdStart) -> None:
    """Write a cold start into a journal, as a run of its own."""
    journal.append(JournalRow(run=found.run))
    journal.append(JournalRow(cold_start=found.cold_start, of_run=found.run.id))


def _is_done(path: Path) -> bool:
    found = Journal.read(path) if path.exists() else None
    return found is not None and any(row.cold_start for row in found[1])
