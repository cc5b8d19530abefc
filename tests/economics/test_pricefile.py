"""What is written is read again as the same row, for every row that ships."""

import pytest

from fluxcost.economics.catalog import load_catalog, parse_prices
from fluxcost.economics.offers import Offer
from fluxcost.economics.pricefile import price_file
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InputError
from tests.offenders import offenders

CATALOG = load_catalog()


def test_a_row_comes_back_as_it_was_and_as_the_reader_s_own():
    rows: list[Offer | Tariff] = [*CATALOG.offers, *CATALOG.tariffs]
    assert not offenders(rows, refuse_changed, lambda row: row.id)


def refuse_changed(row: Offer | Tariff) -> None:
    rows = parse_prices(price_file(row).encode(), "a file")
    assert [*rows.offers, *rows.tariffs] == [row.model_copy(update={"from_overlay": True})]


def test_rows_of_a_provider_make_one_file():
    lambda_offers = [offer for offer in CATALOG.offers if offer.provider == "lambda"]
    rows = parse_prices(price_file(*lambda_offers).encode(), "a file")
    assert [row.id for row in rows.offers] == [offer.id for offer in lambda_offers]


def test_rows_that_no_file_can_hold_are_refused():
    with pytest.raises(InputError, match="rows are of 2 kinds and 2 providers"):
        price_file(CATALOG.offer("lambda/a10-1x"), CATALOG.tariff("bfl/flux-2-klein-4b"))
    with pytest.raises(InputError, match="rows are of 0 kinds"):
        price_file()
