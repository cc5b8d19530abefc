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

from fluxcost.errors import InputError
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from fluxcost.performance.observations import fitted_cells
from measure.adaptive.information_gain import LEAST_NOISE, CandidateErrors, candidate_errors
from measure.suites import Point, Protocol

FEWEST_CELLS = 8
"""Cells before a target counts as met: fewer predictions say nothing of their worth."""

ERROR_QUANTILE = 0.75
ERROR_QUANTILE_OF_NORMAL = 1.1503
"""Quantile of the predictions' errors that is held against what they said, and the same quantile of
a normal error's size: a median would let a quarter of bad ones pass."""

StopReason = Literal["target", "budget", "exhausted"]


class CellSource(Interface):
    """Where cells come from: a GPU, or a record that is replayed."""

    def measure(self, point: Point) -> None:
        """Measure a cell and keep it."""

    def calibration(self) -> Calibration | None:
        """Return what was measured so far, None before the first cell."""


@dataclass(frozen=True)
class AdaptiveGoal:
    """When to stop.

    Attributes:
        error: Median relative error expected at a candidate not measured, such as 0.02.
        minutes: Of timed calls, warm-up included; infinite where not limited.
    """

    error: float
    minutes: float = math.inf


@dataclass(frozen=True)
class AdaptiveOutcome:
    """How an adaptive calibration stands or ended.

    Attributes:
        stop: "target" met, "budget" spent (or not yet), or candidates "exhausted".
        error: Median relative error expected at a candidate not measured; infinite before the
            first cell.
        cells: Measured, those of an earlier run included.
        minutes: Of timed calls.
    """

    stop: StopReason
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
        site: CellSource,
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
        self,
        goal: AdaptiveGoal,
        announce: Callable[[Point, AdaptiveOutcome], None] = lambda _point, _now: None,
    ) -> AdaptiveOutcome:
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

    def _known(self, calibration: Calibration) -> CandidateErrors | None:
        """Return what a fit knows of the candidates left; None before the first cell."""
        if not fitted_cells(calibration):
            return None
        fitted = fit(calibration, architecture=self._architecture)
        return candidate_errors(fitted, self._left(calibration), self._protocol)

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
        self, calibration: Calibration | None, known: CandidateErrors | None, goal: AdaptiveGoal
    ) -> AdaptiveOutcome:
        if calibration is None or known is None:
            tried = 0 if calibration is None else len(calibration.cells)
            minutes = 0.0 if calibration is None else spent_minutes(calibration)
            return AdaptiveOutcome("budget", math.inf, tried, minutes)
        cells, minutes = len(calibration.cells), spent_minutes(calibration)
        if not known.points:
            return AdaptiveOutcome("exhausted", 0.0, cells, minutes)
        error = self._larger(calibration) * known.error
        met = error <= goal.error and len(fitted_cells(calibration)) >= FEWEST_CELLS
        return AdaptiveOutcome("target" if met else "budget", error, cells, minutes)

    def _larger(self, calibration: Calibration) -> float:
        """Return how many times larger the predictions' errors were than they said, at least 1."""
        cells = calibration.cells
        while len(self._surprises) < len(cells) - 1:
            before = len(self._surprises) + 1
            self._surprises.append(self._surprise(calibration, before))
        known = [surprise for surprise in self._surprises if not math.isnan(surprise)]
        return (
            max(1.0, float(np.quantile(known, ERROR_QUANTILE)) / ERROR_QUANTILE_OF_NORMAL)
            if known
            else 1.0
        )

    def _surprise(self, calibration: Calibration, before: int) -> float:
        """Return the error of a cell's prediction from those before it, over its sigma; or NaN."""
        cell = calibration.cells[before]
        known_then = calibration.model_copy(update={"cells": calibration.cells[:before]})
        if cell.samples is None or not fitted_cells(known_then):
            return math.nan
        fitted = fit(known_then, architecture=self._architecture)
        point = Point(cell.shape, cell.batch)
        sigma = candidate_errors(fitted, [point], self._protocol).sigma_of(point)
        predicted_s = fitted.times.seconds(cell.shape.pixels, cell.batch, cell.steps)
        missed = abs(math.log(predicted_s / float(np.median(cell.samples.wall_s))))
        return missed / math.hypot(sigma, LEAST_NOISE)

    def _next(
        self, calibration: Calibration | None, known: CandidateErrors | None, left_s: float
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


ADAPTIVE_SUITE = "adaptive"
"""The suite whose cells are candidates."""


def parse_goal(
    target_error: str | None,
    max_minutes: float | None,
    max_usd: float | None,
    usd_per_hour: float | None,
) -> AdaptiveGoal | None:
    """Return the goal, or None where no adaptive calibration is asked for.

    Raises:
        InputError: A value is out of range, a budget comes without a target, or dollars without a
            price.
    """
    if target_error is None:
        if max_minutes is not None or max_usd is not None:
            raise InputError(
                "--max-minutes and --max-usd bound an adaptive calibration; add --target-error, "
                "such as --target-error 2%."
            )
        return None
    if max_usd is not None and usd_per_hour is None:
        raise InputError(f"--max-usd is {max_usd} but no price is given; add --usd-per-hour.")
    minutes = _positive("--max-minutes", max_minutes)
    if max_usd is not None and usd_per_hour is not None:
        minutes = min(minutes, 60 * _positive("--max-usd", max_usd) / usd_per_hour)
    return AdaptiveGoal(_parse_share(target_error), minutes)


def describe_outcome(
    outcome: AdaptiveOutcome, goal: AdaptiveGoal, usd_per_hour: float | None
) -> str:
    """Say how an adaptive calibration ended, in one sentence."""
    bill = "" if usd_per_hour is None else f", ${outcome.minutes / 60 * usd_per_hour:.2f}"
    spent = f"{outcome.cells} cells, {outcome.minutes:.1f} min of timed calls{bill}"
    expected = f"expected median error at the candidates left {outcome.error:.1%}"
    if outcome.stop == "target":
        return f"target of {goal.error:.1%} met: {expected}; {spent}."
    if outcome.stop == "exhausted":
        return f"every candidate is measured: {spent}."
    return f"budget spent before the target of {goal.error:.1%}: {expected}; {spent}."


def _positive(name: str, value: float | None) -> float:
    if value is None:
        return math.inf
    if not 0 < value < math.inf:
        raise InputError(f"{name} is {value}; expected a positive number.")
    return value


def _parse_share(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise InputError(f"--target-error is {text!r}; expected a share such as 2% or 0.02.")
    return value
