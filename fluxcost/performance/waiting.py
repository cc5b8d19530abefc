"""The launch-bound share of a call, and how far the CPU's launch rate drifts within a run.

A stage's formula is a rounded maximum of its launch time and its arithmetic. Its launch-bound share
is d log(stage) / d log(launches): 1 where launches set the time and 0 where arithmetic does.
Repeats that are launch-bound give the drift of the CPU, which applies to every call in proportion
to its launch-bound share. A soak of a call that keeps the GPU busy gives the drift of the GPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fluxcost.performance.groups import Stage, stage_counts
from fluxcost.performance.kriging import Array, Kriged
from fluxcost.performance.pace import Repeats

LAUNCH = 0
"""Where the launch time stands among the parameters of every stage that the GPU runs."""

MOSTLY = 0.5
"""Launch-bound share from which repeats show the drift of the CPU, not of the GPU."""


class Waiting:
    """Launch-bound shares by the fitted formulas, and the drift that repeats show.

    Args:
        fits: Of every stage.
        repeats: Soaks and encodings.
    """

    def __init__(self, fits: Mapping[Stage, Kriged], repeats: Sequence[Repeats]) -> None:
        self._fits = fits
        self._shares: dict[tuple[Stage, int, int], float] = {}
        self._seconds: dict[tuple[Stage, int, int], float] = {}
        self.cpu, self.gpu = self._drifts(repeats)

    def share(self, stage: Stage, pixels: Array, batch: Array) -> Array:
        """Return the share of a stage that waits for the CPU at points, 0 to 1; 1 for host work."""
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
        """Return the relative drift of a call's median within a run; 0 without repeats."""
        if not self.cpu:
            return self.gpu
        return max(self.gpu, self.cpu * self.of_call(pixels, batch, steps))

    def _drifts(self, repeats: Sequence[Repeats]) -> tuple[float, float]:
        """Return the relative drift of the CPU's launch rate and of the GPU; 0 without repeats.

        A prompt's encoding that keeps the GPU busy is not used: it is too short to move a call.
        """
        waiting, busy = [], []
        for repeat in repeats:
            share = self._share_of(repeat)
            if share >= MOSTLY:
                waiting.append((repeat.scatter / share, repeat.freedom))
            elif repeat.steps:
                busy.append((repeat.scatter, repeat.freedom))
        return _pooled(waiting), _pooled(busy)

    def _share_of(self, repeat: Repeats) -> float:
        """Return the launch-bound share of repeated work."""
        if repeat.steps:
            return self.of_call(repeat.pixels, repeat.batch, repeat.steps)
        return self.share_at("text_encode", repeat.pixels, repeat.batch)


def _pooled(scatters: Sequence[tuple[float, int]]) -> float:
    """Return one scatter of several, each with its degrees of freedom; 0 of none."""
    if not scatters:
        return 0.0
    values, freedoms = np.array(scatters, dtype=float).T
    return float(np.sqrt(np.average(values**2, weights=freedoms)))
