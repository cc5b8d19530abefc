"""One bill of an API: its figures by hand, and every caller against it and against a count."""

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fluxcost.economics.api_bill import api_bill, api_bill_curve, api_invoice
from fluxcost.economics.break_even.break_even import ONE_VOLUME, BreakEven, CheaperSide, break_even
from fluxcost.economics.break_even.volumes import Sessions
from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.horizon import Horizon, month_to_switch
from fluxcost.economics.tariffs import Tariff
from fluxcost.economics.terms import AccountTerms
from fluxcost.errors import InputError
from fluxcost.performance.fit import fit
from fluxcost.planning.purchase_modes import bought
from fluxcost.workload.shape import Shape
from tests.economics.oracles import month_usd, session_usd
from tests.economics.stand_in import PRICED_ON, SQUARE, TODAY, Clock, offer, tariff
from tests.fleets import fleet_calibration

ONE = ((SQUARE, 1.0),)
MIX = ((SQUARE, 0.75), (Shape(1024, 1024, 8), 0.25))

SUBSCRIPTION = {
    "shape": "subscription-gpu-time",
    "usd_per_month": 60,
    "included_gpu_hours": 30,
    "extra_usd_per_gpu_hour": 4,
    "gpu_minutes_per_job": 1,
    "images_per_job": 4,
}
"""30 hours hold 7,200 images; each further one is 15 s at 4 an hour, 0.0166667."""


def quota(units: float, every: str) -> dict[str, Any]:
    """Return a free quota of so many units at a cent."""
    return {"units": units, "currency": {"name": "unit", "usd": 0.01}, "every": every}


def even(row: Tariff, usd: float = 22.0, *, image_s: float = 0.2, **fields: Any) -> BreakEven:
    sessions = fields.pop("sessions", None)
    return break_even(
        Clock(image_s),
        offer(usd, **fields),
        row,
        SQUARE,
        utilization=1,
        sessions=sessions,
        today=PRICED_ON,
    )


@pytest.mark.parametrize(
    ("images", "usd"), [(1, 60.00), (7200, 60.00), (10_000, 106.67), (1_927_200, 32_060.00)]
)
def test_a_subscription_is_its_fee_and_the_hours_beyond(images: int, usd: float):
    row = tariff(SUBSCRIPTION)
    plan = bought(row, ONE, images, "USD/month", PRICED_ON)
    billed = (
        api_bill(row, ONE, images, today=PRICED_ON).billed.value,
        api_invoice(row, SQUARE, images).billed_usd,
        plan.total.value,
        even(row).at(images).api.value,
    )
    assert [round(float(each), 2) for each in billed] == [usd] * 4
    assert plan.usd_per_image.value == pytest.approx(usd / images, abs=0.005 / images)


def test_a_subscription_breaks_even_where_fee_and_further_hours_are_the_rent():
    # 730 h x 22 = 16,060 = 60 + (967,200 - 7,200) / 60.
    result = even(tariff(SUBSCRIPTION))
    assert result.verdict is CheaperSide.ABOVE
    assert result.images_per_month.value == pytest.approx(967_200)
    assert "acme/images: billed with its fee, packs and free quota" in result.caveats[0]
    point = result.at(967_200)
    assert [point.rent.value, point.api.value] == pytest.approx([16_060, 16_060])


@pytest.mark.parametrize(
    ("images", "why"),
    [
        (1, "1 image: subscription $60.00."),
        (10_000, "subscription $60.00 + 11.7 further GPU hours $46.67 = $106.67."),
    ],
)
def test_a_plan_says_what_its_bill_is_made_of(images: int, why: str):
    assert bought(tariff(SUBSCRIPTION), ONE, images, "USD/month", PRICED_ON).why == why


def test_a_free_quota_pays_for_few_images():
    # 10,000 neurons a day at 0.011 per 1,000 are 3.35 a month; an image is 0.001148.
    row = load_catalog().tariff("cloudflare/flux-2-klein-4b")
    day = dt.date(2026, 12, 1)
    few, many = (bought(row, ONE, images, "USD/month", day) for images in (1000, 100_000))
    assert (few.total.value, few.total.high, few.usd_per_image.value) == (0, 0, 0)
    assert few.images_per_usd is None
    assert few.to_dict()["images_per_usd"] is None
    assert few.why == "1,000 images $1.15 - free quota $1.15 = $0."
    assert many.total.value == pytest.approx(100_000 * 0.001148 - 730 / 24 * 0.11)


