"""Plans made again from their JSON: the same, or told what changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from fluxcost.economics.catalog import Catalog
from fluxcost.errors import DocumentError
from fluxcost.planning.plans import Plans
from fluxcost.planning.replay import replay
from fluxcost.planning.search import plan
from fluxcost.workload.workload import Workload
from tests.commands import Files, refused, shown
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.planning.test_fleet_candidates import workload as arriving
from tests.synthetic import make_calibration

H200 = make_calibration(gpu="h200-sxm")
SHOP = catalog(offer(), tariff())


def written(tmp_path: Path, asked: Workload, prices: Catalog = SHOP, **options: Any) -> Path:
    plans: Plans = plan(asked, prices, [H200], TODAY, **options)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plans.to_dict()))
    return path


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        (workload(), {}),
        (arriving(constraints={"allow_untimed": True}), {"seed": 3}),
        (arriving(), {"depth": "analytic"}),
    ],
)
def test_the_same_prices_and_timings_give_the_same_plans(
    tmp_path: Path, asked: Workload, options: dict[str, Any]
):
    found = replay(written(tmp_path, asked, **options), SHOP, [H200])
    assert found.to_dict() == {"reproduced": True, "changes": []}
    assert found.plans.to_dict() == json.loads((tmp_path / "plan.json").read_text())


def test_a_price_that_moved_is_named_with_what_it_moves(tmp_path: Path):
    path = written(tmp_path, arriving(), catalog(offer()))
    found = replay(path, catalog(offer(usd=3.7)), [H200])
    assert not found.reproduced
    assert found.changes[0].startswith("price shop/h200 was ")
    assert found.changes[1].startswith("plan shop/h200, always-on, h200-sxm/")
    assert len(found.plans) == len(found.changes) - 1


def test_another_calibration_is_named(tmp_path: Path):
    found = replay(written(tmp_path, workload()), SHOP, [make_calibration(gpu="h200-sxm", seed=2)])
    assert found.changes[0].startswith(f"calibration {H200.alias} was {H200.content_hash[:12]}")


def test_an_offer_that_is_gone_is_named(tmp_path: Path):
    found = replay(written(tmp_path, workload()), catalog(tariff()), [H200])
    assert any("price shop/h200" in line and "no longer used" in line for line in found.changes)
    assert any(line.endswith("not made any more.") for line in found.changes)


@pytest.mark.parametrize("text", ["{}", "[]", '{"recipe": {"today": "soon"}, "plans": []}'])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(DocumentError, match="not the JSON of a plan"):
        replay(tmp_path / "plan.json", SHOP, [H200])


def test_the_command_replays_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = Files(tmp_path)
    options = ("--prices", files.prices, "--calibration", files.calibration)
    path = tmp_path / "plan.json"
    path.write_text(shown(capsys, "plan", files.workload, *options, "--json"))
    assert "reproduced" in shown(capsys, "plan", "--replay", path, *options)
    assert refused(capsys, "plan").startswith("WORKLOAD is missing")
