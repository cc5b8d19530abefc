"""Everything a price can say, each against a bill worked by hand to the cent.

The numbered points are those of the project's list of what GPU offers (1-14) and image APIs (15-27)
charge for; each comment holds the arithmetic.
"""

import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.economics.api_bill import api_invoice
from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.ledger import Span, close_invoice, gpu_lines, part_lines
from fluxcost.economics.prices.api_request import ApiRequest
from fluxcost.economics.rental import instances_for
from fluxcost.economics.terms import NO_ACCOUNT_TERMS, AccountTerms, Resources
from fluxcost.errors import FluxcostError, InputError, MissingDataError, UnknownNameError
from fluxcost.workload.shape import Shape
from tests.economics.oracles import session_usd
from tests.economics.stand_in import SQUARE, TODAY, offer, tariff

HOUR, DAY, MONTH = 3600.0, 86_400.0, 730 * 3600.0
MB = 1_048_576


def rented(row, seconds, terms=NO_ACCOUNT_TERMS, instances=1):
    spans = (Span("use", seconds * instances),)
    parts = part_lines(row, spans, terms.resources, kept_instances=instances)
    return close_invoice(row, (*gpu_lines(row, spans), *parts), terms)


def cents(amount) -> float:
    return round(float(amount), 2)


def billed(invoice) -> float:
    return cents(invoice.billed_usd)


# 1. The quoted number and its unit are kept; the others are derived.
@pytest.mark.parametrize(
    ("amount", "unit", "gpus", "usd"),
    [
        (3.95, "gpu-hour", 1, 39.50),  # 10 h x 3.95
        (0.001097, "gpu-second", 1, 39.49),  # 36,000 s x 0.001097 = 39.492: not 39.50
        (55.04, "instance-hour", 8, 550.40),  # 10 h x 55.04
        (3.99, "gpu-hour", 8, 319.20),  # 10 h x 8 x 3.99
    ],
)
def test_01_a_price_is_billed_in_the_unit_it_is_quoted_in(amount, unit, gpus, usd):
    row = offer(amount, unit, gpu_count=gpus)
    assert billed(rented(row, 10 * HOUR)) == usd
    assert row.to_dict()["price"]["amount"] == amount


def test_02_an_instance_is_sold_whole():
    # 9 GPUs are two nodes of 8: 2 x 55.04 x 3 h.
    node = offer(55.04, "instance-hour", gpu_count=8)
    assert billed(rented(node, 3 * HOUR, instances=instances_for(node, 9))) == 330.24


LADDER = [offer(usd, gpu_count=n, id=f"acme/h100-{n}x") for n, usd in
          ((1, 4.29), (2, 4.19), (4, 4.09), (8, 3.99))]  # fmt: skip


def test_03_a_ladder_of_counts_is_not_a_straight_line():
    # An hour of each row: 1 x 4.29, 2 x 4.19, 4 x 4.09, 8 x 3.99.
    bills = [billed(rented(row, HOUR)) for row in LADDER]
    assert bills == [4.29, 8.38, 16.36, 31.92]


def test_04_a_variant_is_part_of_what_is_rented():
    # A day each on one vendor's three H100s: 24 x 3.99, 24 x 2.89, 24 x 3.19.
    catalog = load_catalog()
    bills = {
        gpu: billed(rented(catalog.offer(f"runpod/{gpu}-secure"), DAY))
        for gpu in ("h100-sxm", "h100-pcie", "h100-nvl")
    }
    assert bills == {"h100-sxm": 95.76, "h100-pcie": 69.36, "h100-nvl": 76.56}
    assert (
        len({catalog.offer(f"lambda/a100-{memory}").gpu for memory in ("80gb-8x", "40gb-1x")}) == 2
    )


SHARES = (("used", 0.4), ("unused", 0.6))


