"""A physical formula with a Gaussian-process discrepancy: what one stage's timings are fitted with.

The logarithm of a stage's seconds is modeled as

    log t(x) = formula(x; theta) + run effect + discrepancy(x) + nugget(point) + noise(row)

where theta (logarithms of times and rates) has a weak prior; the run effect is a between-run random
effect, zero where one run measured everything; the discrepancy is a Gaussian process over log
pixels and log batch with a Matern 3/2 covariance; the nugget is independent for each size and batch
(a kernel choice); and the noise is known from a row's samples. This is Bayesian nonlinear least
squares with a Gaussian-process discrepancy (Kennedy and O'Hagan, 2001), also called kriging with a
linearized trend. Theta and the run effects are the maximum of the posterior. Amplitudes and length
scale are averaged over those tried, weighted by how well each point is predicted by the others when
it is left out, which linear algebra gives without fitting again.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fluxcost.stats import Array

DISCREPANCY_SIGMAS = (0.003, 0.006, 0.012, 0.025, 0.05, 0.1)
"""Amplitudes of the discrepancy tried: 0.3 % (below what can be distinguished) to 10 %."""

NUGGET_SIGMAS = (0.001, 0.003, 0.006, 0.012, 0.025, 0.05, 0.1)
"""Amplitudes of the nugget tried."""

LENGTH_SCALES = (1.0, 2.0)
"""Length scales tried, in natural logarithms of pixels and of batch (1 is a factor 2.7)."""

SLOPE_STEP = 1e-5
"""Change of a parameter over which slopes are taken."""

ITERATIONS = 40
"""Gauss-Newton steps at most; a guard, since damped steps shrink long before."""


class StageFormula(Protocol):
    """A formula for one stage; parameters are natural logarithms."""

    prior_mean: Array
    prior_sigma: Array

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log seconds at each (pixels, batch).

        Args:
            theta: Parameters along its first axis; further axes, of several thetas asked at once,
                broadcast against the points.
            pixels: Of an image, one a point.
            batch: Images, one a point.
        """
        ...


@dataclass(frozen=True)
class Observations:
    """What was measured of one stage: one row a group of cells; all arrays of one length.

    Attributes:
        pixels: Pixels of one image.
        batch: Images a call.
        log_seconds: Logarithm of the median seconds.
        noise: Standard deviation of that logarithm, from the samples.
        points: Number of the size and batch that a row is of: equal in rows of several runs.
            None where every row is a point of its own.
        moves: How far each run effect moves a row when it is one standard deviation,
            shape (rows, effects). None where one run measured everything.
    """

    pixels: Array
    batch: Array
    log_seconds: Array
    noise: Array
    points: npt.NDArray[np.int_] | None = None
    moves: Array | None = None


@dataclass(frozen=True)
class Scales:
    """Scales of the Gaussian process.

    Attributes:
        discrepancy: Standard deviation of the discrepancy, of log seconds.
        nugget: Standard deviation of what one size and batch does not share, of log seconds.
        length_scale: Of the discrepancy, in logarithms of pixels and of batch.
    """

    discrepancy: float
    nugget: float
    length_scale: float


@dataclass(frozen=True)
class Solution:
    """What the search of a fit found.

    Attributes:
        parameters: Theta, then the run effects.
        scales: Of the Gaussian process.
    """

    parameters: Array
    scales: Scales


@dataclass(frozen=True)
class PointPrediction:
    """One predicted stage time.

    Attributes:
        seconds: The median.
        shared: Signed relative sigma of each parameter's error, common to all points of a fit.
        local: Relative sigma of what this point does not share.
    """

    seconds: float
    shared: Array
    local: float

    @property
    def sigma(self) -> float:
        """Relative standard deviation of the whole error."""
        return float(np.sqrt(np.sum(self.shared**2) + self.local**2))


TRIED = tuple(
    itertools.starmap(Scales, itertools.product(DISCREPANCY_SIGMAS, NUGGET_SIGMAS, LENGTH_SCALES))
)
"""Every combination of scales tried."""

