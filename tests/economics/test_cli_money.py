"""The money commands against the Python results they show."""

from pathlib import Path

import pytest

import fluxcost as fc
from fluxcost.economics.horizon import Horizon, switch_month
from tests.commands import Files, refused, shown, shown_json


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def breakeven(files: Files, tariff: str) -> list[object]:
    timing = ["--calibration", files.calibration, "--prices", files.prices]
    return ["breakeven", *timing, "--offer", "shop/h200", "--tariff", tariff, "--utilization", 1]


def test_breakeven_shows_every_change_of_side(capsys, files: Files):
    command = breakeven(files, "replicate/flux-2-klein-4b")
    document = shown_json(capsys, *command)
    sides = [item["becomes"] for item in document["crossings"]]
    assert sides == ["rent", "api"] * (len(sides) // 2) + ["rent"]
    text = shown(capsys, *command)
    assert ("\ncheaper " in text) is (len(sides) > 1)
    assert ("\nimages a month " in text) is (len(sides) == 1)


def test_breakeven_finds_the_month_to_switch(capsys, files: Files):
    command = breakeven(files, "bfl/flux-2-klein-4b")
    growing = ["--images-per-month", 50_000, "--growth", 0.3, "--months", 12]
    catalog = fc.load_catalog(files.prices)
    expected = switch_month(
        fc.fit(fc.load_calibration(files.calibration)),
        catalog.offer("shop/h200"),
        catalog.tariff("bfl/flux-2-klein-4b"),
        fc.Shape(1024, 1024, 4),
        horizon=Horizon(50_000, 0.3, 12),
        utilization=1.0,
    )
    assert shown_json(capsys, *command, *growing)["switch"] == expected.to_dict()
    assert f"switch              {expected.sentence}" in shown(capsys, *command, *growing)
    message = refused(capsys, *command, "--images-per-month", 1, "--months", 0)
    assert message == "months is 0; expected 1 to 120."