@pytest.mark.parametrize(
    ("commitment", "used_h", "billed_usd", "effective_usd"),
    [
        # 3 months up front at 2.00: 3 x 730 x 2.00 now; this month's share is 1,460.
        ({"term_hours": 2190, "payment": "upfront"}, 730, 4380.00, 1460.00),
        # The same paid monthly.
        ({"term_hours": 2190, "payment": "monthly"}, 730, 1460.00, 1460.00),
        # 1,000 up front besides: 1,460 + 1,000 now; 1,460 + 1,000 / 3 in effect.
        ({"term_hours": 2190, "payment": "monthly", "upfront": 1000}, 730, 2460.00, 1793.33),
        # A block of 24 h, paid whole.
        ({"term_hours": 24, "payment": "upfront"}, 24, 48.00, 48.00),
    ],
)
def test_05_a_term_is_paid_ahead(commitment, used_h, billed_usd, effective_usd):
    row = offer(2.00, commitment=commitment, kind="reserved")
    spans = (*(Span(name, share * used_h * HOUR, paid_ahead=True) for name, share in SHARES),)
    invoice = close_invoice(row, tuple(gpu_lines(row, spans)))
    assert billed(invoice) == billed_usd
    assert cents(invoice.effective_usd) == effective_usd


def test_05_a_commitment_is_a_reservation_s():
    with pytest.raises(InputError, match="a commitment only where the kind is reserved"):
        offer(commitment={"term_hours": 24, "payment": "upfront"})
    with pytest.raises(InputError, match="no further upfront amount"):
        offer(commitment={"term_hours": 9, "payment": "upfront", "upfront": 1}, kind="reserved")


def test_06_a_tier_is_another_price():
    # 100 h of the same chip: 399 secure, 269 community.
    catalog = load_catalog()
    secure, community = (
        catalog.offer(f"runpod/h100-sxm-{tier}") for tier in ("secure", "community")
    )
    assert (secure.tier, community.tier) == ("secure", "community")
    assert billed(rented(secure, 100 * HOUR)) == 399.00
    assert billed(rented(community, 100 * HOUR)) == 269.00


@pytest.mark.parametrize(
    ("rules", "usd"),
    [
        # 3.60 an hour is 0.001 a second; 40 s of start-up, 70.2 s of work.
        ({"granularity_s": 1}, 0.111),  # 110.2 s, rounded up
        ({"granularity_s": 1, "idle_timeout_s": 5}, 0.116),
        ({"granularity_s": 1, "billed_phases": ["running"]}, 0.071),
        ({"granularity_s": 60}, 0.120),
        ({"granularity_s": 1, "minimum_s": 300}, 0.300),
        ({}, 3.600),  # nothing found: an hour, the unit of the quote
    ],
)
def test_07_steps_minimums_and_phases(rules, usd):
    assert session_usd(offer(3.6, billing=rules), running_s=70.2, startup_s=40) == pytest.approx(
        usd
    )


def test_08_parts_beside_the_gpu():
    # 10 h: GPU 36,000 x 0.001097 = 39.492; 4 cores x 36,000 x 0.0000131 = 1.8864;
    # 32 GiB x 36,000 x 0.00000222 = 2.55744; together 43.94.
    modal = load_catalog().offer("modal/h100-serverless")
    terms = AccountTerms(Resources(cpu=4, memory_gib=32))
    assert billed(rented(modal, 10 * HOUR, terms)) == 43.94
    # Without a word on cores, the eighth of a core that is always billed: 0.05895.
    assert billed(rented(modal, 10 * HOUR)) == 39.55
    assert any("cpu at 0.0000131 per core-second" in line for line in modal.caveats(TODAY))


def test_08_storage_and_traffic_are_in_the_gigabytes_they_are_quoted_in():
    # 100 GiB are 107.3741824 GB: 0.07 a GB-month is 7.52 and 0.07 a GiB-month is 7.00.
    bills = []
    for unit in ("gb-month", "gib-month"):
        part = {"of": "storage", "amount": 0.07, "unit": unit, "while_stopped": True}
        row = offer(3.6, parts=[part])
        bills.append(billed(rented(row, HOUR, AccountTerms(Resources(storage_gib=100)))))
    assert bills == [3.6 + 7.52, 3.6 + 7.00]
    # 50 GiB sent are 53.687 GB at 0.09: 4.83, whatever the time.
    sent = offer(3.6, parts=[{"of": "traffic", "amount": 0.09, "unit": "gb"}])
    assert billed(rented(sent, HOUR, AccountTerms(Resources(traffic_gib=50)))) == 3.6 + 4.83
    # Disk that goes with the instance: 100 GiB for 73 h are a tenth of a month.
    gone = offer(3.6, parts=[{"of": "storage", "amount": 0.07, "unit": "gib-month"}])
    assert billed(rented(gone, 73 * HOUR, AccountTerms(Resources(storage_gib=100)))) == 263.50


