"""Seconds of a whole call: as measured where it was, else by the formulas, or refused."""

from __future__ import annotations

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.performance.exact import Exact
from fluxcost.performance.floor import floor_of
from fluxcost.performance.parts import Parts
from fluxcost.performance.region import trusted
from fluxcost.performance.sampling import Statistic
from fluxcost.workload import Shape


class CallLatency:
    """The latency of any shape and batch, kept once it was asked for.

    Args:
        parts: Of the fit that is asked.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._answers: dict[tuple[Shape, int, Statistic], Estimate] = {}

    def estimate(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        """Return a statistic over calls; see `Fit` for what is refused."""
        asked = (shape, batch, statistic)
        if asked not in self._answers:
            self._answers[asked] = self._answer(*asked)
        return self._answers[asked]

    def _answer(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        parts = self._parts
        exact = parts.exact.get((shape, batch))
        if exact is None:
            return self._fitted(shape, batch, statistic)
        if exact.shows(statistic):
            return self._measured(exact, shape, batch, statistic)
        if parts.cells and exact.walls.size:
            return self._tail(shape, batch, statistic)
        return exact.reported(parts.calibration, parts.key, statistic)

    def _measured(self, exact: Exact, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        parts = self._parts
        drift = max(exact.drift(parts.drift), parts.moment(shape, batch))
        common = parts.common(shape, batch, measured=True)
        return exact.latency(parts.calibration, parts.key, statistic, drift, common)

    def _tail(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        """Return a slow call of a cell with too few calls of its own to show it."""
        parts = self._parts
        median = self.estimate(shape, batch, "median")
        factor, sigma = parts.times.tail(shape, batch, statistic)
        cell = parts.exact[shape, batch]
        if cell.shows("p95"):
            # The factor is of calls of one run; calls of several scatter more.
            factor = max(factor, float(np.quantile(cell.walls, 0.95) / np.median(cell.walls)))
        sigmas = {f"{parts.key}/{statistic}": sigma}
        evidence = f"{parts.evidence}, {statistic} over median"
        over = Estimate.spread(factor, sigmas, "", Source.INTERPOLATED, evidence)
        return derive(lambda seconds, slow: seconds * slow, median, over, unit="s")

    def _fitted(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        parts = self._parts
        source = parts.region.require(shape, batch)
        parts.refuse_too_large(shape, batch)
        times = parts.edit_times if shape.reference_images else parts.times
        seconds, sigmas = times.call(shape, batch, statistic)
        seconds = max(seconds, self._least(shape, batch))
        sigmas |= parts.common(shape, batch)
        estimate = Estimate.spread(seconds, sigmas, "s", source, parts.evidence)
        return trusted(estimate, shape, batch)

    def _least(self, shape: Shape, batch: int) -> float:
        """Return the floor at the datasheet's peak, 0 where the GPU has no datasheet row."""
        try:
            return floor_of(self._parts.calibration, self._parts.architecture, shape, batch).total_s
        except MissingDataError:
            return 0.0
