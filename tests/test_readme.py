"""The README is code: its blocks run, and what it says they print is what they print."""

import re
from pathlib import Path

import pytest

from fluxcost.cli.app import app
from scripts.docs.running import refreshed
from tests.commands import shown

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
