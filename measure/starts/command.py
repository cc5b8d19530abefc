"""Cold starts of several stacks, each with a journal that `measure merge` joins with its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from measure.journal import NAME, Journal, Row
from measure.stacks import recipe
from measure.starts.order import Saved
from measure.starts.probe import Asked, ColdStarted, measure_cold_start, weights_on_disk
from measure.starts.report import cold_start_table

Measure = Callable[[Asked, Saved], ColdStarted]


def execute(
    asked: Asked,
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
    left = [stack for stack in stacks if not _is_done(out / stack / NAME)]
    if not left:
        console.print(f"nothing new; the cold starts are in {out}")
        return
    asked.scratch.mkdir(parents=True, exist_ok=True)
    with weights_on_disk(asked) as weights:
        for stack in left:
            found = measure(replace(asked, stack=stack), weights)
            journal = Journal.open(out / stack, found.header)
            try:
                append(journal, found)
            finally:
                journal.close()
            console.print(cold_start_table(stack, found.cold_start))


def append(journal: Journal, found: ColdStarted) -> None:
    """Write a cold start into a journal, as a run of its own."""
    journal.append(Row(run=found.run))
    journal.append(Row(cold_start=found.cold_start, of_run=found.run.id))


def _is_done(path: Path) -> bool:
    found = Journal.read(path) if path.exists() else None
    return found is not None and any(row.cold_start for row in found[1])
