"""What is written is read again as the same row, for every row that ships."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from fluxcost.documents import read_yaml
from fluxcost.economics.catalog import load_catalog, parse_prices
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_files import price_file, price_file_schema
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InputError
from tests.commands import shown
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


PRICING = Path(__file__).parents[2] / "pricing"
FILES = sorted(PRICING.glob("*/*.yaml"))
CHECK = jsonschema.Draft202012Validator(price_file_schema())


def plain(value: Any) -> Any:
    """Return a document as an editor sees it: dates are text, keys are text."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def test_the_published_file_is_that_of_the_records(capsys):
    published = json.loads((PRICING / "schema.json").read_text(encoding="utf-8"))
    remedy = "write it again: fluxcost prices schema > pricing/schema.json"
    assert published == price_file_schema(), remedy
    assert json.loads(shown(capsys, "prices", "schema")) == published


def test_every_shipped_file_is_valid_and_names_the_schema():
    assert not offenders(FILES, refuse_invalid, lambda path: path.stem)


def refuse_invalid(path: Path) -> None:
    CHECK.validate(plain(read_yaml(path)))
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schema.json"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grade", "D"),
        ("gpu_count", 0),
        ("kind", "lease"),
        ("coffee", "free"),
        ("price", {"amount": 0}),
    ],
)
def test_a_slip_is_refused_while_typing(field: str, value: object):
    document = plain(read_yaml(PRICING / "gpus" / "lambda.yaml"))
    document["offers"][0][field] = value
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate(document)


def test_what_is_missing_is_refused_while_typing():
    document = plain(read_yaml(PRICING / "apis" / "bfl.yaml"))
    del document["tariffs"][0]["as_of"]
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate(document)
