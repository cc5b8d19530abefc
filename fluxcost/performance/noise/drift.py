"""Within-run drift: how far a stage's median moves during a run.

A CPU launches faster or slower for seconds at a time, so the calls of one cell, taken in a row,
agree with each other better than with the same calls a minute later. Cells of one group differ only
in steps, which do not change the time of one stage, so they repeat one another at different times.
The scatter of their medians over what a bootstrap of their calls expects is the stage's drift
factor, and every bootstrap error is multiplied by it. The factor is large for a stage that waits
for the CPU and near 1 for one that keeps the GPU busy.

Work repeated over minutes sets the least error of calls with the same launch-bound share: a soak
makes one call hundreds of times, and a prompt's encoding is the same at every image size. The
launch-bound share of a stage is d log(stage) / d log(launches): 1 where launches set the time and 0
where arithmetic does. Launch-bound repeats give the drift of the CPU; a soak of a call that keeps
the GPU busy gives the drift of the GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.performance.calibration.extra_measurements import Soak
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.fit_store import KeptFit
from fluxcost.performance.gaussian_process import GaussianProcess
from fluxcost.performance.observations import (
    STAGES,
    CellGroup,
    Stage,
    StageSpans,
    WithinCallDrift,
    cell_spans,
    stage_counts,
)
from fluxcost.stats import Array

SOAK_BLOCK = 20
"""Calls of a soak taken together, about as many as a cell has."""

FEWEST_REPEATS = 3
"""Repeats needed to estimate their scatter."""


@dataclass(frozen=True)
class RepeatScatter:
    """Scatter of the medians of the same work at different times of a run.

    Attributes:
        pixels: Of an image.
        batch: Images.
        steps: Of the call that repeats; 0 where its encoding of prompts does.
        scatter: Standard deviation of the medians' logarithms.
        freedom: Degrees of freedom of it.
    """

    pixels: int
    batch: int
    steps: int
    scatter: float
    freedom: int


def soak_scatter(soaks: Iterable[Soak]) -> list[RepeatScatter]:
    """Return the scatter within each soak that has calls enough."""
    found = []
    for soak in soaks:
        medians = block_medians(soak.wall_s)
        if len(medians) >= FEWEST_REPEATS:
            pixels = soak.width * soak.height
            found.append(_repeats(pixels, soak.batch, soak.steps, medians))
    return found


def encoding_scatter(groups: Sequence[CellGroup]) -> list[RepeatScatter]:
    """Return the scatter of prompt encoding over the cells of each run and batch.

    Args:
        groups: Of one run each.
    """
    medians: dict[tuple[str, int], list[float]] = {}
    for group in groups:
        for cell in group.cells:
            if cell.samples is not None:
                own = medians.setdefault((cell.run, cell.batch), [])
                own.append(float(np.median(cell.samples.text_encode_s)))
    return [
        _repeats(groups[0].pixels, batch, 0, own)
        for (_, batch), own in medians.items()
        if len(own) >= FEWEST_REPEATS and min(own) > 0
    ]


def block_medians(wall_s: Sequence[float]) -> list[float]:
    """Return the medians of successive blocks of calls."""
    size = max(3, min(SOAK_BLOCK, len(wall_s) // 4))
    blocks = [wall_s[at : at + size] for at in range(0, len(wall_s) - size + 1, size)]
    return [float(np.median(block)) for block in blocks]


def _repeats(pixels: int, batch: int, steps: int, medians: Sequence[float]) -> RepeatScatter:
    scatter = float(np.std(np.log(medians), ddof=1))
    return RepeatScatter(pixels, batch, steps, scatter, len(medians) - 1)


LAUNCH_PARAMETER = 0
"""Where the launch time stands among the parameters of every stage that the GPU runs."""

MOSTLY_LAUNCH_BOUND = 0.5
"""Launch-bound share from which repeats show the drift of the CPU, not of the GPU."""


class LaunchBoundShares:
    """Launch-bound shares by the fitted formulas, and the drift that repeats show.

    Args:
        fits: Of every stage.
        repeats: Soaks and encodings.
    """

    def __init__(
        self, fits: Mapping[Stage, GaussianProcess], repeats: Sequence[RepeatScatter]
    ) -> None:
        self._fits = fits
        self._shares: dict[tuple[Stage, int, int], float] = {}
        self._seconds: dict[tuple[Stage, int, int], float] = {}
        self.cpu, self.gpu = self._drifts(repeats)

    def share(self, stage: Stage, pixels: Array, batch: Array) -> Array:
        """Return the share of a stage that waits for the CPU at points, 0 to 1; 1 for host work."""
        if stage == "host":
            return np.ones_like(pixels)
        slope = self._fits[stage].slope(LAUNCH_PARAMETER, pixels, batch)
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

    def _drifts(self, repeats: Sequence[RepeatScatter]) -> tuple[float, float]:
        """Return the relative drift of the CPU's launch rate and of the GPU; 0 without repeats.

        A prompt's encoding that keeps the GPU busy is not used: it is too short to move a call.
        """
        waiting, busy = [], []
        for repeat in repeats:
            share = self._share_of(repeat)
            if share >= MOSTLY_LAUNCH_BOUND:
                waiting.append((repeat.scatter / share, repeat.freedom))
            elif repeat.steps:
                busy.append((repeat.scatter, repeat.freedom))
        return _pooled(waiting), _pooled(busy)

    def _share_of(self, repeat: RepeatScatter) -> float:
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


DRIFT_WIDTH = float(np.log(2))
"""Distance, in log pixels and log batch, over which noise is taken as the same."""

SHARE_WIDTH = 0.25
"""Distance in the launch-bound share over which noise is taken as the same: across the
corner where arithmetic overtakes launches it falls tenfold between two neighbors."""

FAMILY: dict[Stage, str] = {
    "text_encode": "cpu",
    "first_step": "denoise",
    "later_step": "denoise",
    "vae_decode": "vae_decode",
    "host": "cpu",
}
"""Stages whose errors at one point are one error: the first and later steps run the same kernels,
and text and host work wait for the same CPU."""


class WithinRunDrift:
    """Errors of stage medians at and between cells, within-run drift included.

    Args:
        groups: Cells with samples, of one run each.
        call_drift: The drift within long calls, which is no noise.
        soaks: Hundreds of calls of one shape, in the order taken.
        kept: Where parts of the fit that this is of are kept; None keeps nothing.
    """

    def __init__(
        self,
        groups: Sequence[CellGroup],
        call_drift: WithinCallDrift,
        soaks: Sequence[Soak] = (),
        kept: KeptFit | None = None,
    ) -> None:
        self.call_drift = call_drift
        self.repeats = (*soak_scatter(soaks), *encoding_scatter(groups))
        self._pixels = np.array([float(group.pixels) for group in groups])
        self._batch = np.array([float(group.batch) for group in groups])
        self.factors: dict[Stage, float] = {}
        found = (kept or KeptFit()).arrays("drift", lambda: self._found(groups))
        self.factors = {stage: float(found[f"{stage}.factor"]) for stage in STAGES}
        self._cell = {stage: found[f"{stage}.cells"] for stage in STAGES}

    def _found(self, groups: Sequence[CellGroup]) -> dict[str, Array]:
        """Return the factor of each stage, and the error of a cell's median in each group."""
        found: dict[str, Array] = {}
        for stage in STAGES:
            self.factors[stage] = self._factor(groups, stage)
            rows = [self._own(group, stage) for group in groups]
            found[f"{stage}.factor"] = np.array(self.factors[stage])
            found[f"{stage}.cells"] = np.array([np.sqrt(np.mean(row**2)) for row in rows])
        return found

    def group(self, group: CellGroup, stage: Stage) -> float:
        """Return the relative error of a group's pooled median of a stage."""
        own = self._own(group, stage)
        return float(np.sqrt(np.sum(own**2)) / own.size)

    def near(self, stage: Stage, pixels: float, batch: float, share: float, shares: Array) -> float:
        """Return the relative error a cell's median of a stage would have at a point.

        Args:
            stage: Which.
            pixels: Of an image.
            batch: Images.
            share: Of the stage that waits for the CPU there.
            shares: The same at each group.
        """
        apart = np.log(self._pixels / pixels) ** 2 + np.log(self._batch / batch) ** 2
        apart = apart / DRIFT_WIDTH**2 + ((shares - share) / SHARE_WIDTH) ** 2
        known = np.isfinite(self._cell[stage])
        if not known.any():
            return 0.0
        nearest = apart[known].min()
        weights = np.exp(-0.5 * (apart[known] - nearest))
        return float(np.sqrt(np.average(self._cell[stage][known] ** 2, weights=weights)))

    def call(self, cell: Cell) -> float:
        """Return the relative error of a cell's whole call, put together from its stages."""
        errors: dict[str, float] = {}
        for stage in STAGES:
            spans = cell_spans(cell, stage, self.call_drift)
            if spans.seconds.size:
                times = cell.steps - 1 if stage == "later_step" else 1
                error = self.factors[stage] * spans.sigma * times * spans.median
                errors[FAMILY[stage]] = errors.get(FAMILY[stage], 0.0) + error
        assert cell.samples is not None  # noqa: S101 - fitted cells have samples
        wall = float(np.median(cell.samples.wall_s))
        return float(np.sqrt(sum(error**2 for error in errors.values()))) / wall

    def _own(self, group: CellGroup, stage: Stage) -> Array:
        """Return each cell's error with the drift; NaN alone where the stage was not taken."""
        sigmas = [spans.sigma for spans in self._taken(group, stage)]
        return self.factors[stage] * np.array(sigmas or [np.nan])

    def _taken(self, group: CellGroup, stage: Stage) -> list[StageSpans]:
        """Return the spans of each cell that took a stage."""
        rows = [cell_spans(cell, stage, self.call_drift) for cell in group.cells]
        return [spans for spans in rows if spans.seconds.size]

    def _factor(self, groups: Sequence[CellGroup], stage: Stage) -> float:
        moved, expected = 0.0, 0.0
        for group in groups:
            rows = self._taken(group, stage)
            if len(rows) > 1:
                logs = np.log([spans.median for spans in rows])
                within = np.array([spans.sigma for spans in rows])
                moved += float(np.sum((logs - logs.mean()) ** 2))
                expected += float(np.sum(within**2)) * (1 - 1 / logs.size)
        return max(1.0, float(np.sqrt(moved / expected))) if expected > 0 else 1.0
