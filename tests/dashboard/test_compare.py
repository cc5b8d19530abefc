"""The compare page shows what compare answers."""

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import fluxcost as fc
from dashboard import answers, programs, show
from dashboard.uploads import Own, made
from tests.dashboard.opened import numbers, opened, sentence, settled, shown, texts


def workload(**fields: Any) -> fc.Workload:
    base = {
        "name": "compare",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
        "deadline": {"images": 200_000, "hours": 8},
        "utilization": 0.9,
        "startup_minutes": 10,
    }
    given = {key: value for key, value in (base | fields).items() if value is not None}
    return fc.Workload.parse(given, "a test")


def matches(page: AppTest, found: fc.Comparison) -> bool:
    best, everyone = (element.value for element in page.dataframe)
    assert list(everyone["option"]) == [each.plan.option for each in found.alternatives]
    assert list(everyone["usd_per_image"]) == [
        each.plan.usd_per_image.value for each in found.alternatives
    ]
    assert list(best["option"]) == [each.plan.option for each in found.front]
    assert numbers(page)["Cheapest, USD an image"] == shown(
        found.alternatives[0].plan.usd_per_image
    )
    return True


@pytest.fixture
def page() -> AppTest:
    return opened("compare")


def test_it_opens_with_the_ways_of_the_example(page: AppTest):
    found = fc.compare(workload())
    assert matches(page, found)
    quickest = found.front[-1].plan.latency
    assert quickest is not None
    assert numbers(page)["Quickest unbeaten, a call"] == shown(quickest)
    for line in found.alternatives[0].plan.evidence:
        assert show.plain(line) in texts(page)


@pytest.mark.parametrize(
    ("kind", "key", "value", "fields"),
    [
        pytest.param(
            "selectbox",
            "size",
            "512x512",
            {"shapes": [{"width": 512, "height": 512, "steps": 4}]},
            marks=pytest.mark.long,
        ),
        ("number_input", "images", 9000, {"deadline": {"images": 9000, "hours": 8}}),
        ("slider", "utilization", 0.5, {"utilization": 0.5}),
        ("radio", "grade", "A", {"constraints": {"least_grade": "A"}}),
        pytest.param(
            "checkbox",
            "stale",
            False,
            {"constraints": {"allow_stale": False}},
            marks=pytest.mark.long,
        ),
        (
            "radio",
            "volume",
            "every month",
            {
                "deadline": None,
                "images_per_month": 200_000,
                "on_demand": {"starts_per_month": 22},
            },
        ),
    ],
)
def test_a_control_changes_the_question(
    page: AppTest, kind: str, key: str, value: Any, fields: dict[str, Any]
):
    getattr(page, kind)(key=key).set_value(value)
    assert matches(settled(page), fc.compare(workload(**fields)))


def test_models_stand_side_by_side(page: AppTest):
    page.multiselect(key="models").set_value(["flux2-klein-4b", "flux2-dev"])
    found = fc.compare([workload(), workload(model="flux2-dev")])
    assert matches(settled(page), found)
    assert {each.model for each in found.alternatives} == {"flux2-klein-4b", "flux2-dev"}


def by_steps(*counts: int, grade: str) -> list[fc.Workload]:
    side = {"width": 1024, "height": 1024}
    constraints = {"least_grade": grade}
    return [workload(shapes=[side | {"steps": steps}], constraints=constraints) for steps in counts]


def test_pictures_compare_by_a_record_at_every_step_count_it_judges():
    page = opened("compare", grade="A")  # few offers, so that few plans are made
    page.selectbox(key="metric").set_value("clip_by_steps")
    found = fc.compare(by_steps(4, 2, 8, 12, grade="A"), metric="clip_by_steps")
    assert matches(settled(page), found)
    assert {each.steps for each in found.front} == {2, 4}
    everyone = page.dataframe[1].value
    told = [each.quality.value for each in found.alternatives if each.quality is not None]
    assert list(everyone["quality"].dropna()) == told


def test_a_record_of_one_s_own_is_a_further_metric():
    record = Path(__file__).parents[2] / "examples" / "quality" / "flux2-klein-4b.yaml"
    page = opened("compare")
    assert "accepted" not in page.selectbox(key="metric").options
    page.session_state["own qualities"] = (made(record.name, record.read_bytes()),)
    settled(page).selectbox(key="metric").set_value("accepted")
    records = [*fc.shipped_qualities(), fc.load_quality(record)]
    assert matches(settled(page), fc.compare(workload(), metric="accepted", qualities=records))
    assert "qualities = [*fc.shipped_qualities()" in page.code[0].value


def test_no_model_is_one_sentence(page: AppTest):
    page.multiselect(key="models").set_value([])
    assert sentence(settled(page)).startswith("no model is chosen")


def test_the_program_gives_the_same_answer():
    today = answers.today()
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(programs.compare([workload()], None, today, Own()), names)  # noqa: S102 - the page wrote it
    assert names["answer"].to_dict() == fc.compare(workload(), today=today).to_dict()
