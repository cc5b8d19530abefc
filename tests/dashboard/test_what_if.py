"""The page shows what the public door answers, whatever is asked."""

import contextlib
import datetime as dt
import functools
import io
import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import fluxcost as fc
from dashboard import programs, show
from dashboard.uploads import Own, made
from fluxcost.performance.calibration.measuring_run import Stack
from fluxcost.units import usd
from tests.synthetic import Machine, make_calibration

ROOT = Path(__file__).parents[2]
EXAMPLE = fc.load_workload(ROOT / "examples" / "ecommerce_catalog.yaml")


@pytest.fixture
def page() -> AppTest:
    return opened()


def opened(**parameters: Any) -> AppTest:
    """Open the page as an address with these query parameters does."""
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=600)
    for name, value in parameters.items():
        app.query_params[name] = value
    return settled(app)


def settled(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    return page


def asked(**fields: Any) -> fc.Plans:
    """Plan the example with other fields."""
    document = EXAMPLE.to_dict() | fields
    given = {key: value for key, value in document.items() if value is not None}
    return planned(fc.Workload.parse(given, "a test").model_dump_json())


@functools.cache
def planned(document: str) -> fc.Plans:
    return fc.plan(fc.Workload.model_validate_json(document))


def answer(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def expected(plans: fc.Plans) -> dict[str, str]:
    best = plans.best
    shown = {
        f"Total, {best.total.unit}": usd(best.total.value),
        "An image, USD": usd(best.usd_per_image.value),
        "GPUs": str(best.gpus or "none"),
    }
    if best.hours is not None:
        shown["Billed hours of each GPU"] = f"{best.hours.value:#.3g} h"
    return {label: show.plain(value) for label, value in shown.items()}


def ways(page: AppTest) -> list[tuple[str, float]]:
    """Return the options of the ranked table, each with its total."""
    table = page.dataframe[0].value
    return list(zip(table["option"], table["total"], strict=True))


def expected_ways(plans: fc.Plans) -> list[tuple[str, float]]:
    return [(plan.option, plan.total.value) for plan in plans.leaders[:15]]


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in page.markdown)


def test_it_opens_with_the_plan_of_the_example(page: AppTest):
    plans = asked()
    assert answer(page) == expected(plans)
    assert page.metric[0].delta == show.plain(
        f"90 %: {usd(plans.best.total.low)} to {usd(plans.best.total.high)}"
    )
    shown = texts(page)
    for sentence in (plans.best.why, *plans.best.caveats, *plans.best.evidence):
        assert show.plain(sentence) in shown
    assert not page.error


def test_its_tables_are_the_first_plans_and_every_rejection(page: AppTest):
    plans = asked()
    ranked, rejected = (element.value for element in page.dataframe)
    leaders = plans.leaders[:15]
    assert ways(page) == expected_ways(plans)
    assert list(ranked["total_high"]) == [plan.total.high for plan in leaders]
    assert list(ranked["priced_as_of"]) == [plan.priced_as_of for plan in leaders]
    assert rejected.to_dict("records") == [item.to_dict() for item in plans.rejected]


@pytest.mark.parametrize(
    ("kind", "key", "value", "fields"),
    [
        ("selectbox", "size", "512x512", {"shapes": [{"width": 512, "height": 512, "steps": 4}]}),
        pytest.param(
            "number_input",
            "steps",
            8,
            {"shapes": [{"width": 1024, "height": 1024, "steps": 8}]},
            marks=pytest.mark.long,
        ),
        ("number_input", "images", 5000, {"deadline": {"images": 5000, "hours": 8}}),
        pytest.param(
            "number_input",
            "hours",
            2.5,
            {"deadline": {"images": 200_000, "hours": 2.5}},
            marks=pytest.mark.long,
        ),
        ("slider", "utilization", 0.5, {"utilization": 0.5}),
        pytest.param(
            "number_input", "startup", 45.0, {"startup_minutes": 45}, marks=pytest.mark.long
        ),
        ("radio", "grade", "A", {"constraints": {"least_grade": "A"}}),
        pytest.param(
            "checkbox",
            "stale",
            False,
            {"constraints": {"allow_stale": False}},
            marks=pytest.mark.long,
        ),
        (
            "checkbox",
            "marketplace",
            True,
            {"constraints": {"allow_marketplace": True}},
        ),
        (
            "multiselect",
            "sources",
            ["interpolated"],
            {"constraints": {"allow_sources": ["interpolated"]}},
        ),
        pytest.param(
            "radio",
            "volume",
            "every month",
            {
                "deadline": None,
                "images_per_month": 200_000,
                "on_demand": {"starts_per_month": 22},
            },
            marks=pytest.mark.long,
        ),
        ("selectbox", "model", "flux2-dev", {"model": "flux2-dev"}),
    ],
)
def test_a_control_changes_the_question(
    page: AppTest, kind: str, key: str, value: Any, fields: dict[str, Any]
):
    getattr(page, kind)(key=key).set_value(value)
    by_hand, plans = settled(page), asked(**fields)
    assert answer(by_hand) == expected(plans)
    assert ways(by_hand) == expected_ways(plans) != expected_ways(asked())
    shared = opened(**{key: value if isinstance(value, list) else str(value)})
    assert ways(shared) == ways(by_hand)


def test_another_size_is_typed_in(page: AppTest):
    page.selectbox(key="size").set_value("another")
    settled(page).number_input(key="width").set_value(896)
    page.number_input(key="height").set_value(640)
    shapes = [{"width": 896, "height": 640, "steps": 4}]
    assert answer(settled(page)) == expected(asked(shapes=shapes))


def test_every_control_is_always_there_and_in_the_address(page: AppTest):
    for volume in ("by a deadline", "every month"):
        page.radio(key="volume").set_value(volume)
        settled(page)
        kinds = (page.selectbox, page.number_input, page.radio, page.slider, page.multiselect)
        controls = [control for kind in (*kinds, page.checkbox) for control in kind]
        assert len([*controls, *page.text_input]) == 18
        assert all(control.proto.query_param_key == control.key for control in controls)


def test_an_address_nobody_wrote_is_the_example():
    page = opened(hours="soon", grade="Z", utilization="7", model="none", sources="guessed")
    assert answer(page) == expected(asked())


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"size": "another", "width": "1000"},
            "width is 1000; expected a multiple of 16 pixels; use 992.",
        ),
        (
            {"hours": "9000.0"},
            "this page: deadline.hours is 9000.0; expected: less than or equal to 8760.",
        ),
        (
            {"model": "midjourney", "grade": "A"},
            "no plan for 'what if': all ",
        ),
    ],
)
def test_a_question_without_an_answer_is_one_sentence(parameters: dict[str, str], sentence: str):
    page = opened(**parameters)
    assert len(page.error) == 1
    assert page.error[0].value.startswith(show.plain(sentence))
    assert not page.metric
    assert len(page.number_input) > 3


