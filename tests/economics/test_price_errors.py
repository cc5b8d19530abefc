"""A price's interval: what was seen of it, moves of its class, contracts, exchange rates."""

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fluxcost as fc
from fluxcost.economics.catalog import Catalog, load_catalog, parse_prices
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_files import refreshed_text
from fluxcost.economics.price_moves import PriceClass
from fluxcost.economics.price_row import EXCHANGE_DRIFT_PER_SQRT_DAY, PriceMove
from fluxcost.stats import NORMAL_90
from tests.economics.stand_in import PRICED_ON, offer

DAYS = st.integers(0, 4000)
KINDS: dict[PriceClass, dict[str, Any]] = {
    PriceClass.HYPERSCALER: {"id": "aws/h100", "provider": "aws"},
    PriceClass.CLOUD: {},
    PriceClass.SERVERLESS: {"kind": "serverless"},
    PriceClass.MARKET: {"tier": "community"},
}


def after(days: int) -> dt.date:
    return PRICED_ON + dt.timedelta(days=days)


def seen(day: dt.date, kind: str = "read", **price: float) -> dict[str, Any]:
    return {"as_of": day, "as_of_kind": kind, "source": "a page", "grade": "B", **price}


@pytest.mark.parametrize("price_class", KINDS)
def test_each_kind_of_offer_moves_as_its_class(price_class):
    assert offer(4.0, **KINDS[price_class]).price_class is price_class


@given(amount=st.floats(0.01, 1000), days=DAYS, price_class=st.sampled_from(list(KINDS)))
def test_an_undated_price_never_ends_below_a_dated_one(amount, days, price_class):
    ends = {
        kind: offer(amount, as_of_kind=kind, **KINDS[price_class]).price_estimate(after(days))
        for kind in ("stated", "month", "read", "commit", "package", "collected")
    }
    dated = ends.pop("stated")
    assert {ends.pop(kind).high for kind in ("month", "read", "commit")} == {dated.high}
    assert all(each.high >= dated.high and each.low <= dated.low for each in ends.values())


@given(st.lists(DAYS, min_size=2, max_size=6), st.sampled_from(["stated", "collected"]))
def test_an_interval_only_widens_with_time(days, kind):
    row = offer(4.0, as_of_kind=kind)
    prices = [row.price_estimate(after(each)) for each in sorted(days)]
    assert [each.high for each in prices] == sorted(each.high for each in prices)
    assert [each.low for each in prices] == sorted((each.low for each in prices), reverse=True)
    assert all(each.value == 4.0 for each in prices)


def test_rows_alike_but_for_their_names_have_equal_bounds():
    prices = [
        offer(4.0, id=f"acme/h100-{number}").price_estimate(after(200)) for number in range(20)
    ]
    assert [each.high for each in prices] == pytest.approx([prices[0].high] * 20, rel=1e-12)
    assert [each.low for each in prices] == pytest.approx([prices[0].low] * 20, rel=1e-12)
    assert np.corrcoef(prices[0].draws, prices[1].draws)[0, 1] == pytest.approx(0, abs=0.1)


def test_a_price_is_exact_on_the_day_it_was_seen():
    price = offer(4.0).price_estimate(PRICED_ON)
    assert (price.low, price.high) == (4.0, 4.0)


def move_of(row: Offer, days: int) -> PriceMove:
    (error,) = row.price_errors(after(days)).values()
    assert isinstance(error, PriceMove)
    return error


def test_what_was_seen_of_a_price_tells_how_often_it_moves():
    start = PRICED_ON - dt.timedelta(days=300)
    still = offer(4.0, observed=[seen(start)])
    moved = offer(4.0, observed=[seen(start, amount=3.0), seen(start + dt.timedelta(9))])
    error = move_of(still, 100)
    assert (error.changes_seen, error.span_seen_days, error.age_days) == (0, 300, 100)
    error = move_of(moved, 100)
    assert (error.changes_seen, error.span_seen_days, error.age_days) == (1, 300, 100)
    amounts = enumerate([2.0, 2.2, 2.5, 2.8, 3.0, 3.2, 3.5, 3.8])
    restless = [seen(start + dt.timedelta(30 * n), amount=usd) for n, usd in amounts]
    rows = (still, moved, offer(4.0), offer(4.0, observed=restless))
    highs = [row.price_estimate(after(100)).high for row in rows]
    # The class moves more than once in 300 days.
    assert highs == sorted(set(highs))


