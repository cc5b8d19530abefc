"""The calibration page shows the record, the fit, its errors and its floors."""

import contextlib
import io
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import fluxcost as fc
from dashboard import programs, show
from dashboard.uploads import Own
from fluxcost.units import percent
from tests.dashboard.opened import numbers, opened, settled, shown, texts

COMPILED = "h100-sxm/flux2-klein-4b/compiled-bf16"
H200 = "h200-sxm/flux2-klein-4b/compiled-bf16"
TABLE = "published/h100-sxm/flux2-klein-4b/diffusers-bf16"


def expected(name: str, shape: fc.Shape, batch: int) -> dict[str, str]:
    fit = fc.fit(fc.load_calibration(name))
    return {
        "Latency, median": shown(fit.latency(shape, batch)),
        "Latency, p95": shown(fit.latency(shape, batch, "p95")),
        "Images a second": shown(fit.throughput(shape, batch)),
        "Floor over latency": shown(fc.breakdown(fit, shape, batch).floor_share),
    }


@pytest.fixture
def page() -> AppTest:
    return opened("calibration")


def test_it_opens_with_a_call_and_what_it_rests_on(page: AppTest):
    calibration = fc.load_calibration(COMPILED)
    assert numbers(page) == expected(COMPILED, fc.Shape(1024, 1024, 4), 1)
    report = fc.validate(calibration)
    said = texts(page)
    assert show.plain(f"median error {percent(report.median_error)}") in said
    assert calibration.content_hash[:12] in said
    for run in calibration.runs:
        assert show.plain(f"cpu model: {run.environment.cpu_model}") in said
    assert not page.error


@pytest.mark.parametrize(
    ("kind", "key", "value", "name", "shape", "batch"),
    [
        ("selectbox", "calibration", H200, H200, fc.Shape(1024, 1024, 4), 1),
        ("selectbox", "size", "768x768", COMPILED, fc.Shape(768, 768, 4), 1),
        ("number_input", "steps", 8, COMPILED, fc.Shape(1024, 1024, 8), 1),
        ("number_input", "batch", 4, COMPILED, fc.Shape(1024, 1024, 4), 4),
    ],
)
def test_a_control_changes_the_question(
    page: AppTest, kind: str, key: str, value: Any, name: str, shape: fc.Shape, batch: int
):
    getattr(page, kind)(key=key).set_value(value)
    assert numbers(settled(page)) == expected(name, shape, batch)


def test_a_published_table_says_what_it_cannot_tell():
    page = opened("calibration", calibration=TABLE)
    latency = fc.fit(fc.load_calibration(TABLE)).latency(fc.Shape(1024, 1024, 4))
    assert numbers(page)["Latency, median"] == shown(latency)
    assert "does not show the p95" in texts(page)
    assert len(page.error) == 2  # neither stages nor cells to leave out
    assert all("\n" not in error.value for error in page.error)


def test_far_from_any_cell_it_refuses_in_a_sentence():
    page = opened("calibration", batch="500")
    assert any("tokens x batch; expected at most" in error.value for error in page.error)
    assert not page.metric


def test_the_program_gives_the_same_answer():
    shape = fc.Shape(1024, 1024, 4)
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(programs.calibration(COMPILED, shape, 1, Own()), names)  # noqa: S102 - the page wrote it
    fit = fc.fit(fc.load_calibration(COMPILED))
    assert names["found"].to_dict() == fc.breakdown(fit, shape).to_dict()
