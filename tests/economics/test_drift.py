"""A price's interval against the moves it was derived from and the square-root law it follows."""

import datetime as dt
import math

import numpy as np
import pytest

from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.price_row import DRIFT_PER_SQRT_DAY, UNDATED_SIGMA
from tests.economics.stand_in import PRICED_ON, offer

# One vendor's H100: USD per hour before and after, and the days between.
DATED_MOVES = [(3.29, 3.49, 37), (3.49, 3.99, 24), (3.78, 4.29, 136), (2.95, 3.85, 130)]

# The same product on an undated page and on a dated one.
UNDATED_PAIRS = [(2.49, 3.29), (3.29, 4.29), (2.95, 3.85), (1.90, 3.2126), (3.49, 3.49)]


def root_mean_square(values):
    return math.sqrt(np.mean(np.square(values)))


def test_the_drift_is_that_of_the_moves_it_names():
    steps = [math.log(new / old) / math.sqrt(days) for old, new, days in DATED_MOVES]
    assert round(root_mean_square(steps), 3) == DRIFT_PER_SQRT_DAY


def test_the_undated_spread_is_that_of_the_pairs_it_names():
    assert round(root_mean_square([math.log(b / a) for a, b in UNDATED_PAIRS]), 2) == UNDATED_SIGMA


def test_the_moves_are_between_days_that_the_catalog_knows():
    catalog = load_catalog()
    rows = {(row.usd_per_gpu_hour, row.as_of) for row in catalog.offers if row.price is not None}
    days = {
        (old, new): (dt.date.fromisoformat(first), dt.date.fromisoformat(last))
        for old, new, first, last in [
            (3.29, 3.49, "2026-08-19", "2026-09-25"),
            (3.78, 4.29, "2026-05-07", "2026-09-20"),
            (2.95, 3.85, "2026-05-18", "2026-09-25"),
            (3.49, 3.99, "2026-09-25", "2026-10-19"),
        ]
    }
    assert [(old, new, (last - first).days) for (old, new), (first, last) in days.items()] == [
        DATED_MOVES[index] for index in (0, 2, 3, 1)
    ]
    found = {(usd, day) for pair, ends in days.items() for usd, day in zip(pair, ends, strict=True)}
    assert found - rows == {(3.99, dt.date(2026, 10, 19))}


@pytest.mark.parametrize("days", [0, 1, 25, 81])
def test_the_interval_widens_with_the_root_of_age(days):
    price = offer(4.0).price_estimate(PRICED_ON + dt.timedelta(days=days))
    assert price.value == 4.0
    spread = float(np.std(np.log(price.draws)))
    assert spread == pytest.approx(DRIFT_PER_SQRT_DAY * math.sqrt(days), rel=0.05, abs=1e-12)


def test_an_undated_price_is_wide_even_on_the_day_it_was_read():
    price = offer(4.0, as_of_kind="collected").price_estimate(PRICED_ON)
    assert price.low == pytest.approx(4.0 * math.exp(-1.645 * UNDATED_SIGMA), rel=0.05)
    assert price.high == pytest.approx(4.0 * math.exp(1.645 * UNDATED_SIGMA), rel=0.05)
