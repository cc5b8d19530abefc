"""What is given twice counts once, or is refused where it would be a second sum of money."""

import shutil
from pathlib import Path

import pytest

from fluxcost.cli.quality import with_shipped
from fluxcost.economics.reconcile import read_month
from fluxcost.errors import InputError
from fluxcost.performance.quality.quality_lookup import shipped_qualities
from tests.commands import Files, shown_json


def test_a_calibration_given_twice_is_planned_with_once(capsys, tmp_path: Path):
    files = Files(tmp_path)
    copied = shutil.copy(files.calibration, tmp_path / "copied.json")
    command = ["plan", files.workload, "--prices", files.prices, "--every"]
    once = shown_json(capsys, *command, "--calibration", files.calibration)
    for other in (files.calibration, copied):
        named = ["--calibration", files.calibration, "--calibration", other]
        assert shown_json(capsys, *command, *named) == once


def test_a_quality_record_that_ships_counts_once(tmp_path: Path):
    names = ["inferencebench/flux2-klein-4b"] * 2
    assert with_shipped(names) == shipped_qualities()


def test_a_bill_given_twice_is_refused(tmp_path: Path):
    bill, other = tmp_path / "bill.csv", tmp_path / "other.csv"
    bill.write_text(
        "ChargeCategory,ConsumedQuantity,ConsumedUnit,BillingCurrency,BilledCost\n"
        "Usage,2,Hours,USD,6\n"
    )
    other.symlink_to(bill)
    requests = tmp_path / "requests.csv"
    requests.write_text("images,gpu_s,accepted\n10,5,10\n")
    month, _ = read_month([bill], requests, 1)
    assert (month.gpu_usd, month.gpu_hours) == (6.0, 2.0)
    with pytest.raises(InputError) as error:
        read_month([bill, other], requests, 1)
    assert str(error.value) == f"{other}: the bill is given twice; give each file once."
