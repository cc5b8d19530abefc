"""The whole break-even curve against a walk over volumes; the month to switch against a count."""

import datetime as dt
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.economics.break_even.break_even import CheaperSide, break_even
from fluxcost.economics.break_even.volumes import Sessions, rent_of_fleet
from fluxcost.economics.horizon import Horizon, month_to_switch
from fluxcost.errors import InfeasibleError, InputError
from tests.economics.oracles import month_usd, session_usd
from tests.economics.stand_in import PRICED_ON, SQUARE, TODAY, Clock, offer, tariff

FULL = 730 * 3600 / 0.5
"""Images of one GPU in a month at full use: 5,256,000."""


def flat(usd):
    return tariff({"shape": "flat", "usd": usd})


def volumes(result):
    return [(item.becomes, item.images_per_month.value) for item in result.crossings]


def asked(usd_per_image, *, usd=3.6, sigma=0.0, used=1.0, today=PRICED_ON, **fields):
    sessions = fields.pop("sessions", None)
    return break_even(
        Clock(sigma=sigma),
        offer(usd, **fields),
        flat(usd_per_image),
        SQUARE,
        utilization=used,
        sessions=sessions,
        today=today,
    )


def test_three_crossings_worked_by_hand():
    # A month is 2,628 USD and 5,256,000 images: 0.0005 each when full. At 0.0007 the API's bill
    # meets one GPU's at 3,754,286 images; a second GPU begins at 5,256,000 (7,3584 > 5,256 > 3,679)
    # and is met at 7,508,571; a third at 10,512,000 (7,884 > 7,358), met at 11,262,857; at
    # 15,768,000 four GPUs cost 10,512 and the API 11,037.60: from there renting stays ahead.
    result = asked(0.0007)
    assert result.verdict is CheaperSide.ABOVE
    assert volumes(result) == [
        ("rent", pytest.approx(2628 / 0.0007)),
        ("api", pytest.approx(FULL)),
        ("rent", pytest.approx(2 * 2628 / 0.0007)),
        ("api", pytest.approx(2 * FULL)),
        ("rent", pytest.approx(3 * 2628 / 0.0007)),
    ]
    assert result.reason == (
        "renting is cheaper at 3,754,286 to 5,256,000, 7,508,571 to 10,512,000 images a month, and "
        "from 11,262,857 on; between, another step of rent has begun and the API is cheaper."
    )
    assert result.images_per_month.value == result.crossings[0].images_per_month.value


