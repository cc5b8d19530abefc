"""Every shipped row, and every way a price file can be wrong."""

import csv
import datetime as dt
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fluxcost.economics.break_even.break_even import CheaperSide, break_even
from fluxcost.economics.catalog import PACKAGE, Catalog, load_catalog, parse_prices
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_row import DateKind, PriceRow, Status, today_utc
from fluxcost.errors import DocumentError, FluxcostError, InputError, UnknownNameError
from fluxcost.performance.calibration.library import shipped_calibrations
from tests.economics.stand_in import SQUARE, TODAY, Clock
from tests.offenders import offenders

CATALOG = load_catalog()
ROWS: tuple[PriceRow, ...] = (*CATALOG.offers, *CATALOG.tariffs)
FIRST_READ = dt.date(2026, 11, 22)
"""Day of the first rows; a service that had ended by then is retired."""
GPUS = {
    *("h100-sxm", "h100-pcie", "h100-nvl", "h200-sxm", "b200-sxm", "gh200", "mi300x"),
    *("a100-sxm-80gb", "a100-pcie-80gb", "a100-sxm-40gb", "rtx-pro-6000", "rtx-4090"),
    *("l40s", "l40", "l4", "a10", "a10g", "t4"),
}
OFFER = """\
provider: mine
name: My own
offers:
  - id: mine/h100
    sku: the one in the cellar
    gpu: h100-sxm
    gpu_count: 1
    kind: reserved
    price: {amount: 1.25, unit: gpu-hour}
    currency: USD
    source: my contract
    as_of: 2026-11-01
    as_of_kind: stated
    grade: A
"""


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    (tmp_path / "gpus").mkdir()
    (tmp_path / "apis").mkdir()
    return tmp_path


def refusal(overlay: Path, text: str, name: str = "gpus/mine.yaml") -> str:
    (overlay / name).write_text(text)
    with pytest.raises(InputError) as caught:
        load_catalog(overlay)
    message = str(caught.value)
    assert "\n" not in message
    assert str(overlay) in message
    return message


def test_a_shipped_row_can_be_trusted_as_far_as_it_says():
    assert not offenders(ROWS, refuse_untrustworthy, lambda row: row.id)


def refuse_untrustworthy(row: PriceRow) -> None:
    assert row.currency == "USD"
    assert re.search(r"\w\.\w|PyPI", row.source), "a source names a site or a package"
    assert dt.date(2025, 1, 1) <= row.as_of <= today_utc()
    assert row.as_of_kind is not DateKind.COLLECTED or row.as_of >= FIRST_READ
    assert row.as_of_kind is not DateKind.MONTH or row.as_of.day == 1
    if row.status is Status.RETIRED:
        assert not row.is_current(TODAY)
        assert row.valid_until or "shut" in row.note
    if row.valid_until and row.valid_until < FIRST_READ:
        assert row.status is Status.RETIRED
    known = {other.id for other in ROWS}
    assert known.issuperset(row.conflicts_with)


def test_a_shipped_offer_is_complete():
    assert not offenders(CATALOG.offers, refuse_incomplete, lambda offer: offer.id)


def refuse_incomplete(offer: Offer) -> None:
    assert offer.gpu in GPUS, "spelled as in other rows? a GPU new to all of them is added here"
    if offer.price is not None:
        assert math.isfinite(offer.usd_per_gpu_hour)
        assert 0.1 < offer.usd_per_gpu_hour < 15


def test_gpus_with_timings_can_be_rented():
    timed = {
        entry.alias.removeprefix("published/").split("/")[0] for entry in shipped_calibrations()
    }
    assert timed <= {offer.gpu for offer in CATALOG.plannable_offers(today=TODAY)}


