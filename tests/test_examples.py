"""Each example runs; its answer is the one in examples/README.md, and in the range stated there."""

import functools
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import fluxcost as fc

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
REFRESH = runpy.run_path(str(ROOT / "scripts" / "refresh_examples.py"))
STALE = "examples/README.md is stale; run scripts/refresh_examples.py"
PLAN_OF = functools.cache(REFRESH["plan_of"])
BETWEEN = re.compile(r"([\d.,]+) to ([\d.,]+) (GPUs|USD)")
ROWS: dict[str, re.Match[str]] = {row["file"]: row for row in REFRESH["ROW"].finditer(PAGE)}
WORKLOADS = [name for name in ROWS if name.endswith(".yaml")]
SCRIPTS = [name for name in ROWS if name.endswith(".py")]


def stated(name: str) -> dict[str, tuple[float, float]]:
    """Return GPUs and USD, lowest and highest, of an example's line."""
    found = BETWEEN.findall(ROWS[name]["range"])
    return {
        what: (float(low.replace(",", "")), float(high.replace(",", "")))
        for low, high, what in found
    }


def test_every_example_has_its_answer_stated():
    assert set(ROWS) == {path.name for kind in ("*.yaml", "*.py") for path in EXAMPLES.glob(kind)}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_plan_lies_in_its_stated_range(name: str):
    best: fc.Plan = PLAN_OF(EXAMPLES / name)
    bounds = stated(name)
    fewest, most = bounds["GPUs"]
    low_usd, high_usd = bounds["USD"]
    assert fewest <= best.gpus <= most
    assert low_usd <= best.total.low <= best.total.high <= high_usd
    if best.serving is not None:
        assert best.serving.probability_met >= 0.9
    assert f"| {REFRESH['said_of'](best)} |" in ROWS[name][0], STALE


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_answers_within_its_stated_range(name: str):
    value, said = REFRESH["run"](EXAMPLES / name)
    low_usd, high_usd = stated(name)["USD"]
    assert low_usd <= value <= high_usd
    assert f"| {said} |" in ROWS[name][0], STALE


def test_a_hundred_ad_variations_cost_about_four_cents():
    best: fc.Plan = PLAN_OF(EXAMPLES / "ad_variations.yaml")
    assert 0.02 <= 100 * best.usd_per_image.value <= 0.06


def test_the_artists_and_the_newsroom_save_a_gpu_together():
    asked = [
        fc.load_workload(EXAMPLES / name) for name in ("game_variations.yaml", "newsroom.yaml")
    ]
    plans = fc.plan_shared(asked, today=REFRESH["TODAY"])
    apart = sum(each.best.gpus for each in plans.alone)
    assert plans.best.gpus < apart
    assert plans.saved.low > 0
    artists, newsroom = plans.allocations
    assert artists.gpu_share.value > 0.9
    assert newsroom.total.high < newsroom.alone.low


def test_the_slide_takes_a_workload_and_an_offer(capsys):
    slide: dict[str, Any] = runpy.run_path(str(EXAMPLES / "honest_slide.py"))
    usd = slide["main"](REFRESH["TODAY"], EXAMPLES / "newsroom.yaml", "runpod/h200-secure")
    told = capsys.readouterr().out
    # One GPU kept for a trickle of requests: far from what a call alone would cost.
    assert usd > 10 * slide["SLIDE_USD"]
    assert "offer runpod/h200-secure: " in told
    with pytest.raises(fc.InfeasibleError, match="cannot be made on vast/h100-sxm-median: a mark"):
        slide["main"](REFRESH["TODAY"], EXAMPLES / "newsroom.yaml", "vast/h100-sxm-median")


def test_the_slide_s_figure_is_the_article_s():
    slide = runpy.run_path(str(EXAMPLES / "honest_slide.py"))
    claim = next(claim for claim in fc.audit().claims if claim.id == "cost-0004")
    stated = {check.stated for check in claim.checks}
    assert {str(slide["SLIDE_USD"]), str(slide["SLIDE_USD_PER_HOUR"])} <= stated
