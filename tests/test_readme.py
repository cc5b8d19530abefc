"""The README is code: its blocks run, and what it says they print is what they print."""

import datetime as dt
import re
import runpy
from pathlib import Path

import pytest
import yaml

import fluxcost as fc
from fluxcost.cli.app import app
from scripts.docs.running import refreshed
from tests.commands import shown

TODAY = dt.date(2026, 11, 24)
WAITS_FOR_NOBODY = {"deadline", "utilization", "startup_minutes"}
ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)


def test_it_opens_with_exactly_two_shell_commands():
    commands = blocks("sh")
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)
    assert all(command.startswith("python3 -m venv ") for command in commands)
    assert "fluxcost plan examples/ecommerce_catalog.yaml" in commands[0]
    assert commands[1].rstrip().endswith("scripts/check")
    assert not re.search(r"index-url|--find-links", TEXT)


def test_its_python_prints_what_it_says(tmp_path: Path):
    assert refreshed(TEXT, tmp_path) == TEXT, "run python -m scripts.refresh_readme"


def test_its_tables_and_its_picture_are_what_the_records_say():
    page = runpy.run_path(str(ROOT / "scripts" / "refresh_readme.py"))
    assert page["tabled"](TEXT) == TEXT, "run scripts/refresh_readme.py"
    picture = runpy.run_path(str(ROOT / "scripts" / "answer_picture.py"))
    drawn = picture["PICTURE"].read_text(encoding="utf-8")
    for plan in picture["ways"]():
        assert f">{picture['label'](plan)}<" in drawn, "run scripts/answer_picture.py"
        assert f">{picture['told'](plan)}<" in drawn, "run scripts/answer_picture.py"


def test_its_workloads_are_planned():
    volume, someone_waits = map(yaml.safe_load, blocks("yaml"))
    assert fc.plan(fc.Workload.parse(volume, "the README's"), today=TODAY).best.gpus > 0
    kept = {key: volume[key] for key in volume if key not in WAITS_FOR_NOBODY}
    waited_for = fc.Workload.parse(kept | someone_waits, "the README's")
    assert fc.plan(waited_for, today=TODAY).best.serving is not None


def test_every_command_is_in_the_table_with_its_help(capsys):
    table = dict(re.findall(r"^\| `fluxcost (\w+)` \| (.*) \|$", TEXT, flags=re.MULTILINE))
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]
    assert list(table) == names
    for name, answers in table.items():
        help_text = " ".join(shown(capsys, name, "--help").split())
        assert answers.lower().rstrip(".") in help_text.lower()


@pytest.mark.parametrize("path", re.findall(r"examples/\w+\.yaml", TEXT))
def test_every_file_it_names_exists(path: str):
    assert (ROOT / path).is_file()