def test_08_an_hour_of_a_core_is_3600_seconds_of_it():
    # 4 cores and 32 GiB for 10 h at 0.036 a core-hour and 0.0072 a GiB-hour: 1.44 + 2.304.
    hours = [
        {"of": "cpu", "amount": 0.036, "unit": "core-hour"},
        {"of": "memory", "amount": 0.0072, "unit": "gib-hour"},
    ]
    seconds = [
        {"of": "cpu", "amount": 0.00001, "unit": "core-second"},
        {"of": "memory", "amount": 0.000002, "unit": "gib-second"},
    ]
    terms = AccountTerms(Resources(cpu=4, memory_gib=32))
    for parts in (hours, seconds):
        assert billed(rented(offer(3.6, parts=parts), 10 * HOUR, terms)) == 36 + 3.74


def test_08_a_part_has_a_unit_of_its_kind():
    with pytest.raises(InputError, match="a unit of cpu: core-second or core-hour"):
        offer(parts=[{"of": "cpu", "amount": 1.0, "unit": "gib-hour"}])
    with pytest.raises(InputError, match="cpu is -1; expected 0 or more"):
        Resources(cpu=-1)


def test_09_a_region_multiplies_all_of_it():
    # 43.93584 x 1.75 = 76.8877.
    modal = load_catalog().offer("modal/h100-serverless").under("narrow region")
    assert billed(rented(modal, 10 * HOUR, AccountTerms(Resources(cpu=4, memory_gib=32)))) == 76.89
    with pytest.raises(UnknownNameError, match="nearest: broad region, narrow region"):
        modal.under("region")
    with pytest.raises(InputError, match="applied multipliers that exist"):
        offer(applied=["moon"])


def test_09_a_regional_deployment_of_an_api():
    # 4.00 per 100 images, 10 % more regionally: 1,000 images are 44.00.
    regional = load_catalog().tariff("azure/dall-e-3-standard").under("regional")
    assert billed(api_invoice(regional, SQUARE, 1000)) == 44.00


@pytest.mark.parametrize(
    ("plan", "hours", "usd"),
    [
        # 1,000 s cost 1.097: 100 h are 394.92.
        ("starter", 100, 364.92),  # less 30 of credit
        ("starter", 5, 0.00),  # 19.75, all of it credit
        ("team", 100, 544.92),  # 250 and less 100 of credit
    ],
)
def test_10_a_fee_with_included_use(plan, hours, usd):
    # Modal without its least eighth of a core, so that the sum stays short.
    modal = load_catalog().offer("modal/h100-serverless").model_copy(update={"parts": ()})
    assert billed(rented(modal, hours * HOUR, AccountTerms(account_plan=plan))) == usd
    with pytest.raises(UnknownNameError, match="account plan of modal/h100-serverless 'gold'"):
        rented(modal, HOUR, AccountTerms(account_plan="gold"))


def test_10_a_free_quota_starts_anew_each_day():
    # 10,000 neurons at 0.011 per 1,000 are 0.11 a day, 3.3458 in 730 h.
    # 10,000 images of 4 tiles at 0.000287 are 11.48; 8.13 remain. A small month is free.
    klein = load_catalog().tariff("cloudflare/flux-2-klein-4b")
    assert billed(api_invoice(klein, SQUARE, 10_000)) == 8.13
    assert billed(api_invoice(klein, SQUARE, 1000)) == 0.00


def test_11_a_range_and_a_statistic_are_billed_at_their_ends():
    # 730 h between 2.10 and 4.50, listed at 4.50: 1,533 to 3,285.
    quote = {"amount": 4.50, "unit": "gpu-hour", "low": 2.10, "high": 4.50}
    row = offer(price=quote, sample={"statistic": "median", "size": 4})
    bills = [cents(730 * row.per_gpu_hour(row.to_dict()["price"][end])) for end in ("low", "high")]
    assert bills == [1533.00, 3285.00]
    assert billed(rented(row, MONTH)) == 3285.00
    assert any("median of 4 offers" in line for line in row.caveats(TODAY))
    spread = row.price_estimate(dt.date(2026, 11, 20))
    assert spread.high / spread.low == pytest.approx(4.50 / 2.10, rel=0.08)
    with pytest.raises(InputError, match="low <= amount <= high"):
        offer(price={"amount": 5, "unit": "gpu-hour", "low": 2.1, "high": 4.5})
    with pytest.raises(InputError, match="both low and high"):
        offer(price={"amount": 5, "unit": "gpu-hour", "low": 2.1})