def test_a_job_has_the_quotas_of_its_days_and_the_fees_of_the_months_begun():
    daily = tariff(free_quota=quota(100, "day"))
    assert api_bill(daily, ONE, 1000, days=2, today=TODAY).billed.value == pytest.approx(12)
    monthly = tariff(free_quota=quota(100, "month"))
    for days, free in ((1, 1), (730 / 24, 1), (31, 1), (32, 2)):
        usd = api_bill(monthly, ONE, 1000, days=days, today=TODAY).billed.value
        assert usd == pytest.approx(14 - free)
    row = tariff(SUBSCRIPTION, account_plans={"pro": {"usd_per_month": 7}})
    pro = AccountTerms(account_plan="pro")
    for days, months in ((1 / 24, 1), (32, 2)):
        bill = api_bill(row, ONE, 1, days=days, today=TODAY, terms=pro)
        assert bill.billed.value == pytest.approx(67 * months)
    with pytest.raises(InputError, match="days is 0; expected days over 0"):
        api_bill(row, ONE, 1, days=0)


def test_a_quota_leaves_fewer_packs_to_buy():
    # 350 images of 3 credits are 1,050, of which 100 are free: 950 fit one pack of 10 USD.
    price = {"shape": "credits", "usd_per_credit": 0.01, "credits_per_image": 3}
    packs = price | {"pack": {"credits": 1000, "usd": 10}}
    invoice = api_invoice(tariff(packs, free_quota=quota(100, "month")), SQUARE, 350)
    assert float(invoice.billed_usd) == pytest.approx(10)
    assert float(invoice.effective_usd) == pytest.approx(9.5)
    assert float(invoice.list_usd) == pytest.approx(9.5)


def test_all_draws_of_a_bill_move_with_the_price():
    later = PRICED_ON + dt.timedelta(200)
    row = tariff(SUBSCRIPTION)
    bill = api_bill(row, MIX, 10_000, today=later)
    each = row.usd_per_image(SQUARE, later)
    assert bill.billed.draws / bill.billed.value == pytest.approx(each.draws / each.value)
    assert bill.billed.evidence[0] == each.evidence[0]
    assert bill.billed.low < bill.billed.value < bill.billed.high


CENTS = st.integers(1, 500).map(lambda cents: cents / 1000)
PRICES = st.one_of(
    st.builds(lambda usd: {"shape": "flat", "usd": usd, "per_images": 10}, CENTS),
    st.builds(lambda usd: {"shape": "by-size", "usd_by_size": {"1024x1024": usd}}, CENTS),
    st.builds(lambda usd: {"shape": "by-tier", "usd_by_max_px": {2**20: usd}}, CENTS),
    st.builds(lambda usd: {"shape": "per-pixel", "usd_per_pixel": usd / 1e6}, CENTS),
    st.builds(
        lambda usd: {
            "shape": "per-megapixel",
            "usd": usd,
            "megapixel_px": 1_000_000,
            "rounding": "up",
        },
        CENTS,
    ),
    st.builds(
        lambda usd: {
            "shape": "first-and-extra-megapixel",
            "first_usd": usd,
            "extra_usd": usd / 7,
            "megapixel_px": 1_000_000,
        },
        CENTS,
    ),
    st.builds(lambda usd: {"shape": "per-tile", "tile_px": 512, "output_usd": usd}, CENTS),
    st.builds(lambda usd: {"shape": "per-step", "usd_per_step": usd}, CENTS),
    st.builds(
        lambda usd: {
            "shape": "area-times-steps",
            "usd": usd,
            "reference_side_px": 512,
            "reference_steps": 20,
        },
        CENTS,
    ),
    st.builds(
        lambda usd: {"shape": "step-table", "usd_by_steps": {4: usd, 8: 2 * usd}, "max_px": 2**20},
        CENTS,
    ),
    st.builds(
        lambda usd: {"shape": "step-bucket", "usd_by_max_steps": {20: usd}, "max_px": 2**20}, CENTS
    ),
    st.builds(
        lambda usd: {
            "shape": "per-token",
            "image_out_usd": usd,
            "per_tokens": 1000,
            "image_out_tokens": {"1024x1024": 700},
        },
        CENTS,
    ),
    st.builds(
        lambda usd, each, size: {
            "shape": "credits",
            "usd_per_credit": usd,
            "credits_per_image": each,
            "pack": size and {"credits": size, "usd": usd * size},
        },
        CENTS,
        st.integers(1, 9),
        st.sampled_from([None, 20, 1000]),
    ),
    st.builds(
        lambda fee, hours, extra: (
            SUBSCRIPTION
            | {
                "usd_per_month": fee,
                "included_gpu_hours": hours,
                "extra_usd_per_gpu_hour": extra,
            }
        ),
        st.integers(1, 200),
        st.integers(1, 60),
        st.integers(1, 20),
    ),
)
TERMS = st.fixed_dictionaries(
    {},
    optional={
        "free_quota": st.builds(quota, st.integers(1, 5000), st.sampled_from(["day", "month"])),
        "gateway_fee": st.builds(
            lambda on: {"share": 0.05, "charged_on": on}, st.sampled_from(["call", "top-up"])
        ),
    },
)
ROWS = st.builds(
    lambda price, terms, half: tariff(
        price, **terms, multipliers={"half": 0.5}, applied=["half"] if half else []
    ),
    PRICES,
    TERMS,
    st.booleans(),
)


