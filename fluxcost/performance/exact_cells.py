"""Exact cells: what was measured, or published, at the very shape and batch asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.noise.drift import WithinRunDrift
from fluxcost.performance.noise.sampling import FEWEST_SAMPLES, Statistic, sigma_of, statistic_of
from fluxcost.stats import NORMAL_90, Array
from fluxcost.workload.shape import Shape

PUBLISHED_SIGMA = 0.09
"""How far a printed figure's logarithm may be from what the reader's machine does.

Root mean square between two runs of the shipped eager calibrations, whose GPU, versions and
protocol are the same, each point counting alike, rounded up; a figure from elsewhere repeats no
better.
"""


@dataclass(frozen=True)
class ExactCells:
    """The cells of one shape and batch, one a run."""

    cells: tuple[Cell, ...]

    @property
    def walls(self) -> Array:
        """Wall seconds of every call, pooled over runs."""
        return np.concatenate([cell.calls_s for cell in self.cells])

    @property
    def staged(self) -> bool:
        """Whether the stages of the calls were timed too."""
        return any(cell.samples is not None for cell in self.cells)

    def shows(self, statistic: Statistic) -> bool:
        """Tell whether there are samples enough to show a statistic."""
        return self.walls.size >= FEWEST_SAMPLES[statistic]

    def drift(self, drift: WithinRunDrift) -> float:
        """Return the relative error of the median that its stages' drift makes, 0 without any."""
        errors = [drift.call(cell) for cell in self.cells if cell.samples is not None]
        if not errors:
            return 0.0
        return float(np.sqrt(np.sum(np.square(errors)))) / len(errors)

    def latency(
        self,
        calibration: Calibration,
        key: str,
        statistic: Statistic,
        drift: float,
        common: dict[str, float],
    ) -> Estimate:
        """Return the statistic as measured, with its own error and the common ones.

        Args:
            calibration: Where the cells are from.
            key: Name of the calibration in the keys of error draws.
            statistic: Which.
            drift: Relative error the drift between moments makes, where sampling error is less.
            common: Relative errors common to all answers of the calibration.
        """
        cell = self.cells[0]
        where = f"{calibration.alias} ({key}): {cell.label}"
        sigmas = {f"{key}/cell/{cell.label}": max(drift, sigma_of(self.walls, statistic))}
        return Estimate.spread(
            statistic_of(self.walls, statistic),
            sigmas | common,
            "s",
            calibration.source,
            f"{where}, {statistic} of {self.walls.size} calls",
        )

    def reported(self, calibration: Calibration, key: str, statistic: Statistic) -> Estimate:
        """Return the printed latency; its interval is its rounding and how figures repeat.

        Raises:
            MissingDataError: The statistic is a slow call's, which a printed figure does not show.
        """
        cell = self.cells[0]
        if self.walls.size:
            raise MissingDataError(
                f"{calibration.alias}: {cell.label} has {self.walls.size} calls, too few to show "
                f"the {statistic}; expected at least {FEWEST_SAMPLES[statistic]}."
            )
        if statistic in {"p95", "p99"} or cell.reported_latency_s is None:
            raise MissingDataError(
                f"{calibration.alias}: {cell.label} was reported as one figure, which does not "
                f"show the {statistic}; ask for the median or the mean."
            )
        seconds = cell.reported_latency_s
        sigma = (cell.reported_half_width_s or 0.0) / seconds / NORMAL_90
        where = calibration.reference or calibration.alias
        return Estimate.spread(
            seconds,
            {f"{key}/cell/{cell.label}": sigma, f"{key}/repeat": PUBLISHED_SIGMA},
            "s",
            calibration.source,
            f"{where}: {cell.label}, as printed",
        )


def index_cells(
    calibration: Calibration, run: str | None = None
) -> dict[tuple[Shape, int], ExactCells]:
    """Index the cells that succeeded on one GPU, of one run or of all, by shape and batch."""
    found: dict[tuple[Shape, int], list[Cell]] = {}
    for cell in calibration.ok_cells:
        if cell.gpus == 1 and run in {None, cell.run}:
            found.setdefault((cell.shape, cell.batch), []).append(cell)
    return {key: ExactCells(tuple(cells)) for key, cells in found.items()}
