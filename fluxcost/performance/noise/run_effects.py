"""Between-run random effects, and the errors that all answers of a calibration share.

Runs differ mostly in the CPU of their machine; the GPU is almost the same from one run to the next.
Each run moves the launch-bound share of a stage by one effect and the rest by another: two effects
a run and stage, with standard deviations `RUN_SIGMAS`. Without them, runs that measured different
cells would be mistaken for a difference between the cells. The variance that the runs of a
calibration show is pooled with a prior from other calibrations, since two runs may agree or differ
by chance. `Hosts` tells which runs were on one host, by their machine and software.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import MeasuringRun
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.noise.drift import LaunchBoundShares
from fluxcost.performance.observations import Stage
from fluxcost.stats import Array


class Hosts:
    """The runs of a calibration, by what they ran on.

    Args:
        runs: All of them.
    """

    def __init__(self, runs: Sequence[MeasuringRun]) -> None:
        self._on = {
            run.id: run.environment.model_copy(update={"git_revision": None}) for run in runs
        }
        self._began = {run.id: run.started_at for run in runs}

    def alike(self, one: str, other: str) -> bool:
        """Say whether two runs are one, or name the same machine and software."""
        if one == other:
            return True
        return one in self._on and self._on[one] == self._on.get(other)

    def apart_s(self, one: str, other: str) -> float:
        """Return the seconds between the beginnings of two runs on alike hosts."""
        if one == other:
            return 0.0
        return abs((self._began[one] - self._began[other]).total_seconds())


RUN_SIGMAS = np.array([0.10, 0.02])
"""Standard deviation between runs of the log of time that waits for the CPU, and of the rest.

With these, 90 % intervals of a fit to one run hold about nine in ten cells of the other, over
both shipped eager calibrations of two runs (tests/validation/test_shipped.py).
"""

PRIOR_RUNS = 2.0
"""Weight of `RUN_SIGMAS`, in degrees of freedom: what they rest on."""

UNSTAGED_RUN_SIGMA = 0.035
"""The same for a whole call where no stage was timed, so that nobody knows what part waits.

Over all cells of the H200's eager calibration together, whatever their part.
"""


@dataclass(frozen=True)
class LaunchBoundCell:
    """A cell's call: the share that waits for the CPU, and the error of its median."""

    share: float
    sigma: float


class BetweenRunErrors:
    """Relative errors that every answer of a calibration shares, by error source.

    Args:
        calibration: Whose answers.
        key: Name of the calibration in the keys of error draws.
        waits: By the fitted stages.
    """

    def __init__(
        self, calibration: Calibration, key: str, waits: Callable[[Cell], LaunchBoundCell]
    ) -> None:
        self._calibration = calibration
        self._key = key
        self._waits = waits

    def of(self, share: float | None, *, measured: bool = False) -> dict[str, float]:
        """Return the errors of an answer of which a share waits for the CPU; None if unknown.

        Args:
            share: 0 to 1.
            measured: Whether the answer is a measurement. A fit to several runs includes the error
                of their average in its own error; a measurement does not.
        """
        found = {f"{self._key}/weights": self._weights}
        if share is None:
            found[f"{self._key}/start"] = UNSTAGED_RUN_SIGMA
        else:
            surely = self._runs > 1 and not measured
            cpu, gpu = np.sqrt(self._variances * (1 if surely else 1 + 1 / self._runs))
            found[f"{self._key}/start's CPU"] = share * float(cpu)
            found[f"{self._key}/start's GPU"] = (1 - share) * float(gpu)
        return {name: sigma for name, sigma in found.items() if sigma > 0}

    @functools.cached_property
    def _weights(self) -> float:
        return _weight_sigma(self._calibration)

    @functools.cached_property
    def _variances(self) -> Array:
        """Variance between runs, of both columns."""
        squares = PRIOR_RUNS * RUN_SIGMAS**2 + run_squares(self._cells, self._waits)
        return np.asarray(squares / (PRIOR_RUNS + self._runs - 1))

    @functools.cached_property
    def _runs(self) -> int:
        return len({cell.run for cell in self._cells})

    @functools.cached_property
    def _cells(self) -> list[Cell]:
        return [cell for cell in self._calibration.ok_cells if cell.samples and cell.gpus == 1]