@given(st.floats(0.00051, 0.01), st.floats(0.3, 1), st.sampled_from([1, 8]))
def test_always_on_the_curve_is_that_of_a_walk_over_volumes(usd_per_image, used, gpus):
    rented = offer(3.6, gpu_count=gpus)
    result = break_even(
        Clock(), rented, flat(usd_per_image), SQUARE, utilization=used, today=PRICED_ON
    )
    if result.verdict is not CheaperSide.ABOVE:
        assert result.crossings == ()
        return
    full = FULL * used * gpus
    changes = volumes(result)
    assert [side for side, _ in changes] == ["rent", "api"] * (len(changes) // 2) + ["rent"]
    checked = {volume * factor for _, volume in changes for factor in (0.999, 1.001)}
    for volume in sorted(checked | {full * share for share in (0.3, 0.9, 1.3, 2.7)}):
        passed = [side for side, at in changes if at <= volume]
        rent = math.ceil(volume / full * (1 - 1e-9)) * month_usd(rented)
        cheaper = passed[-1] if passed else "api"
        margin = rent - volume * usd_per_image
        if abs(margin) > 1e-6 * rent:
            assert cheaper == ("rent" if margin < 0 else "api"), volume


@given(
    st.floats(0.00052, 0.005),
    st.sampled_from([60, 600, 3600]),
    st.sampled_from([None, 600, 4000]),
    st.floats(0, 900),
    st.integers(1, 40),
)
def test_by_the_session_the_curve_is_that_of_a_walk(each, step_s, minimum_s, startup_s, count):
    billing = {"granularity_s": step_s, "minimum_s": minimum_s}
    sessions = Sessions(count, startup_s)
    result = asked(each, billing=billing, sessions=sessions)
    rented = offer(3.6, billing=billing)
    changes = volumes(result)
    for _, at in changes:
        for volume in (at - 1.001 * count, at + 1.001 * count):
            # A change shorter than an image of each session is none, so keep clear of the edges.
            near = min(abs(volume - other) for _, other in changes)
            if volume < count or near < 1.0005 * count:
                continue
            passed = [side for side, other in changes if other <= volume]
            bill = count * session_usd(rented, running_s=volume / count * 0.5, startup_s=startup_s)
            cheaper = passed[-1] if passed else "api"
            margin = bill - volume * each
            if abs(margin) > 1e-6 * bill + each * count:
                assert cheaper == ("rent" if margin < 0 else "api"), volume


def test_one_crossing_reads_as_one():
    result = asked(0.014)
    assert len(result.crossings) == 1
    assert result.reason == (
        "renting is cheaper from 187,714 images a month on (187,714 to 187,714), the API below."
    )


def test_a_stretch_that_the_month_ends_is_no_single_volume():
    # One session a month, billed in steps of 10 h at 36 USD, of which 100 h are start-up: 630 h
    # of work are 4,536,000 images. At 0.00058 an image the API's bill meets 73 steps, 2,628 USD, at
    # 4,531,034 images, a moment before the month is over, and would fall behind once more after it.
    sessions = Sessions(1, 360_000)
    result = asked(0.00058, billing={"granularity_s": 36_000}, sessions=sessions)
    assert result.verdict is CheaperSide.BETWEEN
    assert volumes(result) == [("rent", pytest.approx(2628 / 0.00058))]
    assert result.reason == (
        "renting is cheaper at 4,531,034 to 4,536,000 images a month; the API is at all others."
    )
    with pytest.raises(InfeasibleError, match="there is no break-even volume: renting is cheaper"):
        _ = result.images_per_month
    assert "images_per_month" not in result.to_dict()


def test_where_both_cost_the_same_no_volume_is_named_as_the_last():
    result = asked(0.0005001)
    assert len(result.crossings) == 1001
    assert result.reason == (
        "from 5,254,949 images a month on both cost the same to within one step of rent; which is "
        "cheaper changes with every step."
    )


def test_no_crossing_is_none():
    assert asked(0.0004).crossings == ()
    assert asked(0.0004).verdict is CheaperSide.NEVER


def test_each_crossing_has_its_interval():
    # Where bills meet rests on the prices, where a GPU is full on the timing.
    result = asked(0.0007, sigma=0.05, today=PRICED_ON + dt.timedelta(300))
    meets, fills = (item.images_per_month for item in result.crossings[:2])
    assert meets.low < meets.value < meets.high
    assert fills.draws == pytest.approx(730 * 3600 * Clock(sigma=0.05).throughput(SQUARE).draws)


@pytest.mark.parametrize(("each", "used"), [(0.001, 0.5), (0.0005, 1.0), (0.00025, 2.0)])
def test_required_utilization(each, used):
    # At full use an image costs 0.0005; at 0.001 half of it is enough, at 0.00025 nothing is.
    assert asked(each, used=0.6).required_utilization.value == pytest.approx(used)


def test_a_point_on_the_curve():
    point = asked(0.0007, sigma=0.05, today=TODAY).at(6_000_000)
    assert point.instances.value == 2
    assert point.rent.value == pytest.approx(5256)
    assert point.api.value == pytest.approx(4200)
    assert 0 <= point.probability < 0.3
    assert (point.cheaper, point.saved.value) == ("api", pytest.approx(1056))
    assert point.saved.draws == pytest.approx(point.rent.draws - point.api.draws)
    sure = asked(0.0007).at(4_000_000)
    assert sure.probability == 1
    assert (sure.cheaper, sure.saved.value) == ("rent", pytest.approx(172))
    with pytest.raises(InputError, match="images is 0"):
        asked(0.0007).at(0)


def test_a_fleet_is_rented_in_whole_instances_all_month():
    # 9 GPUs are two instances of 8 at 3.6 USD a GPU-hour.
    assert rent_of_fleet(offer(3.6, gpu_count=8), 9).value == pytest.approx(16 * 730 * 3.6)
    with pytest.raises(InputError, match="gpus is 0"):
        rent_of_fleet(offer(3.6), 0)


def test_a_point_by_the_session_is_the_session_s_bill_so_often():
    # 4 sessions of 60 s start-up and 1,000 images at half a second: 560 s each, at 3.6 USD an hour.
    result = asked(0.002, sessions=Sessions(4, 60), billing={"granularity_s": 1})
    point = result.at(4000)
    assert point.instances.value == 1
    assert point.rent.value == pytest.approx(4 * 560 / 3600 * 3.6)
    assert point.api.value == pytest.approx(8)
    with pytest.raises(InfeasibleError, match="one instance makes at most 5,255,520 a month"):
        result.at(6_000_000)


def test_a_curve_changes_sides_at_the_crossings():
    result = asked(0.0007)
    curve = result.curve(9_000_000)
    assert curve[0].images == 1
    assert curve[-1].images == 9_000_000
    cheaper = ["rent" if each.rent.value < each.api.value else "api" for each in curve]
    changes = [
        (cheaper[at], curve[at].images)
        for at in range(1, len(curve))
        if cheaper[at - 1] != cheaper[at]
    ]
    inside = [each for each in volumes(result) if each[1] < 9_000_000]
    assert [side for side, _ in changes] == [side for side, _ in inside]
    assert [at for _, at in changes] == pytest.approx([at for _, at in inside], abs=9_000_000 / 99)


def test_a_curve_jumps_where_another_instance_begins():
    counts = {each.images: each.instances.value for each in asked(0.0007).curve(9_000_000)}
    assert (counts[5_256_000], counts[5_256_001]) == (1, 2)


def test_a_curve_shows_its_first_crossing_in_the_middle():
    assert asked(0.0007).curve()[-1].images == 2 * 3_754_286
    by_session = asked(0.002, sessions=Sessions(4, 60)).curve(10**9)
    assert by_session[-1].images == 5_255_520
    assert asked(0.0004).curve()[-1].images == 5_256_000
    with pytest.raises(InputError, match="points is 1; expected at least 2"):
        asked(0.0007).curve(points=1)


def test_all_of_it_comes_out_as_plain_values():
    plain = json.loads(json.dumps(asked(0.0007).to_dict()))
    assert [item["becomes"] for item in plain["crossings"]] == [
        "rent",
        "api",
        "rent",
        "api",
        "rent",
    ]
    assert plain["required_utilization"]["value"] == pytest.approx(5 / 7)


@given(st.floats(0.0006, 0.05), st.floats(0.2, 5))
def test_a_cheaper_offer_breaks_even_no_later(each, less):
    dear, cheap = asked(each), asked(each, usd=3.6 * less / 5)
    if dear.verdict is CheaperSide.ABOVE:
        assert cheap.images_per_month.value <= dear.images_per_month.value * (1 + 1e-9)


def switched(each, images, growth, months, *, sigma=0.0, today=PRICED_ON, **fields):
    return month_to_switch(
        Clock(sigma=sigma),
        offer(3.6, **fields),
        flat(each),
        SQUARE,
        horizon=Horizon(images, growth, months),
        utilization=1.0,
        today=today,
    )


def test_the_month_to_switch_worked_by_hand():
    # One GPU is 2,628 a month, the API 0.014: even at 187,714 images. From 100,000 growing by 20 %
    # the months hold 100,000, 120,000, 144,000, 172,800, 207,360, 248,832: switch in the fifth.
    answer = switched(0.014, 100_000, 0.2, 6)
    assert answer.month == 5
    saved = 0.014 * (207_360 + 248_832) - 2 * 2628
    assert answer.saved.value == pytest.approx(saved)
    assert answer.sentence == (
        "Rent from month 5, at 207,360 images a month: over 6 months it costs $1,130.69 less than "
        "staying with the API, and no more in 100 % of the draws, with assumed inputs."
    )


def test_a_commitment_moves_the_switch():
    # A term of 3 months is paid whole: from month 5 two of its months are used, from 4 all three.
    term = {"commitment": {"term_hours": 2190, "payment": "monthly"}, "kind": "reserved"}
    answer = switched(0.014, 100_000, 0.2, 6, **term)
    assert answer.month == 4
    by_hand = 0.014 * (100_000 + 120_000 + 144_000) + 3 * 2628
    assert answer.totals[4].value == pytest.approx(by_hand)
    assert answer.totals[5].value == pytest.approx(by_hand + 0.014 * 172_800)
    dear = {"term_hours": 2190, "payment": "monthly", "upfront": 500}
    with_upfront = switched(0.014, 100_000, 0.2, 6, commitment=dear, kind="reserved")
    assert with_upfront.totals[4].value == pytest.approx(by_hand + 500)


def test_staying_is_an_answer():
    answer = switched(0.014, 1000, 0.05, 24)
    assert answer.month is None
    assert answer.saved.value == 0
    assert answer.month_shares == {None: 1.0}
    assert answer.sentence.startswith("Stay with the API: within 24 months")


@given(
    st.floats(0.0006, 0.03),
    st.integers(1, 20_000_000),
    st.floats(-0.3, 0.6),
    st.integers(1, 12),
    st.sampled_from([None, 730, 2190]),
)
def test_the_best_month_is_that_of_a_count(each, images, growth, months, hours):
    kept = {} if hours is None else {"term_hours": hours, "payment": "upfront"}
    fields = {"kind": "reserved", "commitment": kept} if kept else {}
    answer = switched(each, images, growth, months, **fields)
    term = (hours or 730) // 730
    totals = []
    for first in range(1, months + 2):
        usd, month = 0.0, 1
        while month <= months:
            if month < first:
                usd, month = usd + each * images * (1 + growth) ** (month - 1), month + 1
                continue
            covered = range(month, min(month + term, months + 1))
            peak = max(images * (1 + growth) ** (m - 1) for m in covered)
            usd += math.ceil(peak / FULL * (1 - 1e-9)) * 2628 * term
            month += term
        totals.append(usd)
    chosen = months + 1 if answer.month is None else answer.month
    assert totals[chosen - 1] == pytest.approx(min(totals))
    assert answer.totals[answer.month].value == pytest.approx(min(totals))


def test_an_uncertain_price_makes_an_uncertain_month():
    answer = switched(0.014, 100_000, 0.2, 6, sigma=0.05, today=TODAY)
    assert sum(answer.month_shares.values()) == pytest.approx(1)
    assert len(answer.month_shares) > 1
    plain = json.loads(json.dumps(answer.to_dict()))
    assert plain["totals"]["stay"]["unit"] == "USD"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((0, 0.1, 6), "images_per_month is 0"),
        ((10, -1, 6), "monthly_growth is -1"),
        ((10, 0.1, 0), "months is 0; expected a whole number from 1 to 120"),
        ((10**400, 0.1, 6), "images_per_month is 10+; expected a whole number from 1 to 1,000,0"),
    ],
)
def test_a_horizon_that_cannot_be_is_refused(fields, reason):
    with pytest.raises(InputError, match=reason):
        switched(0.014, *fields)
