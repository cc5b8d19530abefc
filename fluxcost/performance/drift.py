"""Within-run drift: how far a stage's median moves during a run.

A CPU launches faster or slower for seconds at a time, so the calls of one cell, taken in a row,
agree with each other better than with the same calls a minute later. Cells of one group differ only
in steps, which do not change the time of one stage, so they repeat one another at different times.
The scatter of their medians over what a bootstrap of their calls expects is the stage's drift
factor, and every bootstrap error is multiplied by it. The factor is large for a stage that waits
for the CPU and near 1 for one that keeps the GPU busy. Repeats over minutes (soaks, prompt
encodings) set the least error of calls with the same launch-bound share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxcost.performance.fit_store import KeptFit
from fluxcost.performance.groups import STAGES, Group, Spans, Stage, cell_spans
from fluxcost.performance.kriging import Array
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.measured.probes import Soak
from fluxcost.performance.pace import encodings_repeat, soaks_repeat
from fluxcost.performance.pause import Pause

NEAR = float(np.log(2))
"""Distance, in log pixels and log batch, over which noise is taken as the same."""

ALIKE = 0.25
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


class Drift:
    """Errors of stage medians at and between cells, within-run drift included.

    Args:
        groups: Cells with samples, of one run each.
        call_drift: The drift within long calls, which is no noise.
        soaks: Hundreds of calls of one shape, in the order taken.
        kept: Where parts of the fit that this is of are kept; None keeps nothing.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        call_drift: Pause,
        soaks: Sequence[Soak] = (),
        kept: KeptFit | None = None,
    ) -> None:
        self.call_drift = call_drift
        self.repeats = (*soaks_repeat(soaks), *encodings_repeat(groups))
        self._pixels = np.array([float(group.pixels) for group in groups])
        self._batch = np.array([float(group.batch) for group in groups])
        self.factors: dict[Stage, float] = {}
        found = (kept or KeptFit()).arrays("drift", lambda: self._found(groups))
        self.factors = {stage: float(found[f"{stage}.factor"]) for stage in STAGES}
        self._cell = {stage: found[f"{stage}.cells"] for stage in STAGES}

    def _found(self, groups: Sequence[Group]) -> dict[str, Array]:
        """Return the factor of each stage, and the error of a cell's median in each group."""
        found: dict[str, Array] = {}
        for stage in STAGES:
            self.factors[stage] = self._factor(groups, stage)
            rows = [self._own(group, stage) for group in groups]
            found[f"{stage}.factor"] = np.array(self.factors[stage])
            found[f"{stage}.cells"] = np.array([np.sqrt(np.mean(row**2)) for row in rows])
        return found

    def group(self, group: Group, stage: Stage) -> float:
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
        apart = apart / NEAR**2 + ((shares - share) / ALIKE) ** 2
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

    def _own(self, group: Group, stage: Stage) -> Array:
        """Return each cell's error with the drift; NaN alone where the stage was not taken."""
        sigmas = [spans.sigma for spans in self._taken(group, stage)]
        return self.factors[stage] * np.array(sigmas or [np.nan])

    def _taken(self, group: Group, stage: Stage) -> list[Spans]:
        """Return the spans of each cell that took a stage."""
        rows = [cell_spans(cell, stage, self.call_drift) for cell in group.cells]
        return [spans for spans in rows if spans.seconds.size]

    def _factor(self, groups: Sequence[Group], stage: Stage) -> float:
        moved, expected = 0.0, 0.0
        for group in groups:
            rows = self._taken(group, stage)
            if len(rows) > 1:
                logs = np.log([spans.median for spans in rows])
                within = np.array([spans.sigma for spans in rows])
                moved += float(np.sum((logs - logs.mean()) ** 2))
                expected += float(np.sum(within**2)) * (1 - 1 / logs.size)
        return max(1.0, float(np.sqrt(moved / expected))) if expected > 0 else 1.0