FIRST_SCALES = Scales(0.02, 0.005, 1.0)
"""Where the search for scales starts."""

ROUNDS = 2
"""Times parameters and scales are fitted in turn; a third changes neither by 1 %."""


class GaussianProcess:
    """A stage's formula and its Gaussian-process discrepancy, fitted to observations.

    Args:
        physics: The formula.
        observations: What was measured; may be empty, which leaves the prior.
        scales: Of the Gaussian process, instead of those found by leaving points out.
        solution: What the search would find, where it is known.
    """

    def __init__(
        self,
        physics: StageFormula,
        observations: Observations,
        *,
        scales: Scales | None = None,
        solution: Solution | None = None,
    ) -> None:
        self.physics = physics
        self.observations = observations
        rows = observations.noise.size
        moves, points = observations.moves, observations.points
        self._moves = np.zeros((rows, 0)) if moves is None else moves
        points = np.arange(rows) if points is None else points
        self._same = (points[:, None] == points[None, :]).astype(np.float64)
        at = observations.pixels, observations.batch
        self._apart = _log_distances(at, at)
        effects = self._moves.shape[1]
        self._prior_mean = np.concatenate([physics.prior_mean, np.zeros(effects)])
        self._prior_sigma = np.concatenate([physics.prior_sigma, np.ones(effects)])
        self._count = physics.prior_mean.size
        if solution is None:
            self.scales = scales or FIRST_SCALES
            self._found = self._prior_mean
            for _ in range(ROUNDS if scales is None else 0):
                self._found = self._fit()
                self.scales = self._likely_scales()
            self._found = self._fit()
        else:
            self._found, self.scales = solution.parameters, solution.scales
        self.theta = self._found[: self._count]
        seen = observations
        self._jacobian = self._slopes(self._found, seen.pixels, seen.batch, self._moves)
        self._inverse = np.linalg.inv(self._covariance(self.scales))
        self._residual = seen.log_seconds - self._seen_trend(self._found)
        # Rows of one point are equally far from anywhere: what they say is summed once.
        _, first, point = np.unique(points, return_index=True, return_inverse=True)
        self._said = np.bincount(point, weights=self._inverse @ self._residual)
        self._seen_points = seen.pixels[first], seen.batch[first]
        information = self._jacobian.T @ self._inverse @ self._jacobian
        spread = np.linalg.inv(information + np.diag(self._prior_sigma**-2.0))
        self._spread_root = np.linalg.cholesky(spread)

    @property
    def solution(self) -> Solution:
        """What the search found."""
        return Solution(self._found, self.scales)

    def shift(self, moves: Array) -> Array:
        """Return how far a run moves log seconds at each point, given its effects."""
        return np.asarray(moves @ self._found[self._count :])

    def log_seconds(self, pixels: Array, batch: Array) -> Array:
        """Return log seconds at each point, for the average over runs.

        They are the formula plus the predicted discrepancy; add `shift` for one run.
        """
        trend = self.physics.log_seconds(self.theta, pixels, batch)
        cross = _matern(self.scales, _log_distances((pixels, batch), self._seen_points))
        return np.asarray(trend + cross @ self._said)

    def predict(self, pixels: float, batch: float, moves: Array | None = None) -> PointPrediction:
        """Return one point's time and the two parts of its error.

        Args:
            pixels: Of an image.
            batch: Images.
            moves: How far the effects of one run move the point, as in `Observations`; None asks
                for the average over runs.
        """
        at = np.array([pixels]), np.array([batch])
        moves = self._moved(at[0], moves)
        cross = self._cross(*at)
        weights = cross @ self._inverse
        slope = self._slopes(self._found, *at, moves)[0] - weights[0] @ self._jacobian
        explained = float(weights[0] @ cross[0])
        variance = self.scales.discrepancy**2 + self.scales.nugget**2 - explained
        trend = self._trend(self._found, *at, moves)
        seconds = float(np.exp(trend + weights @ self._residual)[0])
        return PointPrediction(
            seconds, slope @ self._spread_root, float(np.sqrt(max(variance, 0.0)))
        )

    def covariance(self, pixels: Array, batch: Array) -> Array:
        """Return the covariance of the errors `predict` states, shape (points, points)."""
        cross = self._cross(pixels, batch)
        weights = cross @ self._inverse
        slopes = self._slopes(self._found, pixels, batch, self._moved(pixels, None))
        shared = (slopes - weights @ self._jacobian) @ self._spread_root
        prior = _matern(self.scales, _log_distances((pixels, batch), (pixels, batch)))
        nugget = self.scales.nugget**2 * np.eye(pixels.size)
        return np.asarray(shared @ shared.T + prior + nugget - weights @ cross.T)

    def slopes(self, pixels: Array, batch: Array) -> Array:
        """Return d log seconds / d theta of the fitted formula, shape (points, parameters)."""
        return self._formula_slopes(self.theta, pixels, batch)

    def slope(self, parameter: int, pixels: Array, batch: Array) -> Array:
        """Return d log seconds / d one parameter of the fitted formula, shape (points,)."""
        return self._formula_slopes(self.theta, pixels, batch, slice(parameter, parameter + 1))[
            :, 0
        ]

    def left_out(self) -> tuple[Array, Array]:
        """Predict each row from the other points: errors (predicted less measured) and sigmas.

        Both are of logarithms, for the run that the row is of. The trend is linearized at the
        fitted parameters, so this costs no further fit.
        """
        errors, sigmas = self._left_out([self.scales])
        return errors[0], sigmas[0]

    def _fit(self) -> Array:
        """Maximize the posterior of theta and the effects by Gauss-Newton with step halving."""
        found, seen = self._found, self.observations
        root = np.linalg.cholesky(np.linalg.inv(self._covariance(self.scales))).T

        def misses(candidate: Array) -> Array:
            data = root @ (seen.log_seconds - self._seen_trend(candidate))
            return np.concatenate([data, (self._prior_mean - candidate) / self._prior_sigma])

        prior = np.diag(1 / self._prior_sigma)

        def equations(candidate: Array) -> tuple[Array, Array]:
            slopes = self._slopes(candidate, seen.pixels, seen.batch, self._moves)
            matrix = np.concatenate([root @ slopes, prior])
            return matrix, matrix.T @ matrix

        damping = 1e-3
        current = misses(found)
        matrix, normal = equations(found)
        for _ in range(ITERATIONS):
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), matrix.T @ current)
            trial = misses(found + step)
            is_better = trial @ trial < current @ current
            if is_better:
                found, current, damping = found + step, trial, damping / 5
            else:
                damping *= 8
            if np.max(np.abs(step)) < 1e-7:
                break
            if is_better:  # a step not taken leaves the equations as they are
                matrix, normal = equations(found)
        return found

    def _likely_scales(self) -> Scales:
        """Return the mean variances, weighed by the density of each point given the others.

        The single best scales would be the luckiest: with a dozen rows they claim too much. Rows of
        one point, by several runs, count as one.
        """
        errors, sigmas = self._left_out(TRIED)
        surprise = np.log(sigmas) + 0.5 * (errors / sigmas) ** 2
        surprise = np.sum(surprise / self._same.sum(axis=1), axis=1)
        weights = np.exp(surprise.min() - surprise)
        discrepancy, nugget, length_scale = np.average(
            [(s.discrepancy**2, s.nugget**2, s.length_scale) for s in TRIED],
            axis=0,
            weights=weights,
        )
        return Scales(float(np.sqrt(discrepancy)), float(np.sqrt(nugget)), float(length_scale))

    def _left_out(self, tried: Sequence[Scales]) -> tuple[Array, Array]:
        """Return left-out errors and sigmas under each of the scales, shape (scales, rows)."""
        seen = self.observations
        slopes = self._slopes(self._found, seen.pixels, seen.batch, self._moves)
        trend = slopes @ np.diag(self._prior_sigma**2) @ slopes.T
        shapes = {
            length: _matern(Scales(1, 0, length), self._apart)
            for length in {s.length_scale for s in tried}
        }
        known = np.diag(seen.noise**2) + trend
        squares = np.array([(s.discrepancy**2, s.nugget**2) for s in tried])
        discrepancy, nugget = squares.T[:, :, None, None]
        correlated = np.array([shapes[s.length_scale] for s in tried])
        total = np.linalg.inv(discrepancy * correlated + nugget * self._same + known)
        offset = seen.log_seconds - self._seen_trend(self._found)
        offset = offset + slopes @ (self._found - self._prior_mean)
        if np.all(self._same.sum(axis=1) == 1):
            diagonal = np.diagonal(total, axis1=1, axis2=2)
            return -(total @ offset) / diagonal, np.sqrt(1 / diagonal)
        blocks = np.linalg.inv(total * self._same)  # the rows of a point are left out together
        errors = -(blocks @ (total @ offset)[:, :, None])[:, :, 0]
        return errors, np.sqrt(np.diagonal(blocks, axis1=1, axis2=2))

    def _moved(self, pixels: Array, moves: Array | None) -> Array:
        """Return moves, or those of the average over runs: zeros."""
        return np.zeros((pixels.size, self._moves.shape[1])) if moves is None else moves

    def _seen_trend(self, found: Array) -> Array:
        seen = self.observations
        return self._trend(found, seen.pixels, seen.batch, self._moves)

    def _trend(self, found: Array, pixels: Array, batch: Array, moves: Array) -> Array:
        """Return the formula's log seconds plus the run effects."""
        theta, effects = found[: self._count], found[self._count :]
        formula = self.physics.log_seconds(theta, pixels, batch)
        return np.asarray(formula + moves @ effects) if effects.size else formula

    def _slopes(self, found: Array, pixels: Array, batch: Array, moves: Array) -> Array:
        """Return d log seconds / d parameters and effects, shape (points, both)."""
        formula = self._formula_slopes(found[: self._count], pixels, batch)
        return np.concatenate([formula, moves], axis=1)

    def _formula_slopes(
        self, theta: Array, pixels: Array, batch: Array, some: slice = slice(None)
    ) -> Array:
        """Return d log seconds / d some parameters, shape (points, some): all in one question."""
        shift = SLOPE_STEP * np.eye(theta.size)[some]
        thetas = np.concatenate([theta + shift, theta - shift])
        moved = self.physics.log_seconds(thetas.T[:, :, None], pixels, batch)
        up, down = moved[: len(shift)], moved[len(shift) :]
        return np.asarray((up - down).T / (2 * SLOPE_STEP))

    def _covariance(self, scales: Scales) -> Array:
        seen = self.observations
        independent = scales.nugget**2 * self._same + np.diag(seen.noise**2)
        return np.asarray(_matern(scales, self._apart) + independent)

    def _cross(self, pixels: Array, batch: Array) -> Array:
        """Return the discrepancy's covariance between points and observations."""
        seen = self.observations
        return _matern(self.scales, _log_distances((pixels, batch), (seen.pixels, seen.batch)))


def _log_distances(one: tuple[Array, Array], other: tuple[Array, Array]) -> Array:
    """Return how far apart points given as pixels and batch are, in logarithms of both."""
    return np.asarray(
        np.hypot(
            *(np.log(a)[:, None] - np.log(b)[None, :] for a, b in zip(one, other, strict=True))
        )
    )


def _matern(scales: Scales, apart: Array) -> Array:
    """Return the discrepancy's covariance at given log distances (Matern 3/2)."""
    reach = np.sqrt(3) * apart / scales.length_scale
    return np.asarray(scales.discrepancy**2 * (1 + reach) * np.exp(-reach))