def test_prices_per_gpu_hour_are_those_published():
    path = Path(__file__).parent / "usd_per_gpu_hour.csv"
    with path.open(encoding="utf-8") as stream:
        published = {row["offer"]: float(row["usd_per_gpu_hour"]) for row in csv.DictReader(stream)}
    # The published column has four decimals.
    priced = {offer.id: offer for offer in CATALOG.offers if offer.price is not None}
    for offer_id, usd in published.items():
        assert priced[offer_id].usd_per_gpu_hour == pytest.approx(usd, abs=5.1e-5), offer_id


def test_the_catalog_is_as_wide_as_promised():
    assert len(CATALOG.offers) >= 30
    assert len({offer.provider for offer in CATALOG.plannable_offers(today=TODAY)}) >= 12
    assert len(CATALOG.tariffs) >= 15
    assert len({tariff.provider for tariff in CATALOG.plannable_tariffs(today=TODAY)}) >= 8
    klein = {tariff.provider for tariff in CATALOG.plannable_tariffs("flux2-klein-4b", TODAY)}
    assert klein >= {
        *("bfl", "fal", "replicate", "cloudflare", "runflow", "muapi", "bytecompute"),
    }


@pytest.mark.parametrize(
    "row_id",
    [
        "lambda/h100-pcie-1x-2026-spring",
        "runpod/h100-3.09-claimed",
        "stability/sdxl-1-0-claimed",
        "openai/dall-e-3-standard",
    ],
)
def test_what_the_article_priced_is_here_and_cannot_win_a_plan(row_id: str):
    (row,) = (row for row in ROWS if row.id == row_id)
    assert row.status is not Status.ACTIVE
    assert "article" in row.note
    plannable = (*CATALOG.plannable_offers(today=TODAY), *CATALOG.plannable_tariffs(today=TODAY))
    assert row not in plannable


def test_midjourney_has_no_price_per_image_to_win_with():
    for plan in ("basic", "standard", "pro", "mega"):
        with pytest.raises(FluxcostError, match="images_per_job is not known"):
            CATALOG.tariff(f"midjourney/{plan}").usd_per_image(SQUARE)


def test_a_volume_floor_is_not_a_price_to_plan_with():
    assert not CATALOG.offer("fal/h100-volume-floor").is_plannable(TODAY)


def test_a_price_of_tomorrow_is_not_a_price_of_today():
    row = CATALOG.offer("lambda/a100-40gb-1x")
    assert not row.is_current(dt.date(2026, 11, 15))
    assert row.is_current(dt.date(2026, 11, 16))
    assert row.is_plannable(TODAY)


def test_a_baseline_ends_on_its_last_day():
    row = CATALOG.tariff("openai/gpt-image-1.5-low")
    assert row.is_current(dt.date(2026, 12, 1))
    assert not row.is_current(dt.date(2026, 12, 2))


def test_break_even_against_every_shipped_klein_tariff():
    # The volume at an always-on H100 of 3.99 an hour, per tariff of the day.
    rented = CATALOG.offer("runpod/h100-sxm-secure")
    volumes = {}
    for api in CATALOG.plannable_tariffs("flux2-klein-4b", TODAY):
        if "text-to-image" in api.tasks:
            result = break_even(Clock(), rented, api, SQUARE, utilization=1, today=TODAY)
            assert result.verdict is CheaperSide.ABOVE
            volumes[api.id] = result.images_per_month.value / 730
    assert volumes["bfl/flux-2-klein-4b"] == pytest.approx(285)
    assert volumes["fal/flux-2-klein-4b"] == pytest.approx(798)
    # 3,475.6 at its price and 4.0 more, which 30.4 days of 0.11 USD free pay for.
    assert volumes["cloudflare/flux-2-klein-4b"] == pytest.approx(3479.6, abs=0.1)
    assert volumes["replicate/flux-2-klein-4b"] == pytest.approx(3990)


def test_unknown_names_carry_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        CATALOG.offer("runpod/h100-secure")
    assert "runpod/h100-sxm-secure" in caught.value.nearest
    with pytest.raises(UnknownNameError, match="nearest: bfl/flux-2-klein-4b"):
        CATALOG.tariff("bfl/flux2-klein-4b")


