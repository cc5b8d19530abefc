"""The money commands against the Python results they show."""

from pathlib import Path

import pytest

import fluxcost as fc
from fluxcost.economics.horizon import Horizon, month_to_switch
from tests.commands import Files, refused, shown, shown_json

EXAMPLE = Path(__file__).parents[2] / "examples" / "costs" / "own_machine.yaml"


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
    expected = month_to_switch(
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
    assert message == "months is 0; expected a whole number from 1 to 120."


def test_breakeven_leaves_no_option_unread(capsys, files: Files):
    command = breakeven(files, "bfl/flux-2-klein-4b")
    message = refused(capsys, *command, "--growth", 0.3)
    assert message.startswith("--growth is 0.3 and --months None without --images-per-month;")
    by_session = ["--starts-per-month", 30, "--startup-minutes", 5]
    message = refused(capsys, *command, *by_session, "--images-per-month", 50_000)
    assert message.startswith("--images-per-month is given with --starts-per-month; the month to")


def test_cost_shows_what_is_beside_the_model(capsys, files: Files, tmp_path: Path):
    beside = tmp_path / "beside.yaml"
    beside.write_text("format: fluxcost-extras\ndiscarded_share: 0.2\n")
    timing = ["cost", "--calibration", files.calibration, "--utilization", 0.6]
    rented = [*timing, "--prices", files.prices, "--offer", "shop/h200", "--extras", beside]
    fitted = fc.fit(fc.load_calibration(files.calibration))
    offer = fc.load_catalog(files.prices).offer("shop/h200")
    extras = fc.load_extras(beside)
    expected = fc.cost_per_image(
        fitted, offer, fc.Shape(1024, 1024, 4), utilization=0.6, extras=extras
    )
    assert shown_json(capsys, *rented) == expected.to_dict()
    assert "\nimages thrown away  $" in shown(capsys, *rented)
    mixed = [*rented, "--mix", files.workload]
    mix = fc.load_workload(files.workload).mix
    whole = fc.cost_of_mix(fitted, offer, mix, utilization=0.6, extras=extras)
    assert shown_json(capsys, *mixed) == whole.to_dict()
    assert "\n100 % 1024x1024, 4 steps  $" in shown(capsys, *mixed)


def test_cost_is_of_an_offer_or_of_a_machine(capsys, files: Files):
    timing = ["cost", "--calibration", files.calibration, "--utilization", 0.6]
    message = refused(capsys, *timing)
    assert message.startswith(
        "neither --offer nor a machine is given; add --offer for a rented GPU"
    )
    own = ["--extras", EXAMPLE]
    message = refused(capsys, *timing, *own, "--offer", "shop/h200")
    assert message.startswith("--offer is shop/h200 and --extras states a machine you own")
    message = refused(capsys, *timing, *own)
    assert message.startswith("machine own/rack 4 has h100-sxm and the timings are of h200-sxm")
