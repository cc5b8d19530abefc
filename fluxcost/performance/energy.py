"""Energy of a call: a power the board draws all the time, and a price of each FLOP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration import Cell
from fluxcost.performance.kriging import Array
from fluxcost.performance.work import denoise_step, text_encode, vae_decode
from fluxcost.workload import Shape

COUNTER_REFRESH_S = 0.1
"""The board refreshes its energy counter about every 0.1 s (zeus, energy monitor), which is the
error of a window's length."""

FEWEST_CELLS = 4
"""Fewest cells two coefficients and an error can be told from."""


def call_tflop(architecture: Architecture, shape: Shape, batch: int) -> float:
    """Return the arithmetic of a whole call, TFLOP."""
    work = (
        text_encode(architecture, batch).flop
        + shape.steps * denoise_step(architecture, shape, batch).flop
        + vae_decode(architecture, shape, batch).flop
    )
    return work / 1e12


def counter_sigma(cell: Cell) -> float:
    """Return the relative error of a cell's energy that the counter's refresh leaves."""
    assert cell.energy is not None  # noqa: S101 - callers select cells with energy
    return COUNTER_REFRESH_S / cell.energy.window_s / float(np.sqrt(12))


class CallEnergy:
    """Joules of a call as standing watts x seconds + joules a TFLOP x TFLOP."""

    def __init__(
        self, alias: str, cells: Sequence[Cell], architecture: Architecture, key: str
    ) -> None:
        known = [cell for cell in cells if cell.energy is not None]
        if len(known) < FEWEST_CELLS:
            raise MissingDataError(
                f"{alias}: energy was recorded for {len(known)} cells; expected at least "
                f"{FEWEST_CELLS}: measure with the energy counter."
            )
        self._architecture = architecture
        self._key = key
        features = np.array([self._features(cell) for cell in known])
        self._coefficients = _relative_fit(features)
        rows = range(len(known))
        left = [features[row] @ _relative_fit(np.delete(features, row, axis=0)) for row in rows]
        self._sigma = float(np.sqrt(np.mean(np.log(np.maximum(left, 1e-3)) ** 2)))

    def joules(self, shape: Shape, batch: int, seconds: float) -> float:
        """Return the energy of a call that takes the given time, J."""
        tflop = call_tflop(self._architecture, shape, batch)
        return float(self._coefficients @ [seconds, tflop])

    def sigmas(self, shape: Shape, batch: int) -> dict[str, float]:
        """Return the relative errors by source: the misfit that cells left out show."""
        return {f"{self._key}/energy/{shape} x {batch}": self._sigma}

    def _features(self, cell: Cell) -> Array:
        """Return seconds and TFLOP of a call per joule measured, so that a fit aims at 1."""
        assert cell.energy is not None  # noqa: S101 - the constructor selects
        joules = cell.energy.joules / cell.energy.calls
        seconds = cell.energy.window_s / cell.energy.calls
        tflop = call_tflop(self._architecture, cell.shape, cell.batch)
        return np.array([seconds / joules, tflop / joules])


def _relative_fit(features: Array) -> Array:
    """Return the non-negative coefficients whose joules over the measured are closest to 1."""
    ones = np.ones(len(features))
    both, *_ = np.linalg.lstsq(features, ones, rcond=None)
    if np.all(both >= 0):
        return np.asarray(both)
    alone = np.sum(features, axis=0) / np.sum(features**2, axis=0)
    misses = np.sum((features * alone - 1) ** 2, axis=0)
    return np.where(misses == misses.min(), alone, 0.0)
