from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.errors import DocumentError, FormatVersionError, InputError
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import Workload, load_workload, parse_workload

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.yaml"))


def document(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "format": "fluxcost-workload",
        "version": 1,
        "name": "catalog",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
        "deadline": {"images": 1000, "hours": 8},
        "utilization": 0.9,
        "startup_minutes": 10,
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workload.yaml"


def refusal(path: Path, **changes: Any) -> str:
    path.write_text(yaml.safe_dump(document(**changes)))
    with pytest.raises(InputError) as caught:
        load_workload(path)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1000, 1024, 4), "width is 1000; expected a multiple of 16 pixels; use 992."),
        ((1024, 1000, 4), "height is 1000; expected a multiple of 16 pixels; use 992."),
        ((0, 1024, 4), "width is 0; expected a whole number from 16 to 8192."),
        ((-16, 1024, 4), "width is -16; expected a whole number from 16 to 8192."),
        ((8208, 1024, 4), "width is 8208; expected a whole number from 16 to 8192."),
        ((1024.0, 1024, 4), "width is 1024.0; expected a whole number from 16 to 8192."),
        ((1024, True, 4), "height is True; expected a whole number from 16 to 8192."),
        ((1024, 1024, 0), "steps is 0; expected a whole number from 1 to 1000."),
        ((1024, 1024, 4, -1), "reference_images is -1; expected a whole number from 0 to 16."),
    ],
)
def test_a_shape_out_of_range_is_refused(arguments: Any, message: str):
    with pytest.raises(InputError) as caught:
        Shape(*arguments)
    assert str(caught.value) == message


@given(
    width=st.integers(1, 512).map(lambda n: 16 * n),
    height=st.integers(1, 512).map(lambda n: 16 * n),
    steps=st.integers(1, 1000),
)
def test_every_shape_in_range_is_accepted(width: int, height: int, steps: int):
    shape = Shape(width, height, steps)
    assert shape.pixels == width * height
    assert str(shape) == f"{width}x{height}, {steps} steps"
    assert shape == Shape(width, height, steps=steps, reference_images=0)


def test_a_mix_has_shares_that_sum_to_one():
    workload = Workload.parse(
        document(
            shapes=[
                {"width": 512, "height": 512, "steps": 4, "weight": 3},
                {"width": 1024, "height": 1024, "steps": 4, "weight": 1},
            ]
        ),
        "test",
    )
    assert workload.mix == ((Shape(512, 512, 4), 0.75), (Shape(1024, 1024, 4), 0.25))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_every_example_is_usable(example: Path):
    workload = load_workload(example)
    assert Workload.parse(workload.to_dict(), "round trip") == workload


@pytest.mark.parametrize("field", ["name", "model", "shapes", "utilization", "startup_minutes"])
def test_a_missing_field_is_named(path: Path, field: str):
    assert refusal(path, **{field: None}) == f"{field} is missing; add it."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"shapes": [{"width": 1000, "height": 1024, "steps": 4}]},
            "shapes.0.width is 1000; expected: a multiple of 16 pixels; use 992.",
        ),
        (
            {"shapes": [{"width": 0, "height": 1024, "steps": 4}]},
            "shapes.0.width is 0; expected: a whole number from 16 to 8192.",
        ),
        (
            {"shapes": [{"width": 64, "height": 64, "steps": 4, "weight": float("nan")}]},
            "shapes.0.weight is nan; expected: a finite number.",
        ),
        ({"utilization": 0}, "utilization is 0; expected: greater than or equal to 0.001."),
        (
            {"utilization": 60},
            "utilization is 60; expected: less than or equal to 1.",
        ),
        ({"utilization": True}, "utilization is True; expected: a valid number."),
        (
            {"deadline": {"images": 10, "hours": -1}},
            "deadline.hours is -1; expected: greater than 0.",
        ),
        (
            {"deadline": {"images": 0, "hours": 1}},
            "deadline.images is 0; expected: greater than or equal to 1.",
        ),
        (
            {"deadline": {"images": 10**400, "hours": 1}},
            f"deadline.images is 1{'0' * 76}...; expected: less than or equal to 1000000000000.",
        ),
        (
            {"deadline": {"images": 10, "hours": 1e308}},
            "deadline.hours is 1e+308; expected: less than or equal to 8760.",
        ),
        (
            {"constraints": {"least_grade": "D"}},
            "constraints.least_grade is 'D'; expected: 'A', 'B' or 'C'.",
        ),
        ({"objectives": 3}, "objectives is not a known field; did you mean objective?"),
    ],
)
def test_a_bad_field_is_refused_by_name_value_and_remedy(
    path: Path, changes: dict[str, Any], message: str
):
    assert refusal(path, **changes) == message


@pytest.mark.parametrize("changes", [{"deadline": None}, {"images_per_month": 1000}])
def test_a_volume_is_monthly_or_a_deadline(path: Path, changes: dict[str, Any]):
    assert "expected: either images_per_month or deadline, one of them." in refusal(path, **changes)


def test_renting_on_demand_is_for_monthly_volumes(path: Path):
    message = refusal(path, on_demand={"starts_per_month": 30})
    assert message.endswith("expected: on_demand only beside images_per_month.")


def test_a_newer_version_is_refused(path: Path):
    path.write_text(yaml.safe_dump(document(version=2)))
    with pytest.raises(FormatVersionError, match=r"version is 2; expected at most 1; upgrade"):
        load_workload(path)


@pytest.mark.parametrize("text", ["", "just text", "- a\n- b\n", "format: something-else\n"])
def test_a_file_that_is_no_workload_is_refused(path: Path, text: str):
    path.write_text(text)
    with pytest.raises(DocumentError, match="not a workload; its first line must be"):
        load_workload(path)


def test_a_month_of_arrivals_is_730_hours():
    # Half a request a second of 2 images each: one image a second, 2,628,000 a month.
    asked = document(
        arrivals={"requests_per_s": 0.5},
        images_per_request=2,
        deadline=None,
        images_per_month=None,
        utilization=None,
        startup_minutes=None,
    )
    given = {key: value for key, value in asked.items() if value is not None}
    assert Workload.parse(given, "a workload").images == 730 * 3600


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_bytes_are_read_as_the_file_is(example: Path):
    assert parse_workload(example.read_bytes(), "an upload") == load_workload(example)


def test_bytes_may_not_name_a_file_to_read():
    made = document(
        shapes=None,
        deadline=None,
        utilization=None,
        startup_minutes=None,
        arrivals={"process": "trace", "trace": "/etc/passwd"},
    )
    with pytest.raises(InputError, match=r"arrivals\.trace is '/etc/passwd', a file beside the"):
        parse_workload(yaml.safe_dump(made).encode(), "an upload")
