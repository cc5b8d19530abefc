"""Each example is planned, and its answer lies in the range that examples/README.md states."""

import datetime as dt
import re
from pathlib import Path

import pytest

import fluxcost as fc

EXAMPLES = Path(__file__).parent.parent / "examples"
TODAY = dt.date(2026, 11, 24)
ROW = re.compile(r"\| `(\w+\.yaml)` \| .* \| (\d+) to (\d+) \| ([\d,]+) to ([\d,]+) \|")
STATED = {
    match[1]: tuple(float(match[n].replace(",", "")) for n in range(2, 6))
    for match in ROW.finditer((EXAMPLES / "README.md").read_text(encoding="utf-8"))
}
OWN = [fc.load_quality(path) for path in sorted((EXAMPLES / "quality").glob("*.yaml"))]


def test_every_workload_has_its_answer_stated():
    assert set(STATED) == {path.name for path in EXAMPLES.glob("*.yaml")}


@pytest.mark.parametrize("name", STATED)
def test_an_answer_lies_in_its_stated_range(name: str):
    fewest, most, low_usd, high_usd = STATED[name]
    workload = fc.load_workload(EXAMPLES / name)
    best = fc.plan(workload, today=TODAY, qualities=OWN if workload.quality else None).best
    assert fewest <= best.gpus <= most
    assert low_usd <= best.total.low <= best.total.high <= high_usd
    if best.serving is not None:
        assert best.serving.probability_met >= 0.9


def test_a_hundred_ad_variations_cost_about_four_cents():
    best = fc.plan(fc.load_workload(EXAMPLES / "ad_variations.yaml"), today=TODAY).best
    assert 0.02 <= 100 * best.usd_per_image.value <= 0.06


def test_the_artists_and_the_newsroom_save_a_gpu_together():
    asked = [
        fc.load_workload(EXAMPLES / name) for name in ("game_variations.yaml", "newsroom.yaml")
    ]
    plans = fc.plan_shared(asked, today=TODAY)
    apart = sum(each.best.gpus for each in plans.alone)
    assert plans.best.gpus == apart - 1
    assert plans.saved.low > 0
    artists, newsroom = plans.allocations
    assert artists.gpu_share.value > 0.9
    assert newsroom.total.high < newsroom.alone.low