def test_an_undated_copy_tells_nothing_of_when_a_price_moved():
    copy = seen(PRICED_ON + dt.timedelta(20), "collected", amount=3.0)
    error = move_of(offer(4.0, observed=[copy]), 100)
    assert (error.changes_seen, error.span_seen_days) == (0, 0)


def test_what_was_seen_later_and_dated_is_the_rows_own_price():
    later = PRICED_ON + dt.timedelta(1)
    with pytest.raises(fc.InputError, match=f"observed up to as_of; what was seen on {later}"):
        offer(4.0, observed=[seen(later)])
    with pytest.raises(fc.InputError, match="observed up to as_of"):
        offer(4.0, as_of_kind="collected", observed=[seen(later, "collected")])


SIGNED: dict[str, Any] = {"from_overlay": True, "valid_until": after(365)}


def test_a_contract_is_exact_until_it_ends():
    signed = offer(2.0, **SIGNED)
    price = signed.price_estimate(after(365))
    assert (price.low, price.high, str(price.source)) == (2.0, 2.0, "published")
    assert signed.staleness(after(365)) is None
    after_it = signed.price_estimate(after(365 + 50))
    assert after_it.high == offer(2.0).price_estimate(after(50)).high > 2.0


def test_a_commitment_of_yours_is_a_contract_for_its_term():
    term = {"term_hours": 8760.0, "payment": "monthly"}
    signed = offer(2.0, from_overlay=True, kind="reserved", commitment=term)
    assert signed.contract_end == after(365)
    assert signed.price_estimate(after(300)).high == 2.0
    later = offer(
        2.0, from_overlay=True, kind="reserved", commitment=term, effective_from=after(30)
    )
    assert later.contract_end == after(395)
    # A reservation on a price list is not signed: until it is, its price moves.
    listed = offer(2.0, kind="reserved", commitment=term)
    assert listed.contract_end is None
    assert listed.price_estimate(after(300)).high > 2.0


def test_an_end_on_a_price_list_is_no_contract():
    assert offer(2.0, valid_until=after(365)).price_estimate(after(300)).high > 2.0
    copied = offer(2.0, as_of_kind="collected", **SIGNED)
    assert copied.price_estimate(after(300)).high > 2.0


def euros(name: str, **more):
    rate = {"usd_per_unit": 1.5, "as_of": PRICED_ON - dt.timedelta(400), "source": "a bank"}
    return offer(2.0, id=f"acme/{name}", currency="EUR", exchange=rate, **more)


def test_an_old_exchange_rate_is_uncertain_and_one_for_all():
    price = euros("one").price_estimate(PRICED_ON)
    sigma = EXCHANGE_DRIFT_PER_SQRT_DAY * math.sqrt(400)
    assert price.value == 3.0
    assert price.high == pytest.approx(3.0 * math.exp(NORMAL_90 * sigma), rel=1e-3)
    assert price.low == pytest.approx(3.0 * math.exp(-NORMAL_90 * sigma), rel=1e-3)
    assert np.array_equal(price.draws, euros("two").price_estimate(PRICED_ON).draws)


PAGE = """provider: acme
name: Acme
offers:
  - id: acme/h100
    sku: h100
    gpu: h100-sxm
    gpu_count: 1
    kind: on-demand
    price: {{amount: 2.0, unit: gpu-hour}}
    currency: {currency}
    source: a page
    as_of: {as_of}
    as_of_kind: stated
    grade: B
    {more}
"""


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("as_of", {"as_of": "2999-01-01"}),
        (
            "exchange.as_of",
            {
                "currency": "EUR",
                "more": "exchange: {usd_per_unit: 1.1, as_of: 2999-01-01, source: a bank}",
            },
        ),
        (
            "as_of",
            {"more": "observed: [{as_of: 2999-01-01, as_of_kind: package, source: x, grade: B}]"},
        ),
    ],
)
def test_a_day_to_come_is_refused_in_a_sentence(field, change):
    page = PAGE.format(**{"as_of": "2026-01-01", "currency": "USD", "more": "note: x"} | change)
    text = rf"acme.yaml, row 1 \(acme/h100\): {field} is 2999-01-01, which is yet to come; expected"
    with pytest.raises(fc.InputError, match=text):
        parse_prices(page.encode(), "acme.yaml")


