"""Calls with reference images: the fit to text to image with more tokens, and what references add.

A reference's tokens stand beside the image's own in every step, so a step takes as long as that of
a larger image with as many tokens. The rest of the call stays that of the image made, and two
things are added, each a straight line over the references' pixels: encoding them (on the GPU, once
a call whatever the batch) and preparing them (on the host).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.measured_cell import Cell, Samples
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.call_time import CallTimes
from fluxcost.performance.noise.sampling import Statistic
from fluxcost.performance.observations import stage_counts
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape

PRIOR_SIGMA = 0.05
"""Relative error of an edit's latency before a measured edit says more; weighs as one cell."""

STEPS = ("first_step", "later_step")


def edit_cells(calibration: Calibration) -> tuple[Cell, ...]:
    """Return the cells with reference images that a fit rests on: one GPU, samples present."""
    return tuple(
        cell
        for cell in calibration.ok_cells
        if cell.samples is not None and cell.gpus == 1 and cell.reference_images
    )


def refuse_unmeasured_edit(alias: str, shape: Shape, what: str) -> None:
    """Raise MissingDataError where an edit is asked for something only a measured one shows."""
    if shape.reference_images:
        raise MissingDataError(
            f"{alias}: reference_images is {shape.reference_images}; {what} of {shape} was not "
            "measured, and of edits it is not predicted; measure such a cell first."
        )


class EditTimes:
    """Median seconds of a call with reference images, from text-to-image times and edit cells."""

    def __init__(
        self, cells: Sequence[Cell], times: CallTimes, architecture: Architecture, key: str
    ) -> None:
        self._times = times
        self._architecture = architecture
        self._key = key
        given = np.array([float(architecture.reference_pixels(cell.shape)) for cell in cells])
        samples = [cell.samples for cell in cells if cell.samples is not None]
        encode = np.array([np.median(each.reference_encode_s) for each in samples])
        hosts = np.array([self._host_added(c, s) for c, s in zip(cells, samples, strict=True)])
        self._encode, self._host = _line(given, encode), _line(given, np.maximum(hosts, 0.0))
        errors = [
            np.log(np.median(each.wall_s) / self._seconds(cell.shape, cell.batch))
            for cell, each in zip(cells, samples, strict=True)
        ]
        squares = PRIOR_SIGMA**2 + float(np.sum(np.square(errors)))
        self.sigma = float(np.sqrt(squares / (1 + len(errors))))

    def call(
        self, shape: Shape, batch: int, statistic: Statistic
    ) -> tuple[float, dict[str, float]]:
        """Return a statistic of a whole call, seconds, and its relative errors by source."""
        factor, spread = self._times.tail(shape, batch, statistic)
        own = {f"{self._key}/{statistic}": spread, f"{self._key}/edit": self.sigma}
        sigmas = self._times.sigmas(self._seen_pixels(shape), batch, shape.steps)
        return factor * self._seconds(shape, batch), sigmas | own

    def _seconds(self, shape: Shape, batch: int) -> float:
        seen = self._seen_pixels(shape)
        alone = sum(
            count
            * self._times.stage_seconds(stage, seen if stage in STEPS else shape.pixels, batch)
            for stage, count in stage_counts(shape.steps).items()
            if count
        )
        given = float(self._architecture.reference_pixels(shape))
        whole = alone + self._encode(given) + self._host(given)
        return whole + self._times.drift_after(whole)

    def _seen_pixels(self, shape: Shape) -> int:
        """Return the pixels of an image with as many tokens as image and references together."""
        return shape.pixels + self._architecture.reference_pixels(shape)

    def _host_added(self, cell: Cell, samples: Samples) -> float:
        plain = self._times.stage_seconds("host", cell.shape.pixels, cell.batch)
        return float(np.median(samples.host_s)) - plain


def _line(at: Array, seconds: Array) -> Callable[[float], float]:
    """Return the straight line of least relative error, neither part of it negative.

    From one size alone it goes through the origin.
    """
    floor = max(float(seconds.max()), 1e-9) * 1e-3
    weights = 1 / np.maximum(seconds, floor)
    slope = float(np.sum(weights**2 * at * seconds) / np.sum(weights**2 * at**2))
    constant = 0.0
    if len(set(at)) > 1:
        design = np.column_stack([np.ones_like(at), at]) * weights[:, None]
        solved, *_ = np.linalg.lstsq(design, seconds * weights, rcond=None)
        if solved.min() >= 0:
            constant, slope = (float(each) for each in solved)
    return lambda pixels: constant + slope * pixels