def test_12_a_price_has_a_window():
    # 31 October at 3.49 and 1 November at 3.99: a day is 83.76 and then 95.76.
    old = offer(3.49, id="acme/h100", valid_until=dt.date(2026, 10, 31))
    new = offer(3.99, id="acme/h100-new", effective_from=dt.date(2026, 11, 1))
    rows = Catalog((old, new), ())
    bills = {
        day: [billed(rented(row, DAY)) for row in rows.plannable_offers(today=day)]
        for day in (dt.date(2026, 10, 31), dt.date(2026, 11, 1))
    }
    assert list(bills.values()) == [[83.76], [95.76]]
    gone = offer(3.49, status="retired", note="gone")
    assert not gone.is_current(dt.date(2026, 10, 31))


def test_13_another_currency_needs_a_dated_rate_and_tax_is_a_line():
    # 14.80 ILS at 0.27 is 3.996 USD: 10 h are 39.96, and 17 % on top 46.75.
    rate = {"usd_per_unit": 0.27, "as_of": dt.date(2026, 11, 20), "source": "a central bank"}
    row = offer(14.80, currency="ILS", exchange=rate)
    assert billed(rented(row, 10 * HOUR)) == 39.96
    taxed = rented(row, 10 * HOUR, AccountTerms(tax_share=0.17))
    assert billed(taxed) == 46.75
    assert cents(taxed.line("tax").billed_usd) == 6.79
    assert any(
        "converted from ILS at the rate of 2026-11-20" in line for line in row.caveats(TODAY)
    )
    with pytest.raises(InputError, match="expected: USD, since no dated exchange rate"):
        offer(currency="ILS")
    with pytest.raises(InputError, match="already holds the tax"):
        rented(offer(tax_included=True), HOUR, AccountTerms(tax_share=0.17))
    with pytest.raises(InputError, match="a tariff in USD"):
        tariff(currency="ILS", exchange=rate)


def test_14_contact_sales_is_not_free():
    asked = offer(price=None, unpriced="contact-sales")
    free = offer(account_plans={"free": {"usd_per_month": 0, "included_usd": 50}})
    assert billed(rented(free, 10 * HOUR, AccountTerms(account_plan="free"))) == 0.00  # 36 of 50
    with pytest.raises(MissingDataError, match=r"has no price \(contact-sales\)"):
        rented(asked, 10 * HOUR)


def test_15_size_quality_tier_and_defaults():
    # 100 images: high at 1024x1536 is 20.00; a 2K tier at 0.12 is 12.00, whatever the aspect.
    catalog = load_catalog()
    assert (
        billed(api_invoice(catalog.tariff("openai/gpt-image-1.5-high"), Shape(1024, 1536, 1), 100))
        == 20.0
    )
    banana = catalog.tariff("fal/nano-banana-2")
    assert billed(api_invoice(banana, Shape(2048, 2048, 1), 100)) == 12.00
    assert billed(api_invoice(banana, Shape(2560, 1440, 1), 100)) == 12.00
    assert billed(api_invoice(banana, Shape(512, 512, 1), 100)) == 6.00
    with pytest.raises(InputError, match="expected at most 16777216"):
        banana.usd_per_image(Shape(8192, 4096, 1))


def test_15_a_request_that_names_no_quality_pays_the_default_s_price():
    low = tariff(
        {"shape": "by-size", "usd_by_size": {"1024x768": 0.006}}, id="acme/low", quality="low"
    )
    high = tariff(
        {"shape": "by-size", "usd_by_size": {"1024x768": 0.158}},
        id="acme/high",
        quality="high",
        also_billed_for=["auto", "default"],
        default_size="1024x768",
    )
    # "auto" and a request that names no quality are billed as high.
    asked = [low, high, high]
    assert high.also_billed_for == ("auto", "default")
    width, height = map(int, str(high.default_size).split("x"))
    bills = [billed(api_invoice(row, Shape(width, height, 1), 100)) for row in asked]
    assert bills == [0.60, 15.80, 15.80]


