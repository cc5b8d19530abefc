"""Break-even volumes worked by hand, and both bills recomputed at every volume found."""

import datetime as dt
import json
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fluxcost.economics.break_even.break_even import ONE_VOLUME, BreakEven, CheaperSide, break_even
from fluxcost.economics.break_even.volumes import Sessions
from fluxcost.economics.offers import Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import Source
from tests.economics.oracles import month_usd, session_usd
from tests.economics.stand_in import PRICED_ON, SQUARE, TODAY, Clock, offer, tariff

STEPS = st.sampled_from([1, 60, 3600])


def api(usd: float) -> Tariff:
    return tariff({"shape": "flat", "usd": usd})


def rented_usd(rented: Offer, sessions: Sessions, image_s: float, images: float) -> float:
    running_s = images / sessions.per_month * image_s
    return sessions.per_month * session_usd(
        rented, running_s=running_s, startup_s=sessions.startup_s
    )


def test_a_month_of_rent_over_the_price_of_an_image():
    # 730 h x 3.99 = 2,912.70 USD; at 0.014 an image that is 208,050 images.
    result = break_even(Clock(), offer(3.99), api(0.014), SQUARE, utilization=0.6, today=TODAY)
    assert result.verdict is CheaperSide.ABOVE
    assert result.images_per_month.value == pytest.approx(208_050)
    assert result.capacity_images_per_month.value == pytest.approx(730 * 3600 * 2 * 0.6)
    assert result.probability == 1


def test_the_article_s_thousand_images_a_month_do_not_repay_a_month_of_rent():
    # Even at its own prices: 730 h x 2.49 over 0.04 is 45,442 images.
    result = break_even(Clock(), offer(2.49), api(0.04), SQUARE, utilization=1)
    assert result.images_per_month.value == pytest.approx(45_442.5)


@given(
    st.floats(0.1, 20),
    st.floats(0.0005, 0.5),
    st.floats(0.05, 20),
    st.floats(0.1, 1),
    st.sampled_from([1, 8]),
)
def test_around_the_clock_both_bills_agree_to_the_cent(
    usd: float, per_image: float, image_s: float, used: float, gpus: int
):
    rented = offer(usd, gpu_count=gpus)
    result = break_even(Clock(image_s), rented, api(per_image), SQUARE, utilization=used)
    volume, capacity = month_usd(rented) / per_image, result.capacity_images_per_month.value
    assert (result.verdict is CheaperSide.NEVER) == (volume > capacity)
    if result.verdict is not CheaperSide.NEVER:
        found = result.images_per_month.value
        assert month_usd(rented) == pytest.approx(found * per_image, abs=0.005)


@given(
    usd=st.floats(0.5, 20),
    per_image=st.floats(0.0005, 0.1),
    image_s=st.floats(0.05, 5),
    step_s=STEPS,
    minimum_s=st.sampled_from([None, 60, 3600]),
    startup_s=st.floats(0, 900),
    per_month=st.integers(1, 60),
)
def test_by_the_session_both_bills_agree_to_the_cent_and_renting_wins_beyond(
    usd: float,
    per_image: float,
    image_s: float,
    step_s: int,
    minimum_s: int | None,
    startup_s: float,
    per_month: int,
):
    rented = offer(usd, billing={"granularity_s": step_s, "minimum_s": minimum_s})
    sessions = Sessions(per_month, startup_s)
    result = break_even(
        Clock(image_s),
        rented,
        api(per_image),
        SQUARE,
        utilization=1,
        sessions=sessions,
        today=PRICED_ON,
    )
    if result.verdict not in ONE_VOLUME:
        assert result.probability == 0
        return
    volume = result.images_per_month.value
    bill = rented_usd(rented, sessions, image_s, volume)
    assert bill == pytest.approx(volume * per_image, abs=0.005)
    for more in (1.001, 1.1, 1.9, 7.3):
        images = volume * more
        # A lead of the API of less than an image of each session holds at no whole image.
        bought = (images + per_month) * per_image
        assert rented_usd(rented, sessions, image_s, images) <= bought * (1 + 1e-6)


@given(usd=st.floats(0.5, 20), margin=st.floats(1.05, 3), image_s=st.floats(0.1, 2), step_s=STEPS)
def test_below_the_last_crossing_the_api_still_wins(
    usd: float, margin: float, image_s: float, step_s: int
):
    per_image = usd / 3600 * image_s * margin
    rented = offer(usd, billing={"granularity_s": step_s})
    sessions = Sessions(1, 120)
    result = break_even(
        Clock(image_s), rented, api(per_image), SQUARE, utilization=1, sessions=sessions
    )
    assume(result.verdict in ONE_VOLUME)
    below = result.images_per_month.value * (1 - 1e-6)
    # Teeth of the billing step under half a cent do not count as a crossing.
    assert rented_usd(rented, sessions, image_s, below) > below * per_image - 0.005