@given(ROWS, st.integers(1, 3_000_000))
def test_plan_invoice_and_break_even_send_one_bill(row: Tariff, images: int):
    later = PRICED_ON + dt.timedelta(90)
    plan = bought(row, ONE, images, "USD/month", later)
    invoice = api_invoice(row, SQUARE, images)
    result = break_even(Clock(), offer(), row, SQUARE, utilization=1, today=later)
    point = result.at(images)
    assert plan.total.value == pytest.approx(float(invoice.billed_usd), abs=0.005)
    assert point.api.value == pytest.approx(float(invoice.billed_usd), abs=0.005)
    assert point.api.draws == pytest.approx(plan.total.draws, rel=1e-9, abs=0.005)
    mixed = api_bill(row, MIX, images, days=3, today=later).billed.value
    curve = api_bill_curve(row, MIX, days=3, today=later)
    assert float(curve.usd(images)) == pytest.approx(mixed, abs=0.005)


@given(ROWS, st.integers(1, 3_000_000))
def test_without_fee_packs_and_quota_a_bill_is_images_times_the_price(row: Tariff, images: int):
    packed = getattr(row.price, "pack", None) is not None
    assume(row.free_quota is None and not packed and row.price.shape != "subscription-gpu-time")
    each = row.usd_per_image(SQUARE, TODAY)
    bill = api_bill(row, ONE, images, today=TODAY)
    assert bill.billed.value == pytest.approx(images * each.value)
    assert bill.billed.draws == pytest.approx(images * each.draws)


@given(ROWS, st.floats(0, 1e6))
def test_the_volume_of_a_bill_is_the_least_that_reaches_it(row: Tariff, usd: float):
    curve = api_bill_curve(row, ONE, today=TODAY)
    at = float(curve.images_at(usd))
    slack = 1e-6 * max(1.0, at)
    assert float(curve.usd(at + slack)) >= usd * (1 - 1e-6) - 1e-9
    if at > 2 * slack:
        assert float(curve.usd(at - slack)) <= usd * (1 + 1e-6) + 1e-9


SMALL = st.builds(
    lambda price, terms: tariff(price, **terms),
    st.one_of(
        st.builds(lambda usd: {"shape": "flat", "usd": usd}, st.sampled_from([0.3, 0.7, 1.1, 4.0])),
        st.builds(
            lambda fee, extra: (
                SUBSCRIPTION
                | {
                    "usd_per_month": fee,
                    "included_gpu_hours": 1,
                    "extra_usd_per_gpu_hour": extra,
                    "gpu_minutes_per_job": 2,
                    "images_per_job": 1,
                }
            ),
            st.sampled_from([3, 20, 90, 300]),
            st.sampled_from([6, 24, 60]),
        ),
        st.builds(
            lambda each, size: {
                "shape": "credits",
                "usd_per_credit": 0.1,
                "credits_per_image": each,
                "pack": {"credits": size, "usd": size / 10},
            },
            st.sampled_from([3, 7, 11]),
            st.sampled_from([10, 80, 500]),
        ),
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "free_quota": st.builds(quota, st.sampled_from([300, 2000]), st.just("month")),
            "gateway_fee": st.just({"share": 0.1, "charged_on": "call"}),
        },
    ),
)


