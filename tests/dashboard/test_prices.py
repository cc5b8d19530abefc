"""The prices page shows every row, lets one be edited, and says how answers move."""

import re

import pytest
from streamlit.testing.v1 import AppTest

import fluxcost as fc
from dashboard import answers, show
from tests.dashboard.opened import numbers, opened, sentence, settled, shown, texts

CATALOG = fc.load_catalog()
ROW = "vast/h100-sxm-median"


@pytest.fixture
def page() -> AppTest:
    return opened("prices")


def table(page: AppTest) -> dict[str, float | None]:
    frame = page.dataframe[0].value
    return dict(zip(frame["id"], frame["price"], strict=True))


def test_it_opens_with_every_offer_one_can_rent(page: AppTest):
    today = answers.today()
    offers = CATALOG.plannable_offers(today=today)
    assert table(page) == {each.id: each.price_estimate(today).value for each in offers}
    frame = page.dataframe[0].value.set_index("id")
    for offer in offers:
        assert frame.loc[offer.id, "age_days"] == offer.age_days(today)
        assert frame.loc[offer.id, "source"] == offer.source
        assert frame.loc[offer.id, "grade"] == offer.grade


def test_it_shows_tariffs_at_a_reference_shape(page: AppTest):
    page.radio(key="kind").set_value("image APIs")
    settled(page)
    for tariff in CATALOG.plannable_tariffs("flux2-klein-4b", answers.today()):
        if "text-to-image" in tariff.tasks:
            price = tariff.usd_per_image(fc.Shape(1024, 1024, 4)).value
            assert table(page)[tariff.id] == price


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("multiselect", "goods", ["h200-sxm"]),
        ("multiselect", "providers", ["runpod", "nebius"]),
        ("radio", "grade", "A"),
        ("toggle", "current", False),
    ],
)
def test_filters_leave_what_they_say(page: AppTest, kind: str, key: str, value: object):
    getattr(page, kind)(key=key).set_value(value)
    settled(page)
    kept = {
        offer.id
        for offer in CATALOG.offers
        if (offer.is_plannable(answers.today()) or key == "current")
        and (key != "goods" or offer.gpu == "h200-sxm")
        and (key != "providers" or offer.provider in {"runpod", "nebius"})
        and (key != "grade" or offer.grade == "A")
    }
    assert set(table(page)) == kept


def test_an_edited_price_moves_the_answer(page: AppTest):
    page.selectbox(key="row").set_value(ROW)
    settled(page)
    box = page.text_area[0]
    assert box.value == fc.price_file(CATALOG.offer(ROW))
    box.set_value(re.sub(r"amount: [0-9.]+", "amount: 0.5", str(box.value)))
    page.button(key="use").click()
    settled(page)
    assert not page.error
    assert table(page)[ROW] == 0.5
    edited = CATALOG.overlaid(fc.parse_prices(str(box.value).encode(), "a test"))
    workload = fc.Workload.parse(
        {
            "name": "moved",
            "model": "flux2-klein-4b",
            "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
            "deadline": {"images": 200_000, "hours": 8},
            "utilization": 0.9,
            "startup_minutes": 10,
            "constraints": {"least_grade": "B"},
        },
        "a test",
    )
    before, after = fc.plan(workload).best, fc.plan(workload, edited).best
    assert numbers(page) == {
        "At shipped prices, USD": shown(before.total),
        "With yours, USD": shown(after.total),
    }
    assert show.plain(fc.diff(before, after).sentence) in texts(page)
    page.button(key="forget prices").click()
    assert table(settled(page))[ROW] != 0.5


def test_a_price_that_is_none_is_one_sentence(page: AppTest):
    box = page.text_area[0]
    box.set_value(re.sub(r"amount: [0-9.]+", "amount: -1", str(box.value)))
    page.button(key="use").click()
    assert "price.amount is -1; expected: greater than 0" in sentence(settled(page)).replace(
        "\\", ""
    )
