"""What a fit sees of a calibration: cells of one size and batch, pooled over steps and runs."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fluxcost.performance.calibration import Calibration
from fluxcost.performance.kriging import Array
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.measured.samples import Samples
from fluxcost.performance.pause import Pause
from fluxcost.performance.sampling import REMEMBERED, median_sigma

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
    def run(self) -> str:
        """The run of the first cell: of all, where they were grouped by run."""
        return self.cells[0].run

    @property
    def pixels(self) -> int:
        """Pixels of one image."""
        return self.key[0] * self.key[1]

    @property
    def batch(self) -> int:
        """Images a call."""
        return self.key[2]

    def spans(self, stage: Stage, call_drift: Pause) -> Array:
        """Return one span a call of a stage, pooled over the cells; empty where none was taken."""
        rows = [cell_spans(cell, stage, call_drift).seconds for cell in self.cells]
        return np.concatenate(rows) if rows else np.empty(0)


@dataclass(frozen=True)
class Spans:
    """The spans of a stage in the calls of one cell.

    Attributes:
        seconds: One a call; empty where the stage was not taken.
        median: Of them, NaN where there are none.
        sigma: Relative error of the median by a bootstrap of the calls, likewise.
    """

    seconds: Array
    median: float
    sigma: float


def cell_spans(cell: Cell, stage: Stage, call_drift: Pause) -> Spans:
    """Return the spans of a stage in a cell's calls.

    `later_step` is the mean of a call's steps after the first, less the drift within a long call;
    it is absent from one-step calls.
    """
    assert cell.samples is not None  # noqa: S101 - fitted cells have samples
    return _spans(cell.samples, stage, call_drift.inside(cell) if stage == "later_step" else 0.0)


@functools.lru_cache(maxsize=REMEMBERED)
def _spans(samples: Samples, stage: Stage, lost_s: float) -> Spans:
    if stage == "later_step":
        steps = np.array(samples.denoise_step_s)[:, 1:]
        later = steps.shape[1]
        found = (steps.sum(axis=1) - lost_s) / later if later else np.empty(0)
    elif stage == "first_step":
        found = np.array(samples.denoise_step_s)[:, 0]
    elif stage == "text_encode":
        found = np.array(samples.text_encode_s)
    elif stage == "vae_decode":
        found = np.array(samples.vae_decode_s)
    else:
        found = np.array(samples.host_s)
    seconds = np.maximum(found, LEAST_SECONDS)
    seconds.setflags(write=False)  # remembered, so nobody may change it
    if not seconds.size:
        return Spans(seconds, np.nan, np.nan)
    return Spans(seconds, float(np.median(seconds)), median_sigma(seconds))


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
    """Group cells by width, height, batch and run of the measuring program, smallest first."""
    found: list[Group] = []
    for group in groups_of(cells):
        for run in dict.fromkeys(cell.run for cell in group.cells):
            cells_of_run = tuple(cell for cell in group.cells if cell.run == run)
            found.append(Group(group.key, cells_of_run))
    return tuple(found)