def test_the_program_makes_the_same_plans():
    today = dt.date(2026, 11, 23)
    printed = io.StringIO()
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(printed):
        exec(programs.plan(EXAMPLE, today, Own()), names)  # noqa: S102 - the page wrote it
    plans = fc.plan(EXAMPLE, today=today)
    assert json.dumps(names["plans"].to_dict()) == json.dumps(plans.to_dict())
    assert printed.getvalue().splitlines()[1] == plans.best.why


def test_spot_takes_the_rate_at_which_it_is_taken_back(page: AppTest):
    assert page.number_input(key="interruptions").disabled
    page.checkbox(key="spot").set_value(True)
    settled(page).number_input(key="interruptions").set_value(0.2)
    plans = asked(constraints={"spot_interruptions_per_hour": 0.2})
    assert answer(settled(page)) == expected(plans)
    assert ways(page) == expected_ways(plans)
    assert any("spot" in option for option, _ in ways(page))


def test_regions_leave_out_what_is_elsewhere(page: AppTest):
    page.text_input(key="regions").set_value("us-east, eu")
    plans = asked(constraints={"allow_regions": ["us-east", "eu"]})
    assert ways(settled(page)) == expected_ways(plans)
    assert 0 < len(plans.leaders) < len(asked().leaders)


def test_a_plan_that_only_an_upload_times_says_so(tmp_path: Path):
    machine = Machine(
        text_launch_s=0.01,
        step_launch_s=0.01,
        step_s_per_kilotoken=0.0075,
        attention_s_per_square=0.5e-9,
        vae_s_per_megapixel=0.03,
    )
    mine = make_calibration(machine, stack=Stack(alias="mine", settings={"dtype": "bfloat16"}))
    mine.save(tmp_path / "mine.json")
    page = opened()
    assert "Your calibration only" not in texts(page)
    upload = made("mine.json", (tmp_path / "mine.json").read_bytes())
    page.session_state["own calibrations"] = (upload,)
    settled(page)
    assert mine.alias == "h100-sxm/flux2-klein-4b/mine"
    assert "Your calibration only" in texts(page)
    told = show.plain(f"Nothing that ships times {mine.alias}")
    assert any(told in caption.value for caption in page.caption)
