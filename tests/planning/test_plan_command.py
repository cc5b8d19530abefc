"""`fluxcost plan` for requests that arrive, and its inverse questions."""

from pathlib import Path
from typing import Any

import pytest

from tests.commands import WORKLOAD, Files, refused, shown, shown_json

LIVE = {key: value for key, value in WORKLOAD.items() if key in {"format", "version", "shapes"}} | {
    "name": "live",
    "model": "flux2-klein-4b",
    "arrivals": {"requests_per_s": 3.0},
    "objective": {"percentile": 95, "within_s": 3},
    "constraints": {"allow_providers": ["shop"]},
}


def command(tmp_path: Path, *more: object, **fields: Any) -> tuple[object, ...]:
    files = Files(tmp_path)
    files.write_workload(LIVE | fields)
    options = ("--prices", files.prices, "--calibration", files.calibration)
    return ("plan", files.workload, *options, *more)


def again(tmp_path: Path) -> Path:
    folder = tmp_path / "again"
    folder.mkdir()
    return folder


def test_the_answer_says_how_it_serves_and_why_not_fewer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    text = shown(capsys, *command(tmp_path))
    assert "every month, p95 within 3 s of arriving" in text
    assert "Why not fewer GPUs?" in text
    assert "of timing draws" in text


def test_theory_alone_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    document = shown_json(capsys, *command(tmp_path, "--analytic"))
    best = document["plans"][0]
    assert best["serving"]["sized_by"] == "theory"
    assert "sized by queueing theory alone; simulate it before renting" in best["caveats"]


def test_the_most_for_some_gpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    document = shown_json(capsys, *command(tmp_path, "--gpus", 1))
    assert document["plan"]["gpus"] == 1
    assert 0.5 < document["requests_per_s"] < 3.0
    assert "images for 1 GPU, " in shown(capsys, *command(again(tmp_path), "--gpus", 1))


def test_a_dear_image_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    told = refused(capsys, *command(tmp_path, "--max-usd-per-image", 0.0001), code=1)
    assert told.startswith("max_usd_per_image is $0.000100 and an image may cost $0.00")
    shown(capsys, *command(again(tmp_path), "--max-usd-per-image", 0.1))


@pytest.mark.parametrize("most", ["0", "-1", "nan", "inf"])
def test_a_bound_that_no_price_can_break_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], most: str
):
    told = refused(capsys, *command(tmp_path, "--max-usd-per-image", most))
    assert told == f"max_usd_per_image is {float(most)!r}; expected USD over 0."


@pytest.mark.parametrize(
    ("question", "name"),
    [
        (("--gpus", 1), "--budget-usd-per-month, --gpus"),
        (("--budget-usd-per-month", 9000), "--budget-usd-per-month, --gpus"),
        (("--stacks-on", "shop/h200"), "--stacks-on"),
        (("--shared",), "--shared"),
        (("--replay", "plan.json"), "--replay"),
    ],
)
def test_a_bound_is_never_left_unread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], question: tuple[object, ...], name: str
):
    told = refused(capsys, *command(tmp_path, *question, "--max-usd-per-image", 0.0001))
    assert told == (
        f"--max-usd-per-image applies to the plans of one workload; leave it out with {name}."
    )


def test_two_questions_at_once_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    told = refused(capsys, *command(tmp_path, "--gpus", 1, "--stacks-on", "shop/h200"))
    assert told == (
        "--stacks-on and --budget-usd-per-month, --gpus are given; expected one of them."
    )


def test_an_objective_out_of_reach_fails_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    never = command(tmp_path, objective={"percentile": 95, "within_s": 0.1})
    assert "times too slow" in refused(capsys, *never, code=1)