def test_a_price_seen_after_the_day_asked_for_is_refused_in_a_sentence():
    row = offer(4.0, from_overlay=True)
    before = PRICED_ON - dt.timedelta(1)
    text = f"acme/h100: the price was seen on {PRICED_ON}, after {before}, the day it is asked for"
    for ask in (row.price_estimate, row.trust, row.staleness, row.caveats, Catalog((row,), ()).at):
        with pytest.raises(fc.InputError, match=text):
            ask(before)


def test_on_a_past_day_a_price_is_what_was_known_then():
    first, last = PRICED_ON - dt.timedelta(100), PRICED_ON - dt.timedelta(50)
    row = offer(4.0, grade="A", observed=[seen(first, amount=3.0), seen(last)])
    for day, amount, grade, observed in (
        (first, 3.0, "B", 0),
        (last, 4.0, "B", 1),
        (PRICED_ON, 4.0, "A", 2),
    ):
        known = row.known_on(day)
        assert known is not None
        assert (known.usd_per_gpu_hour, known.grade) == (amount, grade)
        assert len(known.observed) == observed
        assert known.price_estimate(day).high == amount
    between, at_last = row.known_on(last - dt.timedelta(1)), row.known_on(last)
    assert between is not None
    assert at_last is not None
    assert between.as_of == first
    assert at_last.observed[0].amount == 3.0
    assert row.known_on(first - dt.timedelta(1)) is None


def test_prices_shipped_today_were_others_in_summer():
    summer = load_catalog().at(dt.date(2026, 8, 1))
    assert summer.offer("verda/h100-sxm").usd_per_gpu_hour == 3.25
    assert summer.offer("nebius/h100-sxm").usd_per_gpu_hour == 3.85
    assert load_catalog().offer("verda/h100-sxm").usd_per_gpu_hour == 3.85


def test_a_flat_price_seen_twice_in_300_days_has_no_wide_interval():
    tariff = load_catalog().tariff("bfl/flux-2-klein-4b")
    price = tariff.usd_per_image(fc.Shape(1024, 1024, 4), dt.date(2027, 3, 1))
    assert price.value == 0.014
    assert price.low == 0.014
    assert price.high == pytest.approx(0.014, rel=0.35)
    on_its_day = tariff.usd_per_image(fc.Shape(1024, 1024, 4), dt.date(2026, 12, 1))
    assert (on_its_day.low, on_its_day.high) == (0.014, 0.014)


@pytest.mark.usefixtures("old_prices")
def test_old_prices_are_said_to_be_old_with_the_remedy():
    catalog = load_catalog()
    newest = max(row.last_seen for row in (*catalog.offers, *catalog.tariffs))
    assert catalog.age_note(newest + dt.timedelta(30)) is None
    note = catalog.age_note(newest + dt.timedelta(31))
    assert note is not None
    assert note.startswith("Prices were last seen 31 days before")
    assert "fluxcost prices refresh" in note


@pytest.mark.usefixtures("old_prices")
def test_a_refreshed_file_is_nobodys_own_until_it_is_edited(tmp_path):
    page = PAGE.format(as_of="2026-11-25", currency="USD", more="valid_until: 2999-01-01")
    path = tmp_path / "gpus" / "acme.yaml"
    path.parent.mkdir()
    path.write_text(refreshed_text(page), encoding="utf-8")
    row = load_catalog(tmp_path).offer("acme/h100")
    assert not row.from_overlay
    assert row.contract_end is None
    # The newest price is the refreshed one.
    assert load_catalog(tmp_path).age_note(dt.date(2026, 12, 25)) is None
    assert load_catalog().age_note(dt.date(2026, 12, 25)) is not None
    path.write_text(refreshed_text(page).replace("amount: 2.0", "amount: 1.5"), encoding="utf-8")
    row = load_catalog(tmp_path).offer("acme/h100")
    assert row.from_overlay
    assert row.contract_end == dt.date(2999, 1, 1)
