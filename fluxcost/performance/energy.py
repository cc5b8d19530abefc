"""Energy of a call: a power the board draws all the time, and a price of each kind of work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.flops import denoise_step, text_encode
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape

COUNTER_REFRESH_S = 0.1
"""The board refreshes its energy counter about every 0.1 s (zeus, energy monitor), which is the
error of a window's length."""

FEWEST_CELLS = 6
"""Fewest cells four coefficients and an error can be estimated from."""


UNKNOWN_SIGMA = 0.2
"""Relative error taken where all cells are of one size and batch."""


def call_work(architecture: Architecture, shape: Shape, batch: int) -> Array:
    """Return a call's products and its attention, TFLOP, and the megapixels it decodes.

    Attention costs more a FLOP than products, and decoding moves bytes more than it multiplies.
    """
    text, step = text_encode(architecture, batch), denoise_step(architecture, shape, batch)
    products = text.flop + shape.steps * step.matmul_flop
    attention = shape.steps * step.attention_flop
    return np.array([products / 1e12, attention / 1e12, shape.pixels * batch / 1e6])


def counted_energy(cells: Sequence[Cell], calibration: Calibration, key: str) -> Estimate | None:
    """Return the energy of one image as the counter read it, J, of the first cell that has it.

    Args:
        cells: Of one shape and batch.
        calibration: Where they are from.
        key: Name of the calibration in the keys of error draws.
    """
    for cell in cells:
        if cell.energy is not None:
            joules = cell.energy.joules / cell.energy.calls / cell.batch
            refresh = COUNTER_REFRESH_S / cell.energy.window_s / float(np.sqrt(12))
            sigmas = {f"{key}/energy/{cell.label}": refresh}
            evidence = f"{calibration.alias} ({key}): {cell.label}, energy counter"
            return Estimate.spread(joules, sigmas, "J", calibration.source, evidence)
    return None


class CallEnergy:
    """Joules of a call as standing watts x seconds + a price of products, attention and pixels."""

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
        self._sigma = _left_out_sigma(features, [(c.width, c.height, c.batch) for c in known])

    def joules(self, shape: Shape, batch: int, seconds: float) -> float:
        """Return the energy of a call that takes the given time, J."""
        work = call_work(self._architecture, shape, batch)
        return float(self._coefficients @ [seconds, *work])

    def sigmas(self, shape: Shape, batch: int) -> dict[str, float]:
        """Return the relative errors by source: the discrepancy that cells left out show."""
        return {f"{self._key}/energy/{shape} x {batch}": self._sigma}

    def _features(self, cell: Cell) -> Array:
        """Return seconds and work of a call per joule measured, so that a fit aims at 1."""
        assert cell.energy is not None  # noqa: S101 - the constructor selects
        joules = cell.energy.joules / cell.energy.calls
        seconds = cell.energy.window_s / cell.energy.calls
        work = call_work(self._architecture, cell.shape, cell.batch)
        return np.array([seconds, *work]) / joules


def _left_out_sigma(features: Array, keys: Sequence[tuple[int, int, int]]) -> float:
    """Return the relative error of cells predicted by those of other sizes and batches."""
    logs = []
    for key in sorted(set(keys)):
        out = np.array([each == key for each in keys])
        if out.all():
            continue
        left = features[out] @ _relative_fit(features[~out])
        logs += [float(np.log(max(ratio, 1e-3))) for ratio in left]
    return float(np.sqrt(np.mean(np.square(logs)))) if logs else UNKNOWN_SIGMA


def _relative_fit(features: Array) -> Array:
    """Return the non-negative coefficients whose joules over the measured are closest to 1."""
    from scipy.optimize import nnls

    found, _ = nnls(features, np.ones(len(features)))
    return np.asarray(found)
