"""Cost per image against its formula, and what must hold of any cost."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.cost import cost_per_image
from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import Estimate, Source
from fluxcost.performance.fit import fit
from tests.economics.stand_in import PRICED_ON, SQUARE, TODAY, Clock, offer
from tests.synthetic import make_calibration

prices = st.floats(0.01, 100)
shares = st.floats(0.01, 1)


def test_the_formula_worked_by_hand():
    # 3.60 an hour is a tenth of a cent a second; half a second at 60 % use.
    cost = cost_per_image(Clock(), offer(3.6), SQUARE, utilization=0.6, today=TODAY)
    assert cost.total.value == pytest.approx(0.001 * 0.5 / 0.6)
    assert [line.name for line in cost.lines] == ["GPU time at work", "GPU time idle"]
    assert [line.usd_per_image.value for line in cost.lines] == pytest.approx(
        [0.0005, 0.0005 * 2 / 3]
    )
    assert cost.images_per_usd.value == pytest.approx(1200)


@given(prices, st.floats(0.01, 100), shares, st.integers(1, 16), st.sampled_from([1, 8]))
def test_the_formula_holds_everywhere(
    usd: float, seconds: float, used: float, batch: int, gpus: int
):
    rented = offer(usd * gpus, "instance-hour", gpu_count=gpus)
    cost = cost_per_image(Clock(seconds), rented, SQUARE, batch=batch, utilization=used)
    assert cost.total.value == pytest.approx(usd / 3600 * (seconds * batch) / batch / used)
    assert sum(line.usd_per_image.value for line in cost.lines) == pytest.approx(cost.total.value)
    assert cost.images_per_usd.value * cost.total.value == pytest.approx(1)


@given(prices, prices, shares, shares)
def test_dearer_or_idler_never_costs_less(usd: float, other: float, used: float, less: float):
    low, high = sorted((usd, other))
    idle, busy = sorted((used, less))
    cheap = cost_per_image(Clock(sigma=0.02), offer(low), SQUARE, utilization=busy).total
    dear = cost_per_image(Clock(sigma=0.02), offer(high), SQUARE, utilization=idle).total
    assert dear.value >= cheap.value
    assert dear.high >= cheap.high


def test_an_hour_is_not_a_month():
    hour = cost_per_image(Clock(), offer(3.6), SQUARE, utilization=1).total.value
    month = cost_per_image(Clock(), offer(3.6 * 730), SQUARE, utilization=1).total.value
    assert month / hour == pytest.approx(730)


def test_two_costs_share_the_timing_error():
    clock = Clock(sigma=0.05)
    cost = cost_per_image(clock, offer(), SQUARE, utilization=0.5, today=PRICED_ON)
    assert cost.total.low < cost.total.value < cost.total.high
    assert cost.total.draws / clock.occupancy(SQUARE).draws == pytest.approx(0.001 / 0.5)


def test_a_utilization_typed_in_is_an_assumption_and_a_derived_one_keeps_its_source():
    typed = cost_per_image(Clock(), offer(), SQUARE, utilization=0.6, today=TODAY)
    assert typed.lines[0].usd_per_image.source is Source.PUBLISHED
    assert typed.total.source is Source.ASSUMED
    simulated = Estimate.exact(0.6, "1", Source.INTERPOLATED, "a simulation")
    derived = cost_per_image(Clock(), offer(), SQUARE, utilization=simulated, today=TODAY)
    assert derived.total.source is Source.PUBLISHED
    assert "a simulation" in derived.total.evidence


@pytest.mark.parametrize(
    "doubt",
    [
        {"as_of": dt.date(2026, 8, 1)},
        {"as_of_kind": "collected"},
        {"grade": "C"},
        {"status": "superseded", "note": "dearer since"},
        {"valid_until": dt.date(2026, 11, 21)},
        {"effective_from": dt.date(2026, 12, 1)},
        {"conflicts_with": ["acme/other"]},
        {"variant_stated": False},
        {"basis": "volume-floor"},
    ],
)
def test_a_price_in_doubt_is_assumed_and_says_why(doubt: dict[str, Any]):
    cost = cost_per_image(Clock(), offer(**doubt), SQUARE, utilization=1, today=TODAY)
    assert cost.lines[0].usd_per_image.source is Source.ASSUMED
    assert cost.caveats[0].startswith("acme/h100: ")


def test_staleness_is_judged_on_the_day_given():
    rented = offer(as_of=dt.date(2026, 8, 25))
    assert rented.trust(dt.date(2026, 11, 23)) is Source.PUBLISHED
    assert rented.trust(dt.date(2026, 11, 24)) is Source.ASSUMED


@pytest.mark.parametrize("wrong", [0, -0.5, 1.01, float("nan"), True])
def test_a_utilization_out_of_range_is_refused(wrong: float):
    with pytest.raises(InputError, match=r"utilization is .*; expected a share of 0.001 to 1"):
        cost_per_image(Clock(), offer(), SQUARE, utilization=wrong)


def test_a_derived_utilization_out_of_range_is_refused():
    wrong = Estimate.spread(0.9, {"load": 0.2}, "1", Source.MEASURED, "a log")
    with pytest.raises(InputError, match="utilization runs from"):
        cost_per_image(Clock(), offer(), SQUARE, utilization=wrong)


def test_the_article_prices_are_kept_but_warned_of():
    catalog = load_catalog()
    for offer_id in ("lambda/h100-pcie-1x-2026-spring", "runpod/h100-3.09-claimed"):
        rented = catalog.offer(offer_id)
        cost = cost_per_image(Clock(gpu=rented.gpu), rented, SQUARE, utilization=1, today=TODAY)
        assert "article" in " ".join(cost.caveats)
        assert not rented.is_plannable(TODAY)


def test_timings_of_another_gpu_and_a_bad_batch_and_no_price_are_refused():
    with pytest.raises(InputError, match="has h100-sxm and the timings are of rtx-4090"):
        cost_per_image(Clock(gpu="rtx-4090"), offer(), SQUARE, utilization=1)
    with pytest.raises(InputError, match="batch is 0; expected a whole number"):
        cost_per_image(Clock(), offer(), SQUARE, batch=0, utilization=1)
    unpriced = offer(price=None, unpriced="not-published")
    with pytest.raises(MissingDataError, match="not-published"):
        cost_per_image(Clock(), unpriced, SQUARE, utilization=1)


def test_a_fit_is_priced_by_its_own_seconds():
    fitted = fit(make_calibration())
    seconds = fitted.occupancy(SQUARE)
    cost = cost_per_image(fitted, offer(3.6), SQUARE, utilization=1, today=PRICED_ON)
    assert cost.total.value == pytest.approx(0.001 * seconds.value)
    assert cost.total.low == pytest.approx(0.001 * seconds.low)
    with pytest.raises(InputError, match="the timings are of h100-sxm"):
        cost_per_image(fitted, offer(gpu="rtx-4090"), SQUARE, utilization=1)


def test_it_comes_out_as_plain_values():
    cost = cost_per_image(Clock(sigma=0.01), offer(), SQUARE, utilization=0.6, today=TODAY)
    plain = json.loads(json.dumps(cost.to_dict()))
    assert plain["total"]["unit"] == "USD/image"
    assert plain["shape"] == {"width": 1024, "height": 1024, "steps": 4, "reference_images": 0}