def check_sides(result: BreakEven, row: Tariff, rents: dict[int, float], apart: float) -> None:
    """Check who is cheaper at whole volumes, away from crossings, by both bills of each."""
    changes = [(each.becomes, each.images_per_month.value) for each in result.crossings]
    first = "rent" if result.verdict is CheaperSide.ALWAYS else "api"
    if changes:
        first = "rent" if changes[0][0] == "api" else "api"
    for at, (images, rent) in enumerate(rents.items()):
        usd = float(api_invoice(row, SQUARE, images).billed_usd)
        if at % 8 == 0:
            point = result.at(images)
            assert [point.rent.value, point.api.value] == pytest.approx([rent, usd])
        if (
            any(abs(images - volume) < apart for _, volume in changes)
            or abs(rent - usd) < 1e-6 * rent
        ):
            continue
        said = [side for side, volume in changes if volume <= images]
        assert (said[-1] if said else first) == ("rent" if rent < usd else "api"), images


@given(SMALL, st.sampled_from([0.01, 0.05, 0.2, 0.5]), st.sampled_from([13_000, 40_000]))
def test_kept_all_month_the_sides_are_those_of_a_count(row: Tariff, usd: float, image_s: float):
    # A month is 7.30 to 365 USD, and an instance makes 202 or 65 images in it.
    result = even(row, usd, image_s=image_s)
    full = 730 * 3600 / image_s
    rents = {
        images: math.ceil(images / full * (1 - 1e-9)) * month_usd(offer(usd))
        for images in (*range(1, 30), *range(30, 900, 29))
    }
    check_sides(result, row, rents, apart=1.5)


@given(
    SMALL,
    st.sampled_from([0.5, 5.0, 40.0]),
    st.sampled_from([{"granularity_s": 3600}, {"granularity_s": 600, "minimum_s": 4000}]),
    st.sampled_from([Sessions(1, 0), Sessions(1, 500), Sessions(4, 500)]),
)
def test_by_the_session_the_sides_are_those_of_a_count(
    row: Tariff, usd: float, billing: dict[str, Any], sessions: Sessions
):
    result = even(row, usd, image_s=240, billing=billing, sessions=sessions)
    count = sessions.per_month
    rents = {}
    for images in range(count, 900, 13):
        running_s = images / count * 240
        each = session_usd(
            offer(usd, billing=billing), running_s=running_s, startup_s=sessions.startup_s
        )
        rents[images] = count * each
    check_sides(result, row, rents, apart=1.5 * count)
    if result.verdict in ONE_VOLUME:
        assert result.probability == 1
        volume = result.images_per_month
        assert np.ptp(volume.draws) == pytest.approx(0, abs=1e-6 * max(1.0, volume.value))


@given(SMALL, st.sampled_from([0.5, 5.0, 40.0]), st.integers(20, 200))
def test_the_draws_of_a_break_even_are_break_evens_at_their_prices(
    row: Tariff, usd: float, days: int
):
    rented = offer(usd, billing={"granularity_s": 3600})
    day = PRICED_ON + dt.timedelta(days)

    def asked(sessions: Sessions | None) -> BreakEven:
        return break_even(
            Clock(240), rented, row, SQUARE, utilization=1, sessions=sessions, today=day
        )

    for sessions in (None, Sessions(2, 500)):
        result = asked(sessions)
        if result.verdict not in ONE_VOLUME or getattr(row.price, "pack", None) is not None:
            continue
        volume, curve = result.images_per_month, api_bill_curve(row, ONE, today=day)
        rent = rented.price_estimate(day)
        for draw in range(0, 2000, 250):
            found = volume.draws[draw]
            if found <= 0 or found >= result.capacity_images_per_month.draws[draw]:
                continue
            running_s = found / (1 if sessions is None else 2) * 240
            hours = 730.0
            if sessions is not None:
                hours = 2 * math.ceil((running_s + 500) / 3600 * (1 - 1e-7))
            api_usd = float(curve.usd(found)) * curve.price.draws[draw]
            assert hours * rent.draws[draw] == pytest.approx(api_usd, rel=1e-5)


def test_serverless_is_billed_for_the_time_it_works():
    # 0.2 s at 3.6 an hour are 0.0002 an image: far below 0.014 from the first on.
    result = even(tariff(), 3.6, kind="serverless", billing={"granularity_s": 1})
    assert result.verdict is CheaperSide.ALWAYS
    assert result.at(1_000_000).rent.value == pytest.approx(200)
    assert result.at(100_000_000).rent.value == pytest.approx(20_000)
    assert result.at(100_000_000).instances.value == math.ceil(20e6 / (730 * 3600))
    assert "billed for the time it works, without cold starts" in result.caveats[0]
    # By the session a cold start of 60 s comes before each: 0.06 x 20 = 1.20, about 87 images.
    started = even(
        tariff(), 3.6, kind="serverless", billing={"granularity_s": 1}, sessions=Sessions(20, 60)
    )
    assert started.images_per_month.value == pytest.approx(1.2 / 0.0138, abs=2)
    # GPU time of 0.02 an image is dearer than the API from the first image to the last.
    dear = even(tariff(), 360, kind="serverless", billing={"granularity_s": 1})
    assert dear.verdict is CheaperSide.NEVER