def test_an_overlay_adds_and_wins(overlay: Path):
    (overlay / "gpus" / "mine.yaml").write_text(OFFER)
    theirs = OFFER.replace("provider: mine", "provider: lambda").replace(
        "mine/h100", "lambda/a10-1x"
    )
    (overlay / "gpus" / "lambda.yaml").write_text(theirs)
    catalog = load_catalog(overlay)
    assert catalog.offer("mine/h100").usd_per_gpu_hour == 1.25
    assert catalog.offer("lambda/a10-1x").usd_per_gpu_hour == 1.25
    assert CATALOG.offer("lambda/a10-1x").usd_per_gpu_hour == 1.29
    assert len(catalog.offers) == len(CATALOG.offers) + 1
    assert catalog.tariffs == CATALOG.tariffs


def test_bytes_of_a_price_file_are_read_as_the_file_is(overlay: Path):
    (overlay / "gpus" / "mine.yaml").write_text(OFFER)
    rows = parse_prices(OFFER.encode(), "an upload")
    assert CATALOG.overlaid(rows) == load_catalog(overlay)
    twice = OFFER.encode() + OFFER[OFFER.index("  - id") :].encode()
    with pytest.raises(InputError, match="an upload: id 'mine/h100' appears twice"):
        parse_prices(twice, "an upload")
    with pytest.raises(DocumentError, match="an upload: not UTF-8 text"):
        parse_prices(b"\xff\xfe", "an upload")
    with pytest.raises(InputError, match="an upload: expected offers, at least one row"):
        parse_prices(b"provider: mine\nname: Mine\n", "an upload")


def test_an_overlay_may_be_named_as_text(overlay: Path):
    (overlay / "gpus" / "mine.yaml").write_text(OFFER)
    assert load_catalog(str(overlay)).offer("mine/h100")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("    source: my contract\n", "", "row 1 (mine/h100): source is missing; add it."),
        ("    as_of: 2026-11-01\n", "", "as_of is missing; add it."),
        ("    currency: USD\n", "", "currency is missing; add it."),
        ("    grade: A\n", "", "grade is missing; add it."),
        ("grade: A", "grade: D", "grade is 'D'; expected: "),
        ("1.25", "-1.25", "price.amount is -1.25; expected: "),
        ("1.25", "0", "price.amount is 0; expected: "),
        ("1.25", ".nan", "price.amount is nan; expected: "),
        ("1.25", ".inf", "price.amount is inf; expected: "),
        ("1.25", "1e3", "price.amount is '1e3'; expected: "),
        ("1.25", "'1.25'", "price.amount is '1.25'; expected: "),
        ("1.25", "no", "price.amount is False; expected: "),
        ("1.25", "1:30", "has 1:30, which YAML reads in base 60; write one number"),
        ("gpu_count: 1", "gpu_count: 1.5", "gpu_count is 1.5; expected: "),
        ("gpu_count: 1", "gpu_count: yes", "gpu_count is True; expected: "),
        ("currency: USD", "currency: EUR", "currency is 'EUR'; expected: USD, since no dated"),
        ("2026-11-01", "20261101", "as_of is 20261101; expected: "),
        ("2026-11-01", "'2026-11-01'", "as_of is '2026-11-01'; expected: "),
        ("2026-11-01", "2026-13-01", "not usable as YAML"),
        ("gpu: h100-sxm", "gpu: H100 SXM", "gpu is 'H100 SXM'; expected: "),
        ("kind: reserved", "kind: lease", "kind is 'lease'; expected: "),
        (
            "    grade: A\n",
            "    grade: A\n    coffee: free\n",
            "coffee is not a known field; remove it",
        ),
        ("    grade: A\n", "    grade: A\n    status: retired\n", "a note saying why the status"),
        ("mine/h100", "yours/h100", "expected: an id that begins with its provider, mine/"),
        ("provider: mine", "provider: yours", "provider is 'yours'; expected the file name"),
        ("1.25, unit: gpu-hour}", "1.25, unit: gpu-hour, amount: 2}", "the key 'amount' twice"),
        ("{amount: 1.25, unit: gpu-hour}", "null", "either price, or unpriced"),
        ("offers:", "tariffs:", "expected offers, at least one row of them"),
        ("reserved\n", "reserved\n    billing: {billed_phases: []}\n", "billed_phases is []"),
        ("reserved\n", "reserved\n    billing: {billed_phases: [idle]}\n", "include running"),
    ],
)
def test_a_wrong_row_is_refused_in_one_sentence(overlay: Path, old: str, new: str, reason: str):
    assert OFFER.count(old) >= 1
    assert reason in refusal(overlay, OFFER.replace(old, new, 1))