def run_squares(cells: list[Cell], waits: Callable[[Cell], LaunchBoundCell]) -> Array:
    """Return the sum of the squared run effects, shape (2,).

    They are posterior means of the squares given the cells that runs share, with `RUN_SIGMAS` as
    prior: runs that share no cells, or whose cells scatter too much, keep the prior.
    """
    by_label: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_label[cell.label].append(cell)  # of one run too, where it timed several GPUs
    rows: dict[str, list[tuple[float, float, float]]] = {cell.run: [] for cell in cells}
    for alike in by_label.values():
        by_run: dict[str, list[float]] = defaultdict(list)
        for cell in alike:
            by_run[cell.run].append(float(np.log(np.median(cell.calls_s))))
        middle = float(np.mean([np.mean(logs) for logs in by_run.values()]))
        for cell in alike if len(by_run) > 1 else ():
            known = waits(cell)
            apart = float(np.log(np.median(cell.calls_s))) - middle
            rows[cell.run].append((known.share, known.sigma, apart))
    squares = np.zeros(2)
    if len(rows) == 1:
        return squares
    freedom = 1 - 1 / len(rows)  # of a distance from an average that it is part of
    for own in rows.values():
        share, sigma, moved = np.array(own).reshape(-1, 3).T
        parts = np.column_stack([share, 1 - share]) / (np.sqrt(freedom) * sigma)[:, None]
        information = parts.T @ parts + np.diag(1 / (freedom * RUN_SIGMAS**2))
        spread = np.linalg.inv(information)
        effect = spread @ parts.T @ (moved / (np.sqrt(freedom) * sigma))
        squares += effect**2 + np.diag(spread)
    return squares


def _weight_sigma(calibration: Calibration) -> float:
    """Return how much time moves with the scale of synthetic weights, zeros left out.

    All-zero weights show the effect exists (a power-limited GPU runs them faster) but no checkpoint
    is zero, so only scales above zero say how wrong a checkpoint's scale could make a time.
    """
    if not any(run.environment.weights.startswith("synthetic") for run in calibration.runs):
        return 0.0
    times: dict[tuple[int, ...], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for entry in calibration.weight_scales:
        if entry.scale > 0:
            point = (entry.width, entry.height, entry.steps, entry.batch)
            times[point][entry.scale].extend(entry.wall_s)
    spreads = [
        float(np.var([np.log(np.median(walls)) for walls in by_scale.values()]))
        for by_scale in times.values()
        if len(by_scale) > 1
    ]
    return float(np.sqrt(np.mean(spreads))) if spreads else 0.0


class RunEffects:
    """The runs that timed some cells, and the effects of each on a stage.

    Args:
        names: Of the runs, each once.
        waiting: Which share of a stage waits for the CPU, by a fit without run effects.
    """

    def __init__(self, names: Sequence[str], waiting: LaunchBoundShares) -> None:
        self._columns = {name: 2 * at for at, name in enumerate(names)}
        self._waiting = waiting

    def moves(self, stage: Stage, pixels: Array, batch: Array, names: Sequence[str]) -> Array:
        """Return how far each effect, one standard deviation of it, moves the log of a stage.

        Args:
            stage: Which.
            pixels: Of an image, one a point.
            batch: Images, one a point.
            names: The run of each point.

        Returns:
            Shape (points, effects); two effects a run.
        """
        share = self._waiting.share(stage, pixels, batch)
        found = np.zeros((pixels.size, 2 * len(self._columns)))
        rows = np.arange(pixels.size)
        columns = np.array([self._columns[name] for name in names], dtype=np.intp)
        for part, own in enumerate((share, 1 - share)):
            found[rows, columns + part] = RUN_SIGMAS[part] * own
        return found

    def moment(self, stage: Stage, pixels: int, batch: int) -> float:
        """Return the relative drift of a stage within one run."""
        return self._waiting.cpu * self._waiting.share_at(stage, pixels, batch)