def test_a_reservation_is_billed_for_its_term_and_not_by_the_session():
    # 2 an hour and 876 ahead over 8,760 h are 2.10 an hour: 1,533 a month.
    term = {"term_hours": 8760, "payment": "monthly", "upfront": 876}
    kept = even(tariff(), 2.0, kind="reserved", commitment=term)
    assert kept.at(400).rent.value == pytest.approx(1533)
    assert kept.images_per_month.value == pytest.approx(1533 / 0.014)
    assert kept.caveats[0] == "acme/h100: bought for a term of 8,760 h, billed whole, used or not"
    with pytest.raises(InputError, match=r"reserved for a term of 8,760 h, .* leave sessions out"):
        even(tariff(), 2.0, kind="reserved", commitment=term, sessions=Sessions(2, 60))


def test_a_fee_can_make_renting_cheaper_at_few_images_only():
    # Serverless at 0.03 an image against 60 with 7,200 images and 0.0166667 for each further one:
    # 0.03 n is over the fee from 2,000 images on, and stays over it.
    result = even(tariff(SUBSCRIPTION), 540, kind="serverless", billing={"granularity_s": 0.2})
    assert result.verdict is CheaperSide.BETWEEN
    assert [each.becomes for each in result.crossings] == ["api"]
    assert result.crossings[0].images_per_month.value == pytest.approx(2000, abs=1)
    assert result.reason == (
        "renting is cheaper at 1 to 2,000 images a month; the API is at all others."
    )


@given(SMALL, st.integers(1, 600), st.sampled_from([-0.2, 0.0, 0.3]), st.integers(1, 8))
def test_the_month_to_switch_is_that_of_a_count_of_bills(
    row: Tariff, images: int, growth: float, months: int
):
    horizon = Horizon(images, growth, months)
    answer = month_to_switch(
        Clock(13_000), offer(0.1), row, SQUARE, horizon=horizon, utilization=1, today=PRICED_ON
    )
    curve = api_bill_curve(row, ONE, today=PRICED_ON)
    full = 730 * 3600 / 13_000
    totals = []
    for first in range(1, months + 2):
        usd = sum(float(curve.usd(volume)) for volume in horizon.volumes[: first - 1])
        for volume in horizon.volumes[first - 1 :]:
            usd += math.ceil(volume / full * (1 - 1e-9)) * 73.0
        totals.append(usd)
    assert answer.totals[answer.month].value == pytest.approx(min(totals), abs=0.005)


def test_a_horizon_bills_serverless_for_the_time_it_works():
    # 1,000 images at 0.2 s and 3.6 an hour are 0.20 USD; at the API 14.
    answer = month_to_switch(
        Clock(0.2),
        offer(3.6, kind="serverless", billing={"granularity_s": 1}),
        tariff(),
        SQUARE,
        horizon=Horizon(1000, 0.0, 3),
        utilization=1,
        today=PRICED_ON,
    )
    assert answer.month == 1
    assert answer.totals[1].value == pytest.approx(0.6)
    assert answer.totals[None].value == pytest.approx(42)


def test_an_instance_of_several_gpus_takes_off_what_they_lose_to_each_other():
    losing = fit(fleet_calibration(loss=0.1))
    gpu = losing.calibration.gpu.key

    def asked(count: int) -> BreakEven:
        rented = offer(3.6, gpu=gpu, gpu_count=count)
        return break_even(losing, rented, tariff(), SQUARE, utilization=1, today=PRICED_ON)

    alone, eight, sixteen = (asked(count).capacity_images_per_month for count in (1, 8, 16))
    efficiency = losing.replica_efficiency(SQUARE, 1, 8)
    assert efficiency.value < 0.95
    assert eight.value == pytest.approx(8 * alone.value * efficiency.value)
    assert sixteen.value == pytest.approx(16 * alone.value)
    assert any("no timing says what 16 replicas" in line for line in asked(16).caveats)