def test_one_session_worked_by_hand():
    # 3.60 an hour is 0.001 a second; 100 s of start-up, then 0.5 s and 0.0005 USD of it per image.
    # The API takes 0.0015: 0.001 more, so about 100 images repay the start-up: 150 s, 0.15 USD.
    rented = offer(3.6, billing={"granularity_s": 1})
    result = break_even(
        Clock(), rented, api(0.0015), SQUARE, utilization=1, sessions=Sessions(1, 100)
    )
    assert result.images_per_month.value == pytest.approx(100, abs=1)


def test_four_sessions_need_four_times_the_images_of_one():
    rented = offer(3.6, billing={"granularity_s": 60})
    volumes = [
        break_even(
            Clock(), rented, api(0.0015), SQUARE, utilization=1, sessions=Sessions(count, 100)
        ).images_per_month.value
        for count in (1, 4)
    ]
    assert volumes[1] == pytest.approx(4 * volumes[0])


def never(sessions: Sessions | None = None) -> BreakEven:
    return break_even(
        Clock(), offer(3.6), api(0.0004), SQUARE, utilization=0.6, sessions=sessions, today=TODAY
    )


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (never(), "would meet at 6,570,000 images a month and one instance makes at most 3,153,6"),
        (never(sessions=Sessions(30, 60)), "GPU time alone costs more per image than the API's"),
    ],
)
def test_never_is_a_verdict_with_a_reason(result: BreakEven, reason: str):
    assert result.verdict is CheaperSide.NEVER
    assert reason in result.reason
    assert result.probability == 0
    with pytest.raises(InfeasibleError, match="there is no break-even volume"):
        _ = result.images_per_month
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["verdict"] == "never"
    assert "images_per_month" not in plain


def test_renting_can_win_from_the_first_image():
    rented = offer(0.36, billing={"granularity_s": 1})
    result = break_even(
        Clock(), rented, api(0.04), SQUARE, utilization=0.5, sessions=Sessions(30, 2)
    )
    assert result.verdict is CheaperSide.ALWAYS
    assert result.images_per_month.value <= 30


def test_an_uncertain_timing_makes_an_uncertain_verdict():
    # At 60 % the GPU makes 3,153,600 images; a month of rent buys 3,128,571 at this price.
    close = break_even(
        Clock(sigma=0.05), offer(3.6), api(0.00084), SQUARE, utilization=0.6, today=TODAY
    )
    assert close.verdict is CheaperSide.ABOVE
    assert 0.5 < close.probability < 0.7
    assert close.images_per_month.high <= close.capacity_images_per_month.high
    assert math.isfinite(close.images_per_month.high)


def test_the_weakest_source_and_all_evidence_travel():
    result = break_even(
        Clock(),
        offer(),
        tariff(grade="C"),
        SQUARE,
        utilization=0.6,
        sessions=Sessions(1, 60),
        today=TODAY,
    )
    volume = result.images_per_month
    assert volume.source is Source.ASSUMED
    assert [line.split(":")[0] for line in volume.evidence[:2]] == [
        "offer acme/h100",
        "tariff acme/images",
    ]
    assert any("grade C" in line for line in result.caveats)
    assert json.loads(json.dumps(result.to_dict()))["sessions"] == {
        "per_month": 1,
        "startup_s": 60,
    }


def test_pictures_of_another_model_are_pointed_out():
    other = tariff(model="dall-e-3")
    result = break_even(Clock(), offer(), other, SQUARE, utilization=1, today=TODAY)
    assert result.caveats[0] == "acme/images: pictures of dall-e-3, compared with flux2-klein-4b"


@pytest.mark.parametrize(
    ("per_month", "startup_s", "reason"),
    [
        (0, 60, "per_month is 0; expected 1 to 100000 sessions"),
        (True, 60, "per_month is True"),
        (1, -1, "startup_s is -1; expected seconds within a month"),
        (1, float("nan"), "startup_s is nan"),
    ],
)
def test_impossible_sessions_are_refused(per_month: int, startup_s: float, reason: str):
    with pytest.raises(InputError, match=reason):
        Sessions(per_month, startup_s)


def test_start_up_must_leave_time_to_work():
    with pytest.raises(InputError, match="start-up alone fills the month; start less often"):
        never(sessions=Sessions(10_000, 300))


@pytest.mark.parametrize("sessions", [None, Sessions(30, 300)])
def test_the_verdict_s_interval_holds_where_renting_wins_in_the_worlds_drawn(
    sessions: Sessions | None,
):
    # Months old, the prices may have moved; an hour begun is billed whole.
    rented = offer(3.99, as_of=TODAY - dt.timedelta(60), billing={"granularity_s": 3600})
    bought = tariff({"shape": "flat", "usd": 0.0012}, as_of=TODAY - dt.timedelta(90))
    result = break_even(
        Clock(0.25, 0.05), rented, bought, SQUARE, utilization=0.6, sessions=sessions, today=TODAY
    )
    volume = result.images_per_month
    assert f"({volume.low:,.0f} to {volume.high:,.0f})" in result.reason
    assert [crossing.images_per_month for crossing in result.crossings] == [volume]
    # Beyond the high end renting stays ahead in 95 of 100 draws, below the low end in 5.
    assert result.at(math.ceil(volume.high)).probability >= 0.945
    assert result.at(math.floor(volume.low)).probability <= 0.055
