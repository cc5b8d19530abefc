"""What a fit sees of a calibration: cells of one size and batch, pooled over steps and runs.

The time that a long call loses when the board first meets its power limit is taken off first. On an
H200 (2026-11-23, eager klein-4B) the steps about 0.9 s into a call took 10 to 25 ms longer than
those before and after, whatever the image size and batch, and shorter calls never did. A formula in
which all steps take the same time would spread these milliseconds over the steps and misread how
time grows with tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fluxcost.performance.calibration.measured_cell import Cell, Samples
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.noise.sampling import REMEMBERED, median_sigma
from fluxcost.stats import Array

FEWEST_LATER_STEPS = 2
"""Later steps needed to tell a slow one from the others."""

FEWEST_CELLS_A_SIDE = 3
"""Cells needed on either side of the onset."""

CLEAR_STANDARD_ERRORS = 4.0
"""Standard errors by which calls past the onset must be slower for the drift to be accepted."""


class WithinCallDrift:
    """A loss of `seconds` in calls that last past `onset_s`, whole from `full_s`.

    Args:
        cells: Cells with samples; with too few, or no clear onset, the loss is 0.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.seconds, self.onset_s, self.full_s = 0.0, np.inf, np.inf
        telling = [cell for cell in cells if cell.steps > FEWEST_LATER_STEPS]
        rows = sorted((_wall_s(cell), _excess_s(cell)) for cell in telling)
        walls = np.array([wall for wall, _ in rows])
        excess = np.array([late for _, late in rows])
        splits = range(FEWEST_CELLS_A_SIDE, len(rows) - FEWEST_CELLS_A_SIDE + 1)
        if not splits:
            return
        split = min(
            splits,
            key=lambda at: _squared_deviations(excess[:at]) + _squared_deviations(excess[at:]),
        )
        short, long = excess[:split], excess[split:]
        error = np.sqrt(np.var(short) / short.size + np.var(long) / long.size)
        more = float(np.mean(long) - np.mean(short))
        if more > CLEAR_STANDARD_ERRORS * error:
            self.seconds = more
            self.onset_s, self.full_s = float(walls[split - 1]), float(walls[split])

    def after(self, seconds: float) -> float:
        """Return the part of the loss in a call that lasts `seconds` without it."""
        if seconds <= self.onset_s:
            return 0.0
        reached = (seconds - self.onset_s) / max(self.full_s - self.onset_s, 1e-9)
        return self.seconds * min(1.0, reached)

    def inside(self, cell: Cell) -> float:
        """Return the seconds lost in the later steps of a measured cell."""
        if cell.steps <= FEWEST_LATER_STEPS or _wall_s(cell) <= self.onset_s:
            return 0.0
        return min(_excess_s(cell), 2 * self.seconds)


def _wall_s(cell: Cell) -> float:
    assert cell.samples is not None  # noqa: S101 - callers give cells with samples
    return _median_s(cell.samples.wall_s)


@functools.lru_cache(maxsize=REMEMBERED)
def _median_s(spans_s: tuple[float, ...]) -> float:
    return float(np.median(spans_s))


def _excess_s(cell: Cell) -> float:
    """Return how much longer the later steps took than if each had been the quickest of them."""
    assert cell.samples is not None  # noqa: S101 - callers give cells with samples
    return _later_excess_s(cell.samples.denoise_step_s)


@functools.lru_cache(maxsize=REMEMBERED)
def _later_excess_s(steps_s: tuple[tuple[float, ...], ...]) -> float:
    later = np.median(np.array(steps_s), axis=0)[1:]
    return float(np.sum(later - later.min()))


def _squared_deviations(values: np.typing.NDArray[np.float64]) -> float:
    return float(np.sum((values - values.mean()) ** 2))


Stage = Literal["text_encode", "first_step", "later_step", "vae_decode", "host"]

STAGES: tuple[Stage, ...] = ("text_encode", "first_step", "later_step", "vae_decode", "host")
"""The first step has a stage of its own: the loop's set-up and the GPU's wait for it fall there."""

GroupKey = tuple[int, int, int]
"""Width, height, batch."""

LEAST_SECONDS = 1e-6
"""Shortest span taken as real; event clocks tick at about half a microsecond."""


@dataclass(frozen=True)
class CellGroup:
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

    def spans(self, stage: Stage, call_drift: WithinCallDrift) -> Array:
        """Return one span a call of a stage, pooled over the cells; empty where none was taken."""
        rows = [cell_spans(cell, stage, call_drift).seconds for cell in self.cells]
        return np.concatenate(rows) if rows else np.empty(0)


@dataclass(frozen=True)
class StageSpans:
    """The spans of a stage in the calls of one cell.

    Attributes:
        seconds: One a call; empty where the stage was not taken.
        median: Of them, NaN where there are none.
        sigma: Relative error of the median by a bootstrap of the calls, likewise.
    """

    seconds: Array
    median: float
    sigma: float


def cell_spans(cell: Cell, stage: Stage, call_drift: WithinCallDrift) -> StageSpans:
    """Return the spans of a stage in a cell's calls.

    `later_step` is the mean of a call's steps after the first, less the drift within a long call;
    it is absent from one-step calls.
    """
    assert cell.samples is not None  # noqa: S101 - fitted cells have samples
    return _spans(cell.samples, stage, call_drift.inside(cell) if stage == "later_step" else 0.0)


@functools.lru_cache(maxsize=REMEMBERED)
def _spans(samples: Samples, stage: Stage, lost_s: float) -> StageSpans:
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
        return StageSpans(seconds, np.nan, np.nan)
    return StageSpans(seconds, float(np.median(seconds)), median_sigma(seconds))


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


def groups_of(cells: Iterable[Cell]) -> tuple[CellGroup, ...]:
    """Group cells by width, height and batch, smallest first."""
    found: dict[GroupKey, list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.width, cell.height, cell.batch), []).append(cell)
    return tuple(CellGroup(key, tuple(found[key])) for key in sorted(found))


def groups_by_run(cells: Iterable[Cell]) -> tuple[CellGroup, ...]:
    """Group cells by width, height, batch and run of the measuring program, smallest first."""
    found: list[CellGroup] = []
    for group in groups_of(cells):
        for run in dict.fromkeys(cell.run for cell in group.cells):
            cells_of_run = tuple(cell for cell in group.cells if cell.run == run)
            found.append(CellGroup(group.key, cells_of_run))
    return tuple(found)
