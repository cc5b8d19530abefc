"""The expected error of a fit at candidate cells, and how much of it measuring each would remove.

The formulas of the stages are fitted with Gaussian errors, so the expected error of every candidate
is known before it is measured, and so is the reduction of the other candidates' errors. Errors are
those of the formulas; drift of the machine is not in them, since measuring does not reduce it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.performance.fit import Fit
from fluxcost.performance.observations import stage_counts
from fluxcost.stats import Array
from measure.forecast import seconds_of_cell
from measure.suites import Point, Protocol

MEDIAN_OF_NORMAL = 0.6745
"""Median size of a normal error over its standard deviation."""

LEAST_NOISE = 0.002
"""Relative error a cell's median is taken to have at least: clocks and heat move it so much."""


@dataclass(frozen=True)
class CandidateErrors:
    """What a fit knows of candidates.

    Attributes:
        points: The candidates not measured.
        sigmas: Relative error of each one's median call by the formulas.
        seconds: What measuring each would take.
        gains: Sum over all candidates of the variance that measuring each would take away.
    """

    points: tuple[Point, ...]
    sigmas: Array
    seconds: Array
    gains: Array

    @property
    def error(self) -> float:
        """Median size of the relative error expected at a candidate not measured.

        The root mean square over candidates stands for all of them, so that one badly known counts.
        """
        return MEDIAN_OF_NORMAL * float(np.sqrt(np.mean(self.sigmas**2))) if self.points else 0.0

    def sigma_of(self, point: Point) -> float:
        """Return the relative error at one of the points."""
        return float(self.sigmas[self.points.index(point)])

    def next_within(self, left_s: float) -> Point | None:
        """Return the point that tells most per second of those that take at most this long."""
        rates = np.where(self.seconds <= left_s, self.gains / self.seconds, -np.inf)
        best = int(np.argmax(rates)) if self.points else -1
        return self.points[best] if self.points and np.isfinite(rates[best]) else None


def candidate_errors(fitted: Fit, points: Sequence[Point], protocol: Protocol) -> CandidateErrors:
    """Return what a fit knows of points it has not measured.

    Args:
        fitted: With at least one cell.
        points: Not measured.
        protocol: How long a cell takes.
    """
    if not points:
        return CandidateErrors((), np.empty(0), np.empty(0), np.empty(0))
    shares, calls_s = stage_shares(fitted, points)
    covariance = fitted.times.honesty**2 * _covariance(fitted, points, shares)
    variances = np.diagonal(covariance)
    noise = np.array([cell_noise(fitted, point) for point in points])
    removed = covariance**2 / (variances + noise**2)[:, None]
    np.fill_diagonal(removed, variances)  # a measured cell is answered with the measurement
    return CandidateErrors(
        points=tuple(points),
        sigmas=np.sqrt(variances),
        seconds=np.array([seconds_of_cell(call_s, protocol) for call_s in calls_s]),
        gains=removed.sum(axis=1),
    )


def stage_shares(fitted: Fit, points: Sequence[Point]) -> tuple[dict[str, Array], Array]:
    """Return each stage's share of each call, and the seconds of the calls."""
    seconds: dict[str, Array] = {}
    for stage in fitted.times.fits:
        seconds[stage] = np.array(
            [
                stage_counts(point.shape.steps)[stage]
                * fitted.times.stage_seconds(stage, point.shape.pixels, point.batch)
                for point in points
            ]
        )
    calls_s = np.sum(list(seconds.values()), axis=0)
    return {stage: part / calls_s for stage, part in seconds.items()}, calls_s


def _covariance(fitted: Fit, points: Sequence[Point], shares: dict[str, Array]) -> Array:
    """Return the covariance of the calls' relative errors, stages taken as independent."""
    pixels = np.array([float(point.shape.pixels) for point in points])
    batch = np.array([float(point.batch) for point in points])
    total = np.zeros((len(points), len(points)))
    for stage, process in fitted.times.fits.items():
        total += np.outer(shares[stage], shares[stage]) * process.covariance(pixels, batch)
    return total


def cell_noise(fitted: Fit, point: Point) -> float:
    """Return the relative error a measurement of the point would have."""
    demand = point.shape.pixels, point.batch
    near = [fitted.times.near(stage, *demand) for stage in fitted.times.fits]
    return max(LEAST_NOISE, float(np.median(near)))
