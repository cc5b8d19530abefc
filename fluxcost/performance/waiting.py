"""How much of a call waits for the CPU, and how far the CPU's pace moves it between moments.

A stage's formula is the larger of its launches and its arithmetic with the corner rounded, so the
share of it that waits for launches is how its time follows theirs: d log(stage) / d log(launches),
1 where launches decide and 0 where arithmetic does. Two calls of one size are as noisy as each
other only if they wait alike, and a soak of a call that waits tells of every call that waits, by
its share; that of a call which keeps the GPU busy tells how far the GPU itself moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.performance.groups import Stage, stage_counts
from fluxcost.performance.kriging import Array, Kriged

LAUNCH = 0
"""Where the launch time stands among the parameters of every stage that the GPU runs."""

MOSTLY = 0.5
"""Share from which a soak tells of the CPU's pace, not of the GPU's."""


@dataclass(frozen=True)
class SoakScatter:
    """How far the medians of successive blocks of a soak's calls moved, relative."""

    pixels: int
    batch: int
    steps: int
    scatter: float


class Waiting:
    """Shares of waiting by the fitted formulas, and what soaks show of it.

    Args:
        fits: Of every stage.
        soaks: Those long enough to tell.
    """

    def __init__(self, fits: Mapping[Stage, Kriged], soaks: Sequence[SoakScatter]) -> None:
        self._fits = fits
        self._shares: dict[tuple[Stage, int, int], float] = {}
        self._seconds: dict[tuple[Stage, int, int], float] = {}
        self.cpu, self.gpu = self._paces(soaks)

    def share(self, stage: Stage, pixels: Array, batch: Array) -> Array:
        """Return the share of a stage that waits for the CPU at points, 0 to 1; host work is it."""
        if stage == "host":
            return np.ones_like(pixels)
        slope = self._fits[stage].slope(LAUNCH, pixels, batch)
        return np.asarray(np.clip(slope, 0.0, 1.0))

    def share_at(self, stage: Stage, pixels: int, batch: int) -> float:
        """Return the share of a stage that waits for the CPU at one point, 0 to 1."""
        asked = stage, pixels, batch
        if asked not in self._shares:
            at = np.array([float(pixels)]), np.array([float(batch)])
            self._shares[asked] = float(self.share(stage, *at)[0])
        return self._shares[asked]

    def of_call(self, pixels: int, batch: int, steps: int) -> float:
        """Return the share of a call that waits for the CPU, 0 to 1."""
        seconds = {
            stage: count * self._seconds_at(stage, pixels, batch)
            for stage, count in stage_counts(steps).items()
        }
        waited = sum(part * self.share_at(stage, pixels, batch) for stage, part in seconds.items())
        return waited / sum(seconds.values())

    def _seconds_at(self, stage: Stage, pixels: int, batch: int) -> float:
        """Return the seconds of a stage at one point."""
        asked = stage, pixels, batch
        if asked not in self._seconds:
            self._seconds[asked] = self._fits[stage].predict(pixels, batch).seconds
        return self._seconds[asked]

    def moment(self, pixels: int, batch: int, steps: int) -> float:
        """Return how far a call's median moves between moments by the soaks; 0 without any."""
        if not self.cpu:
            return self.gpu
        return max(self.gpu, self.cpu * self.of_call(pixels, batch, steps))

    def _paces(self, soaks: Sequence[SoakScatter]) -> tuple[float, float]:
        """Return how far the CPU's pace moves, relative, and the GPU's; 0 where no soak tells."""
        waiting, busy = [], []
        for soak in soaks:
            share = self.of_call(soak.pixels, soak.batch, soak.steps)
            if share >= MOSTLY:
                waiting.append(soak.scatter / share)
            else:
                busy.append(soak.scatter)
        return _root_mean_square(waiting), _root_mean_square(busy)


def _root_mean_square(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values else 0.0
