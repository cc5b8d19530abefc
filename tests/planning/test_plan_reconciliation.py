"""A plan of GPUs and an API for the rest, beside bills and a log made from its own numbers."""

from pathlib import Path
from typing import Any

import pytest

import fluxcost as fc
from fluxcost.economics.reconcile import Reconciliation
from fluxcost.planning.plans import Plan
from tests.commands import Files, shown, shown_json
from tests.planning.made import TODAY, catalog, offer, tariff
from tests.planning.test_overflow import H200, RUSH
from tests.planning.test_plan_command import LIVE

HEAD = "BilledCost,ChargeCategory,ConsumedQuantity,ConsumedUnit,BillingCurrency\n"
SHOP = catalog(offer(as_of=TODAY), tariff(usd=0.002, as_of=TODAY))
RUSHED: dict[str, Any] = LIVE | {
    "arrivals": {"requests_per_s": 3.0, "hourly_weights": RUSH},
    "objective": {"percentile": 95, "within_s": 2},
    "constraints": {"allow_untimed": True},
}
WORKLOAD = fc.Workload.parse(RUSHED, "a made workload")


@pytest.fixture(scope="module")
def mixed() -> Plan:
    plans = fc.plan(WORKLOAD, SHOP, [H200], TODAY)
    return next(each for each in plans if each.mode == "overflow")


def month(folder: Path, plan: Plan, *, gpu: float = 1.0, api: float = 1.0) -> dict[str, Any]:
    """Write the month that the plan foresees, with its GPUs' price and the API's images scaled."""
    own, rest = plan.components
    hours = 730 * own.gpus
    images = WORKLOAD.images
    gpus, bought, log = (folder / name for name in ("gpus.csv", "api.csv", "log.csv"))
    gpus.write_text(f"{HEAD}{3.6 * gpu * hours},Usage,{hours},Hours,USD\n")
    made = api * images * rest.share
    bought.write_text(f"{HEAD}{0.002 * made},Usage,{made},images,USD\n3,Tax,,,USD\n")
    own_images = images * own.share
    log.write_text(f"images,gpu_s,accepted\n{own_images},{own_images * 0.5},{own_images}\n")
    return {"bill": [gpus, bought], "requests": log}


def reconciled(folder: Path, plan: Plan, **changes: float) -> Reconciliation:
    files = month(folder, plan, **changes)
    return fc.reconcile(WORKLOAD, plan, catalog=SHOP, calibrations=[H200], **files)


def test_a_month_as_planned_differs_by_its_tax_alone(tmp_path: Path, mixed: Plan):
    found = reconciled(tmp_path, mixed)
    parts = found.variance_usd
    assert found.planned_usd == pytest.approx(mixed.total.value)
    assert found.planned_usd_per_accepted_image == pytest.approx(mixed.usd_per_image.value)
    assert parts["timing"] == pytest.approx(-parts["idle"])
    for name in ("price", "volume", "API price", "API volume"):
        assert parts[name] == pytest.approx(0.0, abs=1e-6)
    assert parts["other charges"] == 3.0
    assert found.real_api.share_of(found.real) == pytest.approx(mixed.components[1].share)


def test_a_dearer_gpu_and_a_busier_api_are_told_apart(tmp_path: Path, mixed: Plan):
    own, rest = mixed.components
    found = reconciled(tmp_path, mixed, gpu=1.25, api=2.0)
    assert found.variance_usd["price"] == pytest.approx(0.25 * own.total.value)
    assert found.variance_usd["API volume"] == pytest.approx(rest.total.value)
    assert found.variance_usd["API price"] == pytest.approx(0.0, abs=1e-6)
    change = found.real_usd - found.planned_usd
    assert sum(found.variance_usd.values()) == pytest.approx(change)


def test_the_command_takes_both_bills(capsys, tmp_path: Path, mixed: Plan):
    files = Files(tmp_path)
    files.write_workload(RUSHED)
    H200.save(tmp_path / "own.json")
    tariffs = files.prices / "apis"
    tariffs.mkdir()
    (tariffs / "api.yaml").write_text(
        "provider: api\nname: API\ntariffs:\n  - id: api/klein\n    model: flux2-klein-4b\n"
        "    price: {shape: flat, usd: 0.002}\n    currency: USD\n    source: a test\n"
        f"    as_of: {TODAY}\n    as_of_kind: stated\n    grade: A\n"
    )
    given = month(tmp_path, mixed, api=2.0)
    bills = [part for path in given["bill"] for part in ("--bill", path)]
    only = RUSHED | {"constraints": {"allow_untimed": True, "allow_providers": ["shop", "api"]}}
    files.write_workload(only)
    command = [
        "reconcile", "--plan", f"{files.workload}#shop/h200:overflow", *bills, "--requests",
        given["requests"], "--prices", files.prices, "--calibration", tmp_path / "own.json",
    ]  # fmt: skip
    document = shown_json(capsys, *command)
    assert document["real_api"]["images"] == pytest.approx(
        2 * WORKLOAD.images * mixed.components[1].share
    )
    more_usd = document["real_api"]["usd"] - document["planned_api"]["usd"]
    assert document["variance_usd"]["API volume"] == pytest.approx(more_usd)
    text = shown(capsys, *command)
    assert "share of the API" in text
    assert "of the images went to the API" in text
