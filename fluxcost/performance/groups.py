"""What a fit sees of a calibration: cells of one size and batch, pooled over steps and runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fluxcost.performance.calibration import Calibration
from fluxcost.performance.kriging import Array
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.pause import Pause

Stage = Literal["text_encode", "first_step", "later_step", "vae_decode", "host"]

STAGES: tuple[Stage, ...] = ("text_encode", "first_step", "later_step", "vae_decode", "host")
"""The first step has a stage of its own: the loop's set-up and the GPU's wait for it fall there."""

GroupKey = tuple[int, int, int]
"""Width, height, batch."""

LEAST_SECONDS = 1e-6
"""Shortest span taken as real; event clocks tick at about half a microsecond."""


@dataclass(frozen=True)
class Group:
    """The cells of one width, height and batch."""

    key: GroupKey
    cells: tuple[Cell, ...]

    @property
    def start(self) -> str:
        """The start of the first cell: of all, where they were grouped by start."""
        return self.cells[0].run

    @property
    def pixels(self) -> int:
        """Pixels of one image."""
        return self.key[0] * self.key[1]

    @property
    def batch(self) -> int:
        """Images a call."""
        return self.key[2]

    def spans(self, stage: Stage, pause: Pause) -> Array:
        """Return one span a call of a stage, pooled over the cells; empty where none was taken."""
        rows = [cell_spans(cell, stage, pause) for cell in self.cells]
        return np.concatenate(rows) if rows else np.empty(0)


def cell_spans(cell: Cell, stage: Stage, pause: Pause) -> Array:
    """Return one span a call of a stage, seconds.

    `later_step` is the mean of a call's steps after the first, less the pause of a long call; it is
    absent from one-step calls.
    """
    samples = cell.samples
    assert samples is not None  # noqa: S101 - fitted cells have samples
    if stage == "later_step":
        if cell.steps == 1:
            return np.empty(0)
        steps = np.array(samples.denoise_step_s)[:, 1:]
        found = (steps.sum(axis=1) - pause.inside(cell)) / (cell.steps - 1)
    elif stage == "first_step":
        found = np.array(samples.denoise_step_s)[:, 0]
    elif stage == "text_encode":
        found = np.array(samples.text_encode_s)
    elif stage == "vae_decode":
        found = np.array(samples.vae_decode_s)
    else:
        found = np.array(samples.host_s)
    return np.asarray(np.maximum(found, LEAST_SECONDS))


def stage_counts(steps: int) -> dict[Stage, int]:
    """Return how many times each stage runs in a call."""
    return {stage: steps - 1 if stage == "later_step" else 1 for stage in STAGES}


def fitted_cells(calibration: Calibration) -> tuple[Cell, ...]:
    """Return the cells a fit rests on: one GPU, no reference images, samples present."""
    return tuple(
        cell
        for cell in calibration.ok_cells
        if cell.samples is not None and cell.gpus == 1 and cell.reference_images == 0
    )


def groups_of(cells: Iterable[Cell]) -> tuple[Group, ...]:
    """Group cells by width, height and batch, smallest first."""
    found: dict[GroupKey, list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.width, cell.height, cell.batch), []).append(cell)
    return tuple(Group(key, tuple(found[key])) for key in sorted(found))


def groups_by_start(cells: Iterable[Cell]) -> tuple[Group, ...]:
    """Group cells by width, height, batch and start of the measuring program, smallest first."""
    found: list[Group] = []
    for group in groups_of(cells):
        starts = dict.fromkeys(cell.run for cell in group.cells)
        for start in starts:
            own = tuple(cell for cell in group.cells if cell.run == start)
            found.append(Group(group.key, own))
    return tuple(found)
