"""Prices of past days against the dated prices they were read from."""

import datetime as dt

import pytest

from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.price_row import Status
from fluxcost.errors import InputError, UnknownNameError
from tests.economics.stand_in import TODAY, offer, tariff

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("offer_id", "day", "usd"),
    [
        ("runpod/h100-sxm-secure", dt.date(2026, 8, 19), 3.29),
        ("runpod/h100-sxm-secure", dt.date(2026, 9, 24), 3.29),
        ("runpod/h100-sxm-secure", dt.date(2026, 9, 25), 3.49),
        ("runpod/h100-sxm-secure", dt.date(2026, 11, 8), 3.49),
        ("runpod/h100-sxm-secure", dt.date(2026, 11, 9), 3.99),
        ("lambda/h100-sxm-1x", dt.date(2026, 6, 1), 3.78),
        ("lambda/h100-sxm-1x", dt.date(2026, 9, 20), 4.29),
        ("lambda/h100-pcie-1x", dt.date(2026, 6, 1), 2.86),
        ("nebius/h100-sxm", dt.date(2026, 6, 1), 2.95),
        ("nebius/h100-sxm", dt.date(2026, 10, 1), 3.85),
    ],
)
def test_a_past_day_has_its_price(offer_id: str, day: dt.date, usd: float):
    row = CATALOG.at(day).offer(offer_id)
    assert row.usd_per_gpu_hour == usd
    assert row.is_plannable(day)


def test_before_the_first_date_a_price_is_not_known():
    with pytest.raises(UnknownNameError):
        CATALOG.at(dt.date(2026, 8, 18)).offer("runpod/h100-sxm-secure")
    # An undated page tells nothing of the days before it was read.
    with pytest.raises(UnknownNameError):
        CATALOG.at(dt.date(2026, 11, 21)).tariff("cloudflare/flux-2-klein-4b")


def test_what_was_retired_later_was_still_sold():
    row = CATALOG.at(dt.date(2026, 1, 1)).tariff("openai/dall-e-3-standard")
    assert row.status is Status.ACTIVE
    assert not CATALOG.at(dt.date(2026, 5, 13)).tariff("openai/dall-e-3-standard").is_current(TODAY)


def test_today_is_the_catalog_itself():
    now = CATALOG.at(TODAY)
    assert {row.id for row in now.plannable_offers(today=TODAY)} == {
        row.id for row in CATALOG.plannable_offers(today=TODAY)
    }
    assert {row.id for row in now.plannable_tariffs(today=TODAY)} == {
        row.id for row in CATALOG.plannable_tariffs(today=TODAY)
    }


def test_every_successor_is_later_and_of_the_same_gpu():
    for row in CATALOG.offers:
        if row.superseded_by is not None:
            later = CATALOG.offer(row.superseded_by)
            assert later.gpu == row.gpu
            assert later.gpu_count == row.gpu_count
            assert later.kind == row.kind
            assert later.as_of > row.as_of or row.as_of_kind == "collected"


def test_a_circle_ends():
    one = offer(id="acme/a", status="superseded", note="n", superseded_by="acme/b")
    two = offer(id="acme/b", status="superseded", note="n", superseded_by="acme/a")
    assert len(Catalog((one, two), ()).at(TODAY).offers) == 2


def test_only_a_superseded_row_has_a_successor():
    with pytest.raises(InputError, match="superseded_by only where the status is superseded"):
        tariff(superseded_by="acme/other")


def test_a_price_of_your_own_wins_and_says_so(tmp_path):
    (tmp_path / "gpus").mkdir()
    row = CATALOG.offer("lambda/a10-1x")
    (tmp_path / "gpus" / "lambda.yaml").write_text(
        "provider: lambda\nname: mine\noffers:\n  - id: lambda/a10-1x\n    sku: mine\n"
        "    gpu: a10\n"
        "    gpu_count: 1\n    kind: on-demand\n    price: {amount: 9.99, unit: gpu-hour}\n"
        "    currency: USD\n    source: s\n    as_of: 2026-11-01\n    as_of_kind: stated\n"
        "    grade: A\n"
    )
    catalog = load_catalog(tmp_path)
    mine = catalog.offer("lambda/a10-1x")
    assert mine.usd_per_gpu_hour == 9.99 > row.usd_per_gpu_hour
    assert catalog.own == ("lambda/a10-1x",)
    assert mine.caveats(TODAY)[0] == "lambda/a10-1x: your own price"
    assert mine.trust(TODAY) == "published"
    assert CATALOG.own == ()
    assert catalog.at(TODAY).offer("lambda/a10-1x").usd_per_gpu_hour == 9.99
