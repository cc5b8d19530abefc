"""What a fit sees of a calibration: cells of one size and batch, pooled over steps and runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fluxcost.performance.calibration import Calibration, Cell
from fluxcost.performance.kriging import Array, Observations
from fluxcost.performance.sampling import median_sigma

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
    def pixels(self) -> int:
        """Pixels of one image."""
        return self.key[0] * self.key[1]

    @property
    def batch(self) -> int:
        """Images a call."""
        return self.key[2]

    def spans(self, stage: Stage) -> Array:
        """Return one span a call of a stage, pooled over the cells; empty where none was taken.

        `later_step` is the mean of a call's steps after the first, so it is absent from one-step
        calls.
        """
        found: list[float] = []
        for cell in self.cells:
            samples = cell.samples
            if samples is None:
                continue
            if stage == "text_encode":
                found.extend(samples.text_encode_s)
            elif stage == "vae_decode":
                found.extend(samples.vae_decode_s)
            elif stage == "host":
                found.extend(samples.host_s)
            elif stage == "first_step":
                found.extend(steps[0] for steps in samples.denoise_step_s)
            else:
                later = (steps[1:] for steps in samples.denoise_step_s if len(steps) > 1)
                found.extend(sum(steps) / len(steps) for steps in later)
        return np.asarray(np.maximum(np.array(found), LEAST_SECONDS))


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


def observe(groups: Iterable[Group], stage: Stage) -> Observations:
    """Return the median of a stage in each group and how well the samples pin it down."""
    rows = [(group, group.spans(stage)) for group in groups]
    rows = [(group, spans) for group, spans in rows if spans.size]
    return Observations(
        pixels=np.array([float(group.pixels) for group, _ in rows]),
        batch=np.array([float(group.batch) for group, _ in rows]),
        log_seconds=np.array([np.log(np.median(spans)) for _, spans in rows]),
        noise=np.array([median_sigma(spans) for _, spans in rows]),
    )
