import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost import estimate
from fluxcost.errors import InputError
from fluxcost.estimate import DRAWS, LEVEL, Estimate, Source, derive, standard_normal

Z = 1.6448536269514722
"""The 95 % quantile of a standard normal: half of a 90 % interval."""

positive = st.floats(min_value=1e-6, max_value=1e6)
sigmas = st.floats(min_value=0.001, max_value=0.2)


def timing(value: float, **relative_sigmas: float) -> Estimate:
    return Estimate.spread(value, relative_sigmas, "s", Source.MEASURED, "a cell")


def log_half_width(estimate: Estimate) -> float:
    return math.log(estimate.high / estimate.low) / 2


@given(value=positive, sigma=sigmas)
def test_the_ratio_of_an_estimate_with_itself_is_exactly_one(value: float, sigma: float):
    estimate = timing(value, noise=sigma)
    ratio = derive(lambda a, b: a / b, estimate, estimate, unit="1")
    assert (ratio.low, ratio.value, ratio.high) == (1.0, 1.0, 1.0)


@given(value=positive, sigma=sigmas)
def test_the_ends_are_the_quantiles_of_the_draws(value: float, sigma: float):
    estimate = timing(value, noise=sigma)
    assert estimate.low == np.quantile(estimate.draws, (1 - LEVEL) / 2)
    assert estimate.high == np.quantile(estimate.draws, (1 + LEVEL) / 2)


def test_a_format_is_that_of_the_value_and_both_ends():
    exact = Estimate.exact(1234.5, "USD", Source.MEASURED, "a bill")
    assert f"{exact:,.0f}" == "1,234 (1,234 to 1,234)"
    spread = timing(2.0, noise=0.1)
    assert f"{spread:.3f}" == f"2.000 ({spread.low:.3f} to {spread.high:.3f})"
    assert f"{spread}" == str(spread)


def test_its_text_is_what_tables_show_and_the_evidence_stays_in_its_repr():
    cost = Estimate.spread(46.23, {"price": 0.1}, "USD/month", Source.PUBLISHED, "a page")
    assert f"{cost}" == str(cost) == estimate.interval(cost)
    assert str(cost).startswith("$46.23/month ($")
    assert "a page" in repr(cost)
    assert str(Estimate.exact(0.25, "1", Source.ASSUMED, "typed")) == "0.250"


def test_a_shared_error_cancels_in_a_ratio():
    ratio = derive(lambda a, b: a / b, timing(2.0, machine=0.1), timing(1.0, machine=0.1), unit="1")
    assert ratio.high - ratio.low == pytest.approx(0.0, abs=1e-12)


@given(first=sigmas, second=sigmas)
def test_independent_errors_add_in_quadrature(first: float, second: float):
    ratio = derive(lambda a, b: a / b, timing(1.0, one=first), timing(1.0, two=second), unit="1")
    assert log_half_width(ratio) == pytest.approx(Z * math.hypot(first, second), rel=0.08)


@given(first=sigmas, second=sigmas)
def test_a_shared_error_adds_linearly_in_a_product(first: float, second: float):
    product = derive(lambda a, b: a * b, timing(1.0, one=first), timing(1.0, one=second), unit="s2")
    assert log_half_width(product) == pytest.approx(Z * (first + second), rel=0.08)


@given(value=positive, sigma=sigmas)
def test_the_interval_holds_the_stated_share_of_worlds(value: float, sigma: float):
    estimate = timing(value, noise=sigma)
    inside = (estimate.draws >= estimate.low) & (estimate.draws <= estimate.high)
    assert estimate.low <= estimate.value <= estimate.high
    assert np.mean(inside) == pytest.approx(LEVEL, abs=0.01)


def test_nine_in_ten_intervals_cover_the_truth():
    # Each draw is one experiment whose reading is off by the error drawn; its interval is
    # centered on the reading and as wide as the estimate says.
    truth = 3.0
    readings = timing(truth, noise=0.05).draws
    width = math.exp(log_half_width(timing(truth, noise=0.05)))
    covered = (readings / width <= truth) & (truth <= readings * width)
    assert np.mean(covered) == pytest.approx(LEVEL, abs=0.01)


def test_draws_depend_on_nothing_but_the_key():
    standard_normal.cache_clear()
    first = standard_normal("noise").copy()
    standard_normal.cache_clear()
    standard_normal("another key drawn in between")
    assert np.array_equal(first, standard_normal("noise"))
    assert not np.array_equal(first, standard_normal("other"))


def test_the_cached_draws_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        standard_normal("noise")[0] = 0.0


def test_different_keys_are_uncorrelated():
    correlation = np.corrcoef(standard_normal("one"), standard_normal("two"))[0, 1]
    assert abs(correlation) < 4 / math.sqrt(DRAWS)


def test_arithmetic_keeps_the_weakest_source_and_all_evidence_once():
    measured = timing(2.0, noise=0.1)
    assumed = Estimate.exact(0.6, "1", Source.ASSUMED, "utilization typed in")
    result = derive(lambda a, b, c: a / b + c, measured, assumed, measured, unit="s")
    assert result.source is Source.ASSUMED
    assert result.evidence == ("a cell", "utilization typed in")


def test_sources_are_ranked_strongest_first():
    assert [source.rank for source in Source] == list(range(len(Source)))
    assert Source.weakest([Source.MEASURED, Source.PUBLISHED, Source.INTERPOLATED]) == "published"


def test_an_exact_number_has_no_width():
    price = Estimate.exact(3.99, "USD", Source.MEASURED, "a price page")
    assert (price.low, price.high, price.relative_half_width) == (3.99, 3.99, 0.0)


def test_a_constant_function_is_a_whole_estimate():
    assert derive(lambda _: 1.0, timing(2.0, noise=0.1), unit="1").draws.shape == (DRAWS,)


def test_scaling_scales_value_and_interval_alike():
    seconds = timing(2.0, noise=0.1)
    hours = seconds.scaled(1 / 3600, "h")
    assert hours.unit == "h"
    assert hours.high == pytest.approx(seconds.high / 3600)
    assert hours.relative_half_width == pytest.approx(seconds.relative_half_width)


def test_to_dict_holds_the_documented_fields():
    assert Estimate.exact(1.5, "s", Source.PUBLISHED, "an article").to_dict() == {
        "value": 1.5,
        "low": 1.5,
        "high": 1.5,
        "level": 0.9,
        "unit": "s",
        "source": "published",
        "evidence": ["an article"],
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(value: float):
    with pytest.raises(InputError, match="expected a finite number"):
        Estimate.exact(value, "s", Source.ASSUMED, "nothing")


def test_a_division_by_zero_in_some_world_is_refused():
    zero = Estimate.exact(0.0, "s", Source.ASSUMED, "nothing")
    with np.errstate(divide="ignore"), pytest.raises(InputError, match="expected a finite number"):
        derive(lambda a: np.float64(1.0) / a, zero, unit="1/s")


def test_draws_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"draws have shape \(3,\)"):
        Estimate(1.0, "s", Source.ASSUMED, (), np.ones(3))
