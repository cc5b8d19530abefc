"""Adaptive calibration: measure, fit and choose, until the target is met or the budget is spent.

Every choice is a function of what was measured, so a run that was killed continues where it ended.
Each cell is predicted before it is measured. The ratio of the errors found to the errors expected
multiplies the error expected of the remaining cells: a fit to a few cells estimates its own error
badly, and this keeps it from stopping too soon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from typing import Protocol as Interface

import numpy as np

from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import fit
from fluxcost.performance.groups import fitted_cells
from measure.adaptive.design import LEAST_NOISE, Knowledge, knowledge
from measure.suites import Point, Protocol

FEWEST_CELLS = 8
"""Cells before a target counts as met: fewer predictions say nothing of their worth."""

UPPER = 0.75
UPPER_OF_NORMAL = 1.1503
"""Quantile of the predictions' errors that is held against what they said, and the same quantile of
a normal error's size: a median would let a quarter of bad ones pass."""

Stop = Literal["target", "budget", "exhausted"]


class Site(Interface):
    """Where cells come from: a GPU, or a record that is replayed."""

    def measure(self, point: Point) -> None:
        """Measure a cell and keep it."""

    def calibration(self) -> Calibration | None:
        """Return what was measured so far, None before the first cell."""


@dataclass(frozen=True)
class Goal:
    """When to stop.

    Attributes:
        error: Median relative error expected at a candidate not measured, such as 0.02.
        minutes: Of timed calls, warm-up included; infinite where not limited.
    """

    error: float
    minutes: float = math.inf


@dataclass(frozen=True)
class Outcome:
    """How an adaptive calibration stands or ended.

    Attributes:
        stop: "target" met, "budget" spent (or not yet), or candidates "exhausted".
        error: Median relative error expected at a candidate not measured; infinite before the
            first cell.
        cells: Measured, those of an earlier run included.
        minutes: Of timed calls.
    """

    stop: Stop
    error: float
    cells: int
    minutes: float


class Adaptive:
    """An adaptive calibration.

    Args:
        site: Where cells come from.
        candidates: The points the calibration is to answer for.
        protocol: Of the cells.
        architecture: The model.
    """

    def __init__(
        self,
        site: Site,
        candidates: Sequence[Point],
        protocol: Protocol,
        architecture: Architecture,
    ) -> None:
        self._site = site
        self._ordered = sorted(set(candidates), key=lambda point: (point.pixel_steps, point))
        self._protocol = protocol
        self._architecture = architecture
        self._surprises: list[float] = []
        self._corners = _corners(self._ordered)

    def run(
        self, goal: Goal, announce: Callable[[Point, Outcome], None] = lambda _point, _now: None
    ) -> Outcome:
        """Measure candidates, most telling first, until the goal is met.

        Args:
            goal: When to stop.
            announce: Called with each point before it is measured, and how things stand.
        """
        while True:
            calibration = self._site.calibration()
            known = None if calibration is None else self._known(calibration)
            now = self._outcome(calibration, known, goal)
            point = self._next(calibration, known, 60 * (goal.minutes - now.minutes))
            if now.stop != "budget" or point is None:
                return now
            announce(point, now)
            self._site.measure(point)

    def _known(self, calibration: Calibration) -> Knowledge | None:
        """Return what a fit knows of the candidates left; None before the first cell."""
        if not fitted_cells(calibration):
            return None
        fitted = fit(calibration, architecture=self._architecture)
        return knowledge(fitted, self._left(calibration), self._protocol)

    def _left(self, calibration: Calibration) -> list[Point]:
        """Return the candidates not tried, nor asking more than one that ran out of memory."""
        tried = {(cell.shape, cell.batch) for cell in calibration.cells}
        full = [cell for cell in calibration.cells if cell.status == "out_of_memory"]
        return [
            point
            for point in self._ordered
            if (point.shape, point.batch) not in tried
            and not any(
                cell.shape.pixels <= point.shape.pixels and cell.batch <= point.batch
                for cell in full
            )
        ]

    def _outcome(
        self, calibration: Calibration | None, known: Knowledge | None, goal: Goal
    ) -> Outcome:
        if calibration is None or known is None:
            tried = 0 if calibration is None else len(calibration.cells)
            minutes = 0.0 if calibration is None else spent_minutes(calibration)
            return Outcome("budget", math.inf, tried, minutes)
        cells, minutes = len(calibration.cells), spent_minutes(calibration)
        if not known.points:
            return Outcome("exhausted", 0.0, cells, minutes)
        error = self._larger(calibration) * known.error
        met = error <= goal.error and len(fitted_cells(calibration)) >= FEWEST_CELLS
        return Outcome("target" if met else "budget", error, cells, minutes)

    def _larger(self, calibration: Calibration) -> float:
        """Return how many times larger the predictions' errors were than they said, at least 1."""
        cells = calibration.cells
        while len(self._surprises) < len(cells) - 1:
            before = len(self._surprises) + 1
            self._surprises.append(self._surprise(calibration, before))
        told = [surprise for surprise in self._surprises if not math.isnan(surprise)]
        return max(1.0, float(np.quantile(told, UPPER)) / UPPER_OF_NORMAL) if told else 1.0

    def _surprise(self, calibration: Calibration, before: int) -> float:
        """Return the error of a cell's prediction from those before it, over its sigma; or NaN."""
        cell = calibration.cells[before]
        known_then = calibration.model_copy(update={"cells": calibration.cells[:before]})
        if cell.samples is None or not fitted_cells(known_then):
            return math.nan
        fitted = fit(known_then, architecture=self._architecture)
        point = Point(cell.shape, cell.batch)
        sigma = knowledge(fitted, [point], self._protocol).sigma_of(point)
        predicted_s = fitted.times.seconds(cell.shape.pixels, cell.batch, cell.steps)
        missed = abs(math.log(predicted_s / float(np.median(cell.samples.wall_s))))
        return missed / math.hypot(sigma, LEAST_NOISE)

    def _next(
        self, calibration: Calibration | None, known: Knowledge | None, left_s: float
    ) -> Point | None:
        if left_s <= 0:
            return None
        left = self._ordered if calibration is None else self._left(calibration)
        first = [point for point in left if point in self._corners]
        if first or known is None:
            return next(iter(first or left), None)
        return known.next_within(left_s)


def _corners(ordered: Sequence[Point]) -> set[Point]:
    """Return the least work and the least work of the largest batch, which are measured first.

    A formula that has seen neither end of the batches says it knows them better than it does.
    """
    largest = max((point.batch for point in ordered), default=0)
    return {*ordered[:1], *[point for point in ordered if point.batch == largest][:1]}


def spent_minutes(calibration: Calibration) -> float:
    """Return the minutes of timed calls in a record, warm-up included."""
    return sum(sum(cell.warmup_s) + sum(cell.calls_s) for cell in calibration.cells) / 60