@pytest.mark.parametrize(
    ("megapixel_px", "shape", "usd"),
    [
        (MB, SQUARE, 14.00),  # one binary megapixel
        (1_000_000, SQUARE, 15.00),  # 1.048576 decimal ones: the second is started
        (MB, Shape(1920, 1072, 4), 15.00),  # 1.96
        (1_000_000, Shape(1920, 1072, 4), 16.00),  # 2.06
        (MB, Shape(2048, 2048, 4), 17.00),
    ],
)
def test_16_first_and_extra_megapixel(megapixel_px, shape, usd):
    price = {"shape": "first-and-extra-megapixel", "first_usd": 0.014, "extra_usd": 0.001}
    row = tariff(price | {"megapixel_px": megapixel_px})
    assert billed(api_invoice(row, shape, 1000)) == usd


def test_17_input_and_output_are_two_rates():
    # 1,000 edits of one 2048x1024 image into 1024x1024: out 1 MP, in 2 MP at 0.010 each.
    edit = load_catalog().tariff("fal/flux-2-klein-4b-edit")
    one = Shape(1024, 1024, 4, reference_images=1)
    wide = ApiRequest(reference_sizes=((2048, 1024),))
    assert billed(api_invoice(edit, one, 1000)) == 20.00
    assert billed(api_invoice(edit, one, 1000, request=wide)) == 30.00
    # In tiles of 512: 4 out at 0.000287 and 8 in at 0.000059, 1,000 times: 1.148 + 0.472.
    tiles = (
        load_catalog().tariff("cloudflare/flux-2-klein-4b").model_copy(update={"free_quota": None})
    )
    assert billed(api_invoice(tiles, one, 1000, request=wide)) == 1.62
    with pytest.raises(InputError, match="reference_sizes holds 1 sizes and reference_images is 2"):
        edit.usd_per_image(Shape(1024, 1024, 4, 2), request=wide)


def test_18_tiles_times_steps():
    # 1040x512 starts a third column: 3 x 1 tiles x 20 steps x 0.00041 x 1,000 is 24.60,
    # less 3.35 of free quota.
    dev = load_catalog().tariff("cloudflare/flux-2-dev")
    assert billed(api_invoice(dev, Shape(1040, 512, 20), 1000)) == 21.25


@pytest.mark.parametrize(
    ("tariff_id", "steps", "usd"),
    [
        ("fireworks/flux-1-schnell-fp8", 4, 1.40),  # 4 x 0.00035 x 1,000
        ("deepinfra/flux-2-dev", 14, 5.00),  # 0.01 x 14 / 28 x 1,000
        ("dezgo/sdxl", 15, 4.30),  # half way between 0.0032 and 0.0054
        ("aws/sdxl-1-0", 50, 40.00),  # the bucket up to 50 steps
        ("aws/sdxl-1-0", 51, 80.00),  # the next
    ],
)
def test_19_steps(tariff_id, steps, usd):
    assert (
        billed(api_invoice(load_catalog().tariff(tariff_id), Shape(1024, 1024, steps), 1000)) == usd
    )


def test_19_a_bucket_ends_somewhere():
    price = {"shape": "step-bucket", "usd_by_max_steps": {50: 0.04}, "max_px": MB}
    for shape in (Shape(1024, 1024, 51), Shape(2048, 1024, 50)):
        with pytest.raises(InputError, match="expected at most"):
            tariff(price).usd_per_image(shape)


SIX: dict[str, Any] = {
    "shape": "per-token",
    "text_in_usd": 5,
    "cached_text_in_usd": 1.25,
    "image_in_usd": 8,
    "cached_image_in_usd": 2,
    "text_out_usd": 10,
    "image_out_usd": 30,
    "image_out_tokens": {"1024x1024": 4000},
}
ASKED = ApiRequest(
    text_in_tokens=1000,
    cached_text_in_tokens=2000,
    image_in_tokens=3000,
    cached_image_in_tokens=500,
    text_out_tokens=100,
)


