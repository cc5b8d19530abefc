"""Reports: the numbers of the plans, whatever a name holds, and a recipe that repeats them."""

import csv
import html.parser
import io
import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import fluxcost as fc
from fluxcost.estimate import interval
from fluxcost.planning.replay import replay
from fluxcost.planning.report.report import Report
from fluxcost.planning.report.sections import constraint_lines
from fluxcost.workload.constraints import Constraints
from tests.commands import refused, shown
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.planning.report.made import COMPILED, EAGER, HOSTILE, SHOP, TIMED, asked, made
from tests.planning.test_plan_command import command


@pytest.fixture(scope="module")
def whole() -> Report:
    return made(asked())


@pytest.fixture(scope="module")
def page(whole: Report) -> str:
    return whole.to_html()


class Read(html.parser.HTMLParser):
    """The elements of a page, its text, and whatever it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.texts: list[str] = []
        self.inside: list[str] = []
        self.recipe = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.inside.append("recipe" if ("id", "recipe") in attrs else tag)
        self.loads += [value for key, value in attrs if key in {"src", "href", "srcset", "action"}]
        assert not [key for key, _ in attrs if key.startswith("on")]

    def handle_endtag(self, tag):
        del tag
        self.inside.pop()

    def handle_data(self, data):
        if self.inside[-1:] == ["recipe"]:
            self.recipe += data
        self.texts.append(" ".join(data.split()))


VOID = re.compile(r"<(meta|br)\b[^>]*>")


def read(page: str) -> Read:
    return Read(VOID.sub("", page))


def test_the_page_holds_no_script_and_loads_nothing(page: str):
    found = read(page)
    assert not found.tags & {"script", "img", "link", "iframe", "object", "embed", "image", "use"}
    assert found.loads == ["#evidence"]
    assert "url(" not in page
    assert "@import" not in page
    assert " ".join(HOSTILE.split()) in found.texts


def test_markdown_makes_no_tag_and_no_link_of_a_name(whole: Report):
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(whole.to_markdown())
    kinds = {token.type for token in tokens}
    kinds |= {child.type for token in tokens for child in token.children or ()}
    assert not kinds & {"html_block", "html_inline", "link_open", "image"}
    openings = [token for token in tokens if token.type == "heading_open"]
    assert [token.tag for token in openings] == ["h1"] + ["h2"] * 9
    rows = [token for token in tokens if token.type == "tr_open"]
    cells = [token for token in tokens if token.type in {"td_open", "th_open"}]
    assert len(rows) > 20
    assert len(cells) > 4 * len(rows) - 40


def test_a_spreadsheet_runs_no_cell_and_holds_every_candidate(whole: Report):
    rows = list(csv.DictReader(io.StringIO(whole.to_csv())))
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+@" and cell]
    kinds = [row["kind"] for row in rows]
    assert kinds.count("chosen") == 1
    assert kinds.count("alternative") == len(whole.plans.leaders) - 1
    assert kinds.count("stack") == len(TIMED)
    assert kinds.count("rejected") == len(whole.plans.rejected)
    best = whole.plans.best
    assert float(rows[0]["total"]) == best.total.value
    assert float(rows[0]["usd_per_image_high"]) == best.usd_per_image.high
    assert best.serving is not None
    assert float(rows[0]["answer_high_s"]) == best.serving.response.high


def test_both_texts_say_the_plan_s_own_numbers(whole: Report, page: str):
    best = whole.plans.best
    assert best.serving is not None
    assert best.images_per_usd is not None
    texts, words = read(page).texts, whole.to_markdown().replace("\\", "")
    for estimate in (best.total, best.usd_per_image, best.images_per_usd, best.serving.response):
        assert interval(estimate) in texts
        assert interval(estimate) in words
    for risk in (*best.caveats, best.serving.why_not_fewer, "synthetic weights"):
        assert any(risk in text for text in texts)
        assert risk in words
    assert f"{COMPILED.content_hash[:12]}" in texts
    assert "2026-11-01 (stated)" in texts


def test_every_number_of_the_plan_names_evidence_that_is_listed(whole: Report):
    numbers = [fact for fact in whole.facts if fact.source != "chosen"]
    assert len(numbers) >= 7
    assert all(fact.evidence for fact in numbers)
    assert set(whole.best.total.evidence) <= set(whole.evidence)


def test_each_stack_is_planned_as_if_it_were_alone(whole: Report):
    found = whole
    assert [each.stack for each in found.stacks] == ["eager-bf16", "compiled-bf16", "quick-fp8"]
    one = catalog(SHOP.offer(found.best.option))
    loose = asked(constraints={"allow_lossy": True})
    for each, calibration in zip(found.stacks, TIMED, strict=True):
        alone = fc.plan(loose, one, [calibration], TODAY, depth="analytic")
        assert each.plan is not None
        assert each.plan.to_dict() == alone.best.to_dict()
    eager, compiled, lossy = found.stacks
    assert found.best.calibration == compiled.calibration
    assert (eager.refusal, compiled.refusal) == (None, None)
    assert lossy.refusal == "quick-fp8 changes the pictures; allow_lossy: true accepts that."


def test_a_stack_that_cannot_says_by_how_much():
    found = made(asked(objective={"percentile": 95, "within_s": 0.45}), catalog(offer()))
    assert found.stacks[0].plan is None
    assert "too slow" in str(found.stacks[0].refusal)
    assert "too slow" in _stack_rows(found)[0][-1]


def test_the_recipe_in_a_page_makes_the_plans_again(page: str, whole: Report, tmp_path: Path):
    saved = tmp_path / "plan.json"
    saved.write_text(read(page).recipe)
    assert replay(saved, SHOP, TIMED).reproduced
    moved = catalog(offer(usd=9.0), offer("other", usd=5.0), tariff(usd=0.01))
    assert not replay(saved, moved, TIMED).reproduced
    block = whole.to_markdown().partition("```json\n")[2].partition("\n```")[0]
    assert json.loads(block) == json.loads(saved.read_text())


def test_an_api_beside_stacks_of_the_best_that_rents():
    month = workload(
        deadline=None, images_per_month=1000, name="few", constraints={"allow_untimed": True}
    )
    found = made(month)
    assert found.headline.startswith("Buy from api/klein, for $10.00/month")
    assert found.stacks_on == "shop/h200"
    assert len(found.stacks) == len(TIMED)
    assert "chosen" not in [row[-1] for row in _stack_rows(found)]


def _stack_rows(found: Report) -> list[list[str]]:
    section = found.to_markdown().partition("## Stacks on ")[2].partition("## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def test_an_overflow_plan_tells_of_both_legs():
    cheap = catalog(offer(usd=3.6), tariff(usd=0.0004))
    wanted = asked(arrivals={"requests_per_s": 5.0}, constraints={"allow_untimed": True})
    plans = fc.plan(wanted, cheap, [EAGER], TODAY)
    mixed = next(each for each in plans if len(each.components) == 2)
    ranked = (mixed, *(each for each in plans if each is not mixed))
    written = fc.report(wanted, type(plans)(plans.workload, ranked, plans.rejected, plans.recipe))
    assert re.match(r"Rent \d+ x h200-sxm at shop/h200, overflow and buy \S+ % of the images from "
                    r"api/klein, for ", written.headline)  # fmt: skip
    assert sum(fact.name.startswith("Cost of ") for fact in written.facts) == 2
    assert any("its latency is not measured" in risk for risk in written.risks)


def test_every_constraint_has_a_meaning():
    everything = {
        "allow_providers": ["a"],
        "deny_providers": ["b"],
        "allow_billing": ["spot"],
        "spot_interruptions_per_hour": 0.5,
        "allow_sources": ["measured"],
        "max_latency_p95_s": 2.0,
        "allow_regions": ["eu"],
        "allow_tiers": ["secure"],
        "max_price_age_days": 30,
    }
    lines = list(constraint_lines(Constraints.parse(everything, "a test")))
    assert {name for name, _, _ in lines} == set(Constraints.model_fields)
    assert all(value and meaning for _, value, meaning in lines)


def test_the_command_writes_each_form_and_refuses_others(tmp_path: Path, capsys):
    out = [tmp_path / name for name in ("a.html", "a.md", "a.csv")]
    options = [part for path in out for part in ("--report", path)]
    shown(capsys, *command(tmp_path, "--analytic", *options))
    assert [path.read_text()[:9] for path in out] == ["<!doctype", "# live\n\n*", "kind,opti"]
    message = refused(capsys, "plan", tmp_path / "workload.yaml", "--report", "a.pdf")
    assert message == "report is 'a.pdf'; expected a name in .html, .md, .csv."
    message = refused(capsys, "plan", tmp_path / "workload.yaml", "--report", "a.md", "--gpus", 2)
    assert message.startswith("--report applies to the plans of one workload")
