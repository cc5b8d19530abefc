"""From simulated runs to estimates: Monte Carlo error and the error of the timings."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable

import numpy as np

from fluxcost.capacity.simulator.engine import SimulatedRun, Trial
from fluxcost.estimate import DRAWS, LEVEL, Draws, Estimate, standard_normal
from fluxcost.stats import NORMAL_90
from fluxcost.workload.constraints import Objective

TIMING_QUANTILES = (0.02, 0.2, 0.8, 0.98)
"""Quantiles of the timing error simulated beside the central timings; between them it is drawn."""

REPLICATIONS_A_QUANTILE = 3

Measure = Callable[[SimulatedRun], float]


class TimingDraws:
    """Runs at the central timings and at quicker and slower ones, with the same arrivals."""

    def __init__(self, trial: Trial, runs: list[SimulatedRun]) -> None:
        self.trial = trial
        self.runs = runs
        factors = trial.service.factors
        self.factors: Draws = np.ones(DRAWS) if factors is None else factors
        self.key = f"simulation/{trial.seed}"
        levels = [float(level) for level in np.quantile(self.factors, TIMING_QUANTILES)]
        if np.ptp(self.factors) == 0:
            levels = []
        few = range(min(REPLICATIONS_A_QUANTILE, len(runs)))
        found = {level: [trial.run(index, level) for index in few] for level in levels}
        self.levels = {level: found[level] for level in sorted(found)}

    def part(self, lines: slice, name: str) -> TimingDraws:
        """Return the same draws, counted over the requests of some classes only."""
        part = copy.copy(self)
        part.key = f"{self.key}/{name}"
        part.runs = [run.part(lines) for run in self.runs]
        part.levels = {
            level: [run.part(lines) for run in runs] for level, runs in self.levels.items()
        }
        return part

    def estimate(self, measure: Measure, unit: str, name: str) -> Estimate:
        """Return a number's mean over replications, with timing draws and chance around it."""
        values = np.array([measure(run) for run in self.runs])
        value, error = float(values.mean()), mean_error(values)
        noise = error * standard_normal(f"{self.key}/{name}")
        draws = np.maximum(0.0, value + self._shift(measure) + noise)
        return Estimate(value, unit, self.trial.service.source, self._evidence, draws)

    def share(self, measure: Measure, name: str) -> Estimate:
        """Return a share likewise; no draw has more than all."""
        found = self.estimate(measure, "1", name)
        draws = np.minimum(found.draws, 1.0)
        return Estimate(found.value, "1", found.source, found.evidence, draws)

    def percentile(self, percentile: float) -> Estimate:
        """Return a percentile of response times, seconds."""
        measure = functools.partial(SimulatedRun.percentile_s, percentile=percentile)
        return self.estimate(measure, "s", f"p{percentile:g}")

    def judged(self, objective: Objective) -> Estimate:
        """Return the response that must be within the objective's bound, seconds."""
        return self.estimate(lambda run: run.judged_s(objective), "s", f"p{objective.rank:g}")

    @property
    def lost(self) -> Estimate:
        """Share of requests never answered."""
        return self.share(lambda run: run.lost / run.arrived, "lost")

    def probability(self, objective: Objective, load: float) -> float:
        """Return the share of timing draws in which the objective is met.

        Where requests come without end, a draw whose load is 1 or more meets none, however late a
        run would show it; where the queue is limited, what may be turned away is no load.

        Args:
            objective: What is to be met.
            load: At the central timings.
        """
        slow = self.judged(objective).draws
        met = (slow <= objective.within_s) & (self.lost.draws <= objective.may_lose + 1e-12)
        if self.trial.demand.requests is None:
            limited = self.trial.fleet.queue_limit is not None
            kept = 1 - objective.may_reject if limited else 1.0
            met &= load * kept * self.factors < 1
        return float(np.mean(met))

    def _shift(self, measure: Measure) -> Draws:
        """Return how far each timing draw moves a number, by the draws that were run."""
        if not self.levels:
            return np.zeros(DRAWS)
        shared = next(iter(self.levels.values()))
        center = float(np.mean([measure(run) for run in self.runs[: len(shared)]]))
        moved = {
            level: float(np.mean([measure(run) for run in runs])) - center
            for level, runs in self.levels.items()
        } | {1.0: 0.0}
        at = sorted(moved)
        shift: Draws = np.interp(self.factors, at, [moved[level] for level in at])
        return shift

    @property
    def _evidence(self) -> tuple[str, ...]:
        runs = self.runs
        counted = f"{len(runs)} simulated runs of {runs[0].arrived:,} requests"
        return (f"{counted}, seed {self.trial.seed}", *self.trial.service.evidence)


def mean_error(values: Draws) -> float:
    """Return the error of a mean over replications, such that 1.645 of it is Student's interval."""
    if np.ptp(values) == 0:
        return 0.0
    from scipy.special import stdtrit

    student = float(stdtrit(values.size - 1, (1 + LEVEL) / 2))
    return student / NORMAL_90 * float(values.std(ddof=1)) / math.sqrt(values.size)