@pytest.mark.parametrize(
    ("fields", "condition", "usd"),
    [
        # A million times: 5 + 2.5 + 24 + 1 + 1 + 120 = 153.5; 1,000 images are 153.50.
        ({}, (), 153.50),
        ({"multipliers": {"batch": 0.5}}, ("batch",), 76.75),
        ({"multipliers": {"data zone": 1.1}}, ("data zone",), 168.85),
        ({"multipliers": {"priority": 2.0, "data zone": 1.1}}, ("priority", "data zone"), 337.70),
    ],
)
def test_20_six_buckets_of_tokens(fields, condition, usd):
    row = tariff(SIX, **fields).under(*condition)
    assert billed(api_invoice(row, SQUARE, 1000, request=ASKED)) == usd


def test_20_a_long_input_has_its_own_rates():
    # 6,500 input tokens are over 6,000: 10 + 5 + 48 + 2 + 2 + 240 = 307.
    double = {key: 2 * value for key, value in SIX.items() if key.endswith("_usd")}
    row = tariff(SIX | {"long_context": double | {"over_input_tokens": 6000}})
    assert billed(api_invoice(row, SQUARE, 1000, request=ASKED)) == 307.00
    short = ASKED.model_copy(update={"image_in_tokens": 2500})  # 6,000: not over
    assert billed(api_invoice(row, SQUARE, 1000, request=short)) == 149.50


def test_20_a_bucket_without_a_rate_is_refused():
    row = tariff({"shape": "per-token", "image_out_usd": 30})
    with pytest.raises(MissingDataError, match="text_in_tokens is 7 and text_in_usd was not found"):
        row.usd_per_image(SQUARE, request=ApiRequest(text_in_tokens=7, image_out_tokens=9))


def test_21_credits_by_size_packs_and_membership():
    # 5 credits up to 720p and 8 up to 1080p, at 1 cent.
    runway = load_catalog().tariff("runway/gen4-image")
    assert billed(api_invoice(runway, Shape(1280, 720, 1), 100)) == 5.00
    assert billed(api_invoice(runway, Shape(1920, 1072, 1), 100)) == 8.00
    # 350 images of 3 credits are 1,050: two packs of 1,000 for 10. 10.50 are used.
    price = {"shape": "credits", "usd_per_credit": 0.01, "credits_per_image": 3}
    packs = price | {"pack": {"credits": 1000, "usd": 10}}
    kept = api_invoice(tariff(packs), SQUARE, 350)
    assert (billed(kept), cents(kept.effective_usd)) == (20.00, 10.50)
    # What is lost with the month has cost all of it.
    lost = packs | {"pack": {"credits": 1000, "usd": 10, "expires_after_days": 30}}
    assert cents(api_invoice(tariff(lost), SQUARE, 350).effective_usd) == 20.00
    # 20 a month include 6,000 credits; 2,500 images of 3 are 75, so 15 more.
    core = load_catalog().tariff("stability/stable-image-core")
    assert (
        billed(api_invoice(core, SQUARE, 2500, terms=AccountTerms(account_plan="membership")))
        == 35.00
    )
    with pytest.raises(InputError, match="either credits_per_image or credits_by_max_px"):
        tariff({"shape": "credits", "usd_per_credit": 0.01})


@pytest.mark.parametrize(
    ("images", "yearly", "usd"),
    [
        # 30 a month hold 15 fast hours; at 4 images a minute 3,600 images fill them.
        (3600, False, 30.00),
        (3600, True, 24.00),  # a year at once is 20 % less
        (6000, False, 70.00),  # 25 h: 10 more at 4
    ],
)
def test_22_a_subscription_with_gpu_time(images, yearly, usd):
    row = load_catalog().tariff("midjourney/standard")
    four = ApiRequest(images_per_gpu_minute=4)
    assert billed(api_invoice(row, SQUARE, images, request=four, pay_yearly=yearly)) == usd
    assert row.to_dict()["price"]["unlimited_slow"]


def test_22_the_images_of_a_minute_are_the_subscriber_s_to_know():
    row = load_catalog().tariff("midjourney/basic")
    assert not row.to_dict()["price"]["unlimited_slow"]
    with pytest.raises(FluxcostError, match="images_per_job is not known"):
        api_invoice(row, SQUARE, 100)


