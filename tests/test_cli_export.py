"""`fluxcost export` from a workload and from the JSON of its plans."""

import json
from pathlib import Path

import yaml

from tests.commands import refused, shown, shown_json

EXAMPLE = Path(__file__).parent.parent / "examples" / "game_variations.yaml"


def test_a_workload_and_its_json_give_the_same_file(capsys, tmp_path: Path):
    written, direct, again = (tmp_path / name for name in ("plans.json", "a.yaml", "b.yaml"))
    written.write_text(shown(capsys, "plan", EXAMPLE, "--top", "40", "--json"))
    offer = ["--option", "lambda/h100-sxm-2x", "--to", "skypilot", "--out"]
    assert shown(capsys, "export", EXAMPLE, *offer, direct).startswith(f"{direct}: 2 x h100-sxm, ")
    told = shown_json(capsys, "export", written, *offer, again)
    assert told == {"option": "lambda/h100-sxm-2x", "to": "skypilot", "out": str(again)}
    assert direct.read_text() == again.read_text()
    task = yaml.safe_load(again.read_text())
    assert task["resources"]["accelerators"] == "H100:2"
    refusal = refused(capsys, "export", written, "--option", "lambda/h100", *offer[2:], again)
    assert refusal.startswith("plan 'lambda/h100' is not known among ")


def test_a_file_of_something_else_is_refused(capsys, tmp_path: Path):
    other = tmp_path / "other.json"
    other.write_text("{}")
    told = refused(capsys, "export", other, "--to", "kubernetes", "--out", tmp_path / "x.yaml")
    assert told.startswith(f"{other}: not the JSON of a plan ('recipe'); give what ")


def test_the_hours_that_no_tool_rents_by_are_told(capsys, tmp_path: Path):
    out = tmp_path / "task.yaml"
    ask = ["export", EXAMPLE, "--to", "skypilot", "--out", out]
    first, *more = shown(capsys, *ask).splitlines()
    assert first.endswith(", always-on, for skypilot")
    plans = json.loads(shown(capsys, "plan", EXAMPLE, "--json"))["plans"]
    best = next(plan for plan in plans if plan["mode"] == "scheduled")
    (told,) = more
    assert f"for some hours of the day, for ${best['total']['value']:,.2f}/month; " in told
    named = ["--option", "lambda/h100-sxm-2x"]
    assert len(shown(capsys, *ask, *named).splitlines()) == 1
