"""The break-even page shows what break_even answers."""

import contextlib
import io
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import fluxcost as fc
from dashboard import answers, programs, show
from dashboard.uploads import Own
from tests.dashboard.opened import numbers, opened, sentence, settled, shown, texts

COMPILED = "h100-sxm/flux2-klein-4b/compiled-bf16"
EAGER = "h200-sxm/flux2-klein-4b/eager-bf16"
CATALOG = fc.load_catalog()
OFFER, TARIFF = "runpod/h100-sxm-secure", "cloudflare/flux-2-klein-4b"


def asked(**fields: Any) -> answers.Renting:
    base: dict[str, Any] = {
        "calibration": COMPILED,
        "offer": OFFER,
        "tariff": TARIFF,
        "shape": fc.Shape(1024, 1024, 4),
        "batch": 4,
        "utilization": 0.6,
        "sessions": None,
    }
    return answers.Renting(**(base | fields))


def answered(question: answers.Renting) -> fc.BreakEven:
    return fc.break_even(
        fc.fit(fc.load_calibration(question.calibration)),
        CATALOG.offer(question.offer),
        CATALOG.tariff(question.tariff),
        question.shape,
        batch=question.batch,
        utilization=question.utilization,
        sessions=question.sessions,
        today=answers.today(),
    )


def expected(result: fc.BreakEven, images: int = 1_000_000) -> dict[str, str]:
    month = result.at(images)
    return {
        "Cheaper at your volume": "rented GPUs" if month.cheaper == "rent" else "API",
        "Rent, USD a month": shown(month.rent),
        "API, USD a month": shown(month.api),
        "Saved, USD a month": shown(month.saved),
        "API, USD an image": shown(result.tariff_usd_per_image),
        "One instance makes a month": shown(result.capacity_images_per_month),
        "Utilization at which GPU time costs as much": shown(result.required_utilization),
    }


@pytest.fixture
def page() -> AppTest:
    return opened("break_even", offer=OFFER, tariff=TARIFF)


def test_it_opens_with_an_answer():
    first = opened("break_even")
    assert not first.error
    assert len(numbers(first)) == 7


def test_its_numbers_and_sentences_are_the_answer_s(page: AppTest):
    result = answered(asked())
    assert numbers(page) == expected(result)
    said = texts(page)
    for line in (result.reason, *result.caveats, *result.capacity_images_per_month.evidence):
        assert show.plain(line) in said
    crossings = page.dataframe[0].value
    assert list(crossings["from"]) == [
        round(each.images_per_month.value) for each in result.crossings
    ]


@pytest.mark.parametrize(
    ("kind", "key", "value", "fields"),
    [
        ("selectbox", "tariff", "fal/flux-2-klein-4b", {"tariff": "fal/flux-2-klein-4b"}),
        ("selectbox", "offer", "nebius/h100-sxm", {"offer": "nebius/h100-sxm"}),
        ("selectbox", "size", "512x512", {"shape": fc.Shape(512, 512, 4)}),
        ("number_input", "batch", 1, {"batch": 1}),
        ("slider", "utilization", 0.9, {"utilization": 0.9}),
        ("radio", "rented", "while there is work", {"sessions": fc.Sessions(22, 600.0)}),
    ],
)
def test_a_control_changes_the_question(
    page: AppTest, kind: str, key: str, value: Any, fields: dict[str, Any]
):
    getattr(page, kind)(key=key).set_value(value)
    by_hand = numbers(settled(page))
    assert by_hand == expected(answered(asked(**fields)))
    parameters = {"offer": OFFER, "tariff": TARIFF} | {key: str(value)}
    assert numbers(opened("break_even", **parameters)) == by_hand


def test_other_timings_bring_their_own_offers(page: AppTest):
    page.selectbox(key="calibration").set_value(EAGER)
    settled(page)
    offer = str(page.selectbox(key="offer").value)
    assert CATALOG.offer(offer).gpu == "h200-sxm"
    result = answered(asked(calibration=EAGER, offer=offer))
    assert numbers(page) == expected(result)


def test_what_may_be_interrupted_is_not_offered(page: AppTest):
    kept, spot = (
        {each.id for each in CATALOG.plannable_offers("h100-sxm") if each.is_interruptible == taken}
        for taken in (False, True)
    )
    assert spot
    assert set(page.selectbox(key="offer").options) == kept


def test_sessions_have_their_starts_and_a_volume_they_cannot_make_is_one_sentence(page: AppTest):
    page.radio(key="rented").set_value("while there is work")
    settled(page).number_input(key="starts").set_value(4)
    page.number_input(key="startup").set_value(30.0)
    page.number_input(key="monthly").set_value(50_000_000)
    assert "one instance makes at most" in sentence(settled(page))
    page.number_input(key="monthly").set_value(10_000)
    result = answered(asked(sessions=fc.Sessions(4, 1800.0)))
    assert numbers(settled(page)) == expected(result, 10_000)


def test_an_api_that_does_not_make_the_shape_is_one_sentence(page: AppTest):
    page.number_input(key="steps").set_value(8)
    assert sentence(settled(page)) == show.plain(
        f"steps is 8; tariff {TARIFF} always runs 4; use 4 or another tariff."
    )
    page.number_input(key="steps").set_value(4)
    page.selectbox(key="size").set_value("another")
    settled(page).number_input(key="width").set_value(1000)
    assert sentence(settled(page)) == show.plain(
        "width is 1000; expected a multiple of 16 pixels; use 992."
    )


@pytest.mark.parametrize("sessions", [None, fc.Sessions(22, 600.0)])
def test_the_program_gives_the_same_answer(sessions: fc.Sessions | None):
    question = asked(sessions=sessions)
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(programs.break_even(vars(question), 900_000, answers.today(), Own()), names)  # noqa: S102 - the page wrote it
    assert names["answer"].to_dict() == answered(question).to_dict()
    assert printed.getvalue().startswith(answered(question).reason)