def test_23_internal_currencies():
    # 2,000 neurons an image at 0.011 per 1,000: 100 images are 2.20.
    neurons = {"shape": "credits", "usd_per_credit": 0.011, "per_credits": 1000}
    assert billed(api_invoice(tariff(neurons | {"credits_per_image": 2000}), SQUARE, 100)) == 2.20
    # 57 DBU an hour at 0.070: 10 h are 39.90.
    dbu = {"amount": 57, "unit": "instance-hour", "internal": {"name": "DBU", "usd": 0.070}}
    assert billed(rented(offer(price=dbu), 10 * HOUR)) == 39.90


def test_24_add_ons():
    # 20 steps 0.0054 and two LoRAs at 0.0051: 1,000 images are 15.60.
    dezgo = load_catalog().tariff("dezgo/sdxl")
    two = ApiRequest(add_ons={"LoRA": 2})
    assert billed(api_invoice(dezgo, Shape(1024, 1024, 20), 1000, request=two)) == 15.60
    with pytest.raises(UnknownNameError, match="add-on of dezgo/sdxl 'lora'"):
        api_invoice(dezgo, Shape(1024, 1024, 20), 1, request=ApiRequest(add_ons={"lora": 1}))


def test_25_a_price_per_so_many():
    # 8.00 per 100, 3.00 per 1,000, 30 per million tokens and 0.03 per thousand.
    catalog = load_catalog()
    assert billed(api_invoice(catalog.tariff("azure/dall-e-3-hd"), SQUARE, 50)) == 4.00
    assert billed(api_invoice(catalog.tariff("replicate/flux-1-schnell"), SQUARE, 500)) == 1.50
    per_thousand = {"shape": "per-token", "image_out_usd": 0.03, "per_tokens": 1000}
    per_million = {"shape": "per-token", "image_out_usd": 30.0}
    for price in (per_thousand, per_million):
        request = ApiRequest(image_out_tokens=4000)
        assert billed(api_invoice(tariff(price), SQUARE, 100, request=request)) == 12.00


def test_26_failures_are_billed_unless_the_vendor_says_no():
    # A fifth fails: 1,000 images take 1,250 requests at 0.014.
    flat = {"shape": "flat", "usd": 0.014}
    assert billed(api_invoice(tariff(flat), SQUARE, 1000, failed_share=0.2)) == 17.50
    kind = tariff(flat, not_billed=["failed-requests"])
    assert billed(api_invoice(kind, SQUARE, 1000, failed_share=0.2)) == 14.00
    assert "failed-requests" in load_catalog().tariff("fal/flux-2-klein-4b").not_billed
    with pytest.raises(InputError, match="failed_share is 1; expected 0 to under 1"):
        api_invoice(kind, SQUARE, 1000, failed_share=1)


@pytest.mark.parametrize(
    ("charged_on", "usd"),
    [
        ("call", 11.025),  # 10.50 used, 5 % on it
        ("top-up", 21.00),  # 20 paid in, 5 % on it
    ],
)
def test_27_a_gateway_takes_its_share(charged_on, usd):
    price = {"shape": "credits", "usd_per_credit": 0.01, "credits_per_image": 3}
    packs = price if charged_on == "call" else price | {"pack": {"credits": 1000, "usd": 10}}
    row = tariff(packs, gateway_fee={"share": 0.05, "charged_on": charged_on})
    assert float(api_invoice(row, SQUARE, 350).billed_usd) == pytest.approx(usd)
    assert row.usd_per_image(SQUARE).value == pytest.approx(0.03 * 1.05)


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_more_images_never_cost_less_in_a_month(images, more):
    for row in load_catalog().plannable_tariffs("flux2-klein-4b", TODAY):
        if "text-to-image" in row.tasks:
            some = api_invoice(row, SQUARE, images).billed_usd
            assert api_invoice(row, SQUARE, images + more).billed_usd >= some - 1e-9


def test_invoices_leave_under_the_names_of_focus():
    row = offer(price={"amount": 3.0, "unit": "gpu-hour", "list_amount": 4.0})
    (line,) = rented(row, 10 * HOUR).to_focus()
    assert (line["ListCost"], line["ContractedCost"]) == (40.0, 30.0)
    assert (line["EffectiveCost"], line["BilledCost"]) == (30.0, 30.0)
    assert line["ChargeCategory"] == "Usage"
    assert math.isclose(line["ConsumedQuantity"], 10)
    assert line["ConsumedUnit"] == "h"
    with pytest.raises(InputError, match="line 'tax' is not on the invoice"):
        rented(row, HOUR).line("tax")
