"""The correction's algebra against brute force, and the surface and bounds built on it."""

import math
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.performance.gaussian_process import GaussianProcess, Observations, Scales
from fluxcost.performance.monotone import Bounds, Surface
from fluxcost.stats import Array


class Line:
    """log t = a + log(pixels x batch): linear, so that linear algebra is exact."""

    prior_mean = np.array([0.0])
    prior_sigma = np.array([1.0])

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        return np.asarray(theta[0] + np.log(pixels * batch))


def observations(deviations: Array) -> Observations:
    pixels = np.geomspace(1e5, 4e6, deviations.size)
    batch = np.tile([1.0, 2.0, 4.0], deviations.size)[: deviations.size]
    log_seconds = -3 + np.log(pixels * batch) + deviations
    return Observations(pixels, batch, log_seconds, np.full(deviations.size, 0.002))


WAVY = observations(0.02 * np.sin(np.arange(9.0)))


def without(rows: Observations, *left: int) -> Observations:
    kept: list[Any] = [
        None if part is None else np.delete(part, left, axis=0) for part in astuple(rows)
    ]
    return Observations(*kept)


def test_left_out_errors_equal_leaving_out():
    """Same scales and prior, one row less: the closed form must agree with refitting."""
    whole = GaussianProcess(Line(), WAVY)
    errors, sigmas = whole.left_out()
    for row in range(9):
        other = GaussianProcess(Line(), without(WAVY, row), scales=whole.scales)
        at = float(WAVY.pixels[row]), float(WAVY.batch[row])
        prediction = other.predict(*at)
        assert np.log(prediction.seconds) - WAVY.log_seconds[row] == pytest.approx(errors[row])
        assert np.hypot(prediction.sigma, 0.002) == pytest.approx(sigmas[row])


def two_starts(slower: float) -> Observations:
    """Two points by both starts, four by the first alone and three by the second, which is slower
    by a part in its log."""
    points = np.array([0, 1, 2, 3, 4, 5, 0, 1, 6, 7, 8])
    second = np.arange(points.size) >= 6
    base = observations(np.zeros(9))
    return Observations(
        pixels=base.pixels[points],
        batch=base.batch[points],
        log_seconds=base.log_seconds[points] + slower * second,
        noise=np.full(points.size, 0.002),
        points=points,
        moves=0.05 * np.column_stack([~second, second]).astype(np.float64),
    )


def test_a_slow_start_is_told_from_slow_cells():
    """Log times are a + log(pixels x batch) exactly; the second start is 4 % slower."""
    rows = two_starts(0.04)
    fitted = GaussianProcess(Line(), rows)
    pixels, batch = np.array([7e5, 3.9e6]), np.array([3.0, 4.0])
    middle = fitted.log_seconds(pixels, batch)
    first, second = (middle + fitted.shift(0.05 * np.tile(own, (2, 1))) for own in np.eye(2))
    assert second - first == pytest.approx(0.04, abs=0.002)
    assert first == pytest.approx(-3 + np.log(pixels * batch), abs=0.003)
    assert middle == pytest.approx((first + second) / 2, abs=0.005)
    blind = replace(rows, moves=None, points=None)
    wrong = GaussianProcess(Line(), blind).log_seconds(pixels, batch) - middle
    assert np.ptp(wrong) > 0.01  # it takes the machines' difference for one of sizes


def test_a_point_is_left_out_with_all_its_rows():
    rows = two_starts(0.04)
    whole = GaussianProcess(Line(), rows)
    errors, sigmas = whole.left_out()
    assert rows.points is not None
    assert rows.moves is not None
    for row, point in enumerate(rows.points):
        own = [int(each) for each in np.flatnonzero(rows.points == point)]
        other = GaussianProcess(Line(), without(rows, *own), scales=whole.scales)
        at = float(rows.pixels[row]), float(rows.batch[row])
        prediction = other.predict(*at, rows.moves[[row]])
        assert np.log(prediction.seconds) - rows.log_seconds[row] == pytest.approx(errors[row])
        assert np.hypot(prediction.sigma, 0.002) == pytest.approx(sigmas[row])


def test_the_correction_passes_near_every_row():
    fitted = GaussianProcess(Line(), WAVY)
    there = fitted.log_seconds(WAVY.pixels, WAVY.batch)
    assert np.abs(there - WAVY.log_seconds).max() < 0.01


def test_certainty_fades_away_from_the_rows():
    fitted = GaussianProcess(Line(), WAVY, scales=Scales(0.02, 0.002, 1.0))
    near = fitted.predict(float(WAVY.pixels[4]), float(WAVY.batch[4]))
    far = fitted.predict(1e8, 64.0)
    assert far.sigma > 2 * near.sigma


def test_without_rows_only_the_prior_is_left():
    empty = Observations(np.empty(0), np.empty(0), np.empty(0), np.empty(0))
    prediction = GaussianProcess(Line(), empty).predict(1e6, 1.0)
    assert prediction.sigma > 0.9


def test_a_surface_never_falls():
    dip = observations(np.array([0.0, 0.3, -0.3, 0.2, -0.2, 0.1, 0.0, 0.3, -0.2]))
    surface = Surface(GaussianProcess(Line(), dip), most_pixels=2**24, most_batch=64)
    sizes = [surface.seconds(pixels, 2) for pixels in np.geomspace(300, 2e7, 400)]
    batches = [surface.seconds(5e5, batch) for batch in np.linspace(1, 64, 300)]
    assert np.all(np.diff(sizes) >= -1e-12)
    assert np.all(np.diff(batches) >= -1e-12)


Demand = tuple[float, float, float]

demands = st.tuples(
    st.integers(1, 5).map(float), st.integers(1, 4).map(float), st.integers(1, 4).map(float)
)


@given(
    st.dictionaries(demands, st.floats(0.5, 2.0), min_size=1, max_size=12),
    demands,
    demands,
)
def test_clamped_times_rise_with_demand_whatever_the_cells_say(
    cells: dict[Demand, float], one: Demand, other: Demand
):
    """Even where noise orders cells wrongly; the time clamped here rises as demand does."""
    bounds = Bounds(np.array(list(cells)), np.array(list(cells.values())))
    more = max(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2])
    low = bounds.clamp(*one, 0.3 * math.prod(one) ** 0.3)
    high = bounds.clamp(*more, 0.3 * math.prod(more) ** 0.3)
    assert low <= high * (1 + 1e-12)


def test_bounds_meet_at_a_cell():
    bounds = Bounds(np.array([[1.0, 1.0, 4.0], [2.0, 1.0, 4.0]]), np.array([0.3, 0.5]))
    assert bounds.clamp(2.0, 1.0, 4.0, 9.9) == 0.5
    assert bounds.clamp(1.5, 1.0, 4.0, 9.9) == 0.5
    assert bounds.clamp(1.5, 1.0, 4.0, 0.1) == 0.3
    assert bounds.clamp(1.5, 1.0, 4.0, 0.4) == 0.4