def test_a_row_given_twice_is_refused(overlay: Path):
    twice = OFFER + OFFER.split("offers:\n")[1]
    assert "id 'mine/h100' appears twice; keep one of the two rows" in refusal(overlay, twice)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [1]\nb: *a\n", "an alias; write the value out"),
        ("offers: [\n", "not usable as YAML"),
        ("just words\n", "the whole record is 'just words'"),
        ("", "the whole record is None"),
        ("provider: mine\nname: Mine\noffers: [3]\n", "offers.0 is 3"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(overlay: Path, text: str, reason: str):
    assert reason in refusal(overlay, text)


def test_a_wrong_price_shape_is_refused(overlay: Path):
    text = OFFER.replace("offers:", "tariffs:").split("    sku:")[0] + (
        "    model: flux2-klein-4b\n    currency: USD\n    source: s\n    as_of: 2026-11-01\n"
        "    as_of_kind: stated\n    grade: A\n    price: {shape: per-cloud, usd: 1}\n"
    )
    assert "per-cloud" in refusal(overlay, text, "apis/mine.yaml")
    flat = text.replace("shape: per-cloud, usd: 1", "shape: flat, usd: '1'")
    assert "price.flat.usd is '1'" in refusal(overlay, flat, "apis/mine.yaml")


def test_a_folder_without_prices_is_refused(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DocumentError, match=r"holds no gpus/\*\.yaml or apis/\*\.yaml"):
            load_catalog(folder)


def test_a_wheel_carries_its_prices_inside(tmp_path: Path):
    # The wheel is built with pricing/ inside the package and nothing beside it.
    apart = shutil.ignore_patterns("data", "dashboard", "pricing")
    shutil.copytree(PACKAGE, tmp_path / "fluxcost", ignore=apart)
    shutil.copytree(Path(__file__).parents[2] / "pricing", tmp_path / "fluxcost" / "pricing")
    code = (
        "from fluxcost.economics import catalog\n"
        f"assert str(catalog.PACKAGE) == {str(tmp_path / 'fluxcost')!r}\n"
        "print(len(catalog.load_catalog().offers))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(run.stdout) == len(CATALOG.offers)


def test_a_catalog_comes_out_as_plain_values():
    plain = CATALOG.to_dict()
    assert len(plain["offers"]) == len(CATALOG.offers)
    assert plain["tariffs"][0]["id"] == CATALOG.tariffs[0].id
    assert isinstance(CATALOG, Catalog)


def test_a_price_file_may_end_in_yml(overlay: Path):
    (overlay / "gpus" / "mine.yaml").write_text(OFFER)
    long = load_catalog(overlay)
    (overlay / "gpus" / "mine.yaml").rename(overlay / "gpus" / "mine.yml")
    assert load_catalog(overlay) == long
    assert "provider is 'mine'; expected the file name, 'other'" in refusal(
        overlay, OFFER, "gpus/other.yml"
    )
