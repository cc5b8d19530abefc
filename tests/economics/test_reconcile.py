"""Bills beside plans: the split against months in which one thing changed, and slips of units."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fluxcost as fc
from fluxcost.economics.reconcile import (
    NOTHING_BOUGHT,
    Bought,
    Month,
    read_month,
    reconciled,
)
from fluxcost.economics.usage.instances import AlwaysOn
from fluxcost.economics.usage.monthly_bill import bill
from fluxcost.errors import DocumentError, InputError, MissingDataError
from tests.commands import Files, refused, shown, shown_json
from tests.economics.stand_in import PRICED_ON, SQUARE, Clock, offer

PLAN = Month(
    usd_per_gpu_hour=3.6, images=720_000, image_s=0.5, gpu_hours=200, other_usd=0, accepted=720_000
)
"""Half of 200 hours make images: 720 USD, a tenth of a cent an image."""

HEAD = "BilledCost,EffectiveCost,ChargeCategory,ConsumedQuantity,ConsumedUnit,BillingCurrency\n"


def variance(**changes):
    result = reconciled(PLAN, replace(PLAN, **changes))
    return {name: round(part, 6) for name, part in result.variance_usd.items()}


def only(name: str, part: float):
    names = ("price", "volume", "timing", "idle", "other charges")
    return {each: part if each == name else 0 for each in names}


def test_the_plan_itself_has_no_variance():
    assert PLAN.utilization == 0.5
    assert PLAN.usd_per_accepted_image == 0.001
    assert variance() == only("price", 0)


@pytest.mark.parametrize(
    ("changes", "name", "part"),
    [
        ({"usd_per_gpu_hour": 4.5}, "price", 180),
        ({"images": 360_000, "gpu_hours": 100}, "volume", -360),
        ({"image_s": 0.75, "gpu_hours": 300}, "timing", 360),
        ({"gpu_hours": 250}, "idle", 180),
        ({"other_usd": 12.5}, "other charges", 12.5),
    ],
)
def test_one_change_is_the_whole_variance(changes, name, part):
    assert variance(**changes) == only(name, part)


factor = st.floats(0.2, 5)


@given(factor, factor, factor, factor, st.floats(-50, 500))
def test_the_parts_add_up_whatever_changed(price, images, seconds, hours, other):
    real = Month(
        usd_per_gpu_hour=3.6 * price,
        images=720_000 * images,
        image_s=0.5 * seconds,
        gpu_hours=200 * hours,
        other_usd=other,
        accepted=720_000 * images,
    )
    result = reconciled(PLAN, real)
    change = real.total_usd - PLAN.total_usd
    assert sum(result.variance_usd.values()) == pytest.approx(change, abs=1e-6)
    # Turned around, every part turns its sign: nothing depends on which came first.
    back = reconciled(real, PLAN).variance_usd
    for name, part in result.variance_usd.items():
        assert back[name] == pytest.approx(-part, abs=1e-6)
    assert result.variance_usd["price"] * math.log(price) >= -1e-9


def test_an_api_beside_the_gpus_is_split_into_price_and_volume():
    meant = Bought(images=80_000, usd=160.0)
    dearer = reconciled(PLAN, PLAN, meant, Bought(80_000, 200.0)).variance_usd
    assert (dearer["API price"], dearer["API volume"]) == pytest.approx((40.0, 0.0))
    more = reconciled(PLAN, PLAN, meant, Bought(120_000, 240.0)).variance_usd
    assert (more["API price"], more["API volume"]) == pytest.approx((0.0, 80.0))
    none = reconciled(PLAN, PLAN, meant, NOTHING_BOUGHT)
    assert (none.variance_usd["API price"], none.variance_usd["API volume"]) == (0.0, -160.0)
    assert none.warnings[0].startswith("no row of the bill counts images")
    assert "0 % of the images went to the API, 10 % planned," in none.sentence


@example(images=1.0, paid=5e-324, price=1.0)
@example(images=5e-324, paid=1.0, price=1.0)
@given(st.floats(0, 1e6), st.floats(0, 1e4), factor)
def test_with_an_api_the_parts_add_up_too(images: float, paid: float, price: float):
    real = replace(PLAN, usd_per_gpu_hour=3.6 * price)
    result = reconciled(PLAN, real, Bought(80_000, 160.0), Bought(images, paid))
    change = result.real_usd - result.planned_usd
    assert sum(result.variance_usd.values()) == pytest.approx(change, abs=1e-6)
    assert result.planned_usd == 880.0
    assert result.planned_usd_per_accepted_image == pytest.approx(0.0011)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    # Three calls: 4 images accepted, 4 of which 3, and 2 thrown away; 2 s, 2.5 s, 1 s.
    text = "images,gpu_s,accepted\n4,2.0,true\n4,2.5,3\n2,1.0,no\n"
    return write(tmp_path / "log.csv", text)


def test_a_bill_and_a_log_are_read(tmp_path: Path, log: Path):
    rows = "8,7.20,Usage,2,Hours,USD\n1,,Tax,,,USD\n-0.5,-0.5,Credit,,,USD\n"
    month, api = read_month([write(tmp_path / "bill.csv", HEAD + rows)], log, gpus_per_instance=1)
    assert api == NOTHING_BOUGHT
    assert month.gpu_hours == 2
    assert month.usd_per_gpu_hour == 3.6  # effective, not billed
    assert month.other_usd == 0.5
    assert (month.images, month.accepted) == (10, 7)
    assert month.image_s == pytest.approx(0.55)
    assert month.utilization == pytest.approx(5.5 / 7200)
    assert month.usd_per_accepted_image == pytest.approx(7.7 / 7)


@pytest.mark.parametrize(
    ("unit", "quantity", "gpus", "hours"),
    [
        ("Hours", 2, 8, 16),
        ("h", 2, 1, 2),
        ("Seconds", 7200, 1, 2),
        ("Minutes", 120, 1, 2),
        ("GPU-Hours", 2, 8, 2),
    ],
)
def test_units_of_time(tmp_path: Path, log: Path, unit, quantity, gpus, hours):
    rows = f"7.2,7.2,Usage,{quantity},{unit},USD\n"
    month, _ = read_month([write(tmp_path / "bill.csv", HEAD + rows)], log, gpus)
    assert month.gpu_hours == pytest.approx(hours)


def test_gigabyte_hours_are_not_hours(tmp_path: Path, log: Path):
    rows = "7.2,7.2,Usage,2,Hours,USD\n0.3,0.3,Usage,500,GB-Hours,USD\n"
    month, _ = read_month([write(tmp_path / "bill.csv", HEAD + rows)], log, 1)
    assert (month.gpu_hours, month.other_usd) == (2, 0.3)


@pytest.mark.parametrize(
    ("ratio", "slip"),
    [(730, "a month for an hour"), (1 / 3600, "an hour for a second"), (60, "for a minute")],
)
def test_a_slip_of_the_unit_is_pointed_out(ratio, slip):
    real = replace(PLAN, usd_per_gpu_hour=3.6 * ratio * 1.1)
    (warning,) = reconciled(PLAN, real).warnings
    assert slip in warning
    assert reconciled(PLAN, replace(PLAN, usd_per_gpu_hour=7.2)).warnings == ()


def test_more_work_than_time_is_pointed_out():
    warnings = reconciled(PLAN, replace(PLAN, gpu_hours=50)).warnings
    assert "holds 200 % of the GPU time paid" in warnings[0]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("7.2,7.2,Usage,2,Hours,EUR\n", "line 2: BillingCurrency is 'EUR'; expected USD"),
        ("7.2,7.2,Usage,two,Hours,USD\n", "line 2: ConsumedQuantity is 'two'; expected a number"),
        ("7.2,nan,Usage,2,Hours,USD\n", "EffectiveCost is 'nan'"),
        (",,Usage,2,Hours,USD\n", "BilledCost is ''"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path: Path, log: Path, rows, reason):
    with pytest.raises(InputError, match=reason):
        read_month([write(tmp_path / "bill.csv", HEAD + rows)], log, 1)


def test_files_without_what_is_needed_are_refused(tmp_path: Path, log: Path):
    bill_file = write(tmp_path / "bill.csv", HEAD + "1,1,Tax,,,USD\n")
    with pytest.raises(MissingDataError, match="no usage is billed by time"):
        read_month([bill_file], log, 1)
    with pytest.raises(DocumentError, match="column ChargeCategory, ConsumedQuantity"):
        read_month([write(tmp_path / "no.csv", "a,b\n1,2\n")], log, 1)
    good = write(tmp_path / "good.csv", HEAD + "7.2,7.2,Usage,2,Hours,USD\n")
    with pytest.raises(MissingDataError, match="0 images"):
        read_month([good], write(tmp_path / "none.csv", "images,gpu_s,accepted\n"), 1)
    with pytest.raises(InputError, match="accepted is 5 of 4 images made"):
        read_month([good], write(tmp_path / "odd.csv", "images,gpu_s,accepted\n4,1,5\n"), 1)
    with pytest.raises(InputError, match="images is 0; expected over 0"):
        replace(PLAN, images=0)


def test_an_invoice_of_ours_is_a_bill_to_reconcile(tmp_path: Path, log: Path):
    # What the billing exports, the reconciliation reads back: a month of one GPU.
    made = bill(Clock(), offer(3.6), SQUARE, AlwaysOn(1), images=100_000, today=PRICED_ON)
    path = tmp_path / "focus.csv"
    rows = made.invoice.to_focus()
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    month, _ = read_month([path], log, 1)
    assert month.gpu_hours == pytest.approx(730)
    assert month.gpu_usd == pytest.approx(2628)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_the_command_reconciles_a_plan(capsys, files: Files, tmp_path: Path, log: Path):
    given = ["--prices", files.prices, "--calibration", files.calibration]
    (planned,) = shown_json(capsys, "plan", files.workload, *given)["plans"]
    hours = planned["hours"]["value"] * planned["gpus"]
    rows = f"{hours * 4.0},{hours * 4.0},Usage,{hours},Hours,USD\n"
    bill_file = write(tmp_path / "bill.csv", HEAD + rows)
    gpu_s = 3600 * hours * 0.5
    requests = write(tmp_path / "all.csv", f"images,gpu_s,accepted\n100000,{gpu_s},90000\n")
    command = ["reconcile", "--plan", files.workload, "--bill", bill_file, "--requests", requests]
    document = shown_json(capsys, *command, *given)
    # 3.60 planned and 4.00 paid over the same hours: the price is all that changed in the total.
    assert document["planned"]["total_usd"] == pytest.approx(planned["total"]["value"])
    change = hours * 0.4
    parts = document["variance_usd"]
    assert sum(parts.values()) == pytest.approx(change)
    assert parts["volume"] == pytest.approx(0, abs=1e-9)
    assert parts["timing"] == pytest.approx(-parts["idle"])
    assert document["real"]["utilization"] == pytest.approx(0.5)
    assert document["real"]["usd_per_accepted_image"] == pytest.approx(hours * 4 / 90_000)
    assert document["sentence"] in shown(capsys, *command, *given)
    json.dumps(document, allow_nan=False)


def test_an_api_has_no_gpu_hours(capsys, files: Files, tmp_path: Path, log: Path):
    document = json.loads(fc.load_workload(files.workload).model_dump_json(exclude_none=True))
    only = {"allow_providers": ["replicate"], "least_grade": "C", "allow_stale": True}
    files.write_workload(document | {"constraints": only})
    arguments = ["--bill", log, "--requests", log, "--prices", files.prices]
    message = refused(
        capsys,
        "reconcile",
        "--plan",
        files.workload,
        *arguments,
        "--calibration",
        files.calibration,
    )
    assert message.endswith("buys from an API; reconcile one that rents GPUs.")
