"""Formats of JSON answers: one kind each, used by somebody, and none that is a file format too."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import typer

from fluxcost.cli.app import app
from fluxcost.json_answers import SOURCES, Kind, json_text

ROOT = Path(__file__).parent.parent
KIND_AT = {"show_json": 0, "json_text": 0, "offer": 1}
"""Which argument of a call names the kind."""

SCHEMAS = {"fields"}
"""Commands whose `--json` is a JSON Schema."""


def named_kinds() -> Iterator[str]:
    """Yield the kind that each call names which prints or saves an answer."""
    for path in (*ROOT.glob("fluxcost/**/*.py"), *ROOT.glob("dashboard/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            place = KIND_AT.get(ast.unparse(node.func).rpartition(".")[2])
            if place is None or len(node.args) <= place:
                continue
            match node.args[place]:
                case ast.Constant(value=str(kind)):
                    yield kind


def test_an_answer_begins_with_its_format_and_version():
    document = json.loads(json_text("plan", {"workload": "shop"}))
    assert list(document.items()) == [
        ("format", "fluxcost-plan"),
        ("version", 1),
        ("workload", "shop"),
    ]


def test_every_kind_has_one_source_and_is_given_by_somebody():
    assert set(SOURCES) == set(get_args(Kind))
    assert len(set(SOURCES.values())) == len(SOURCES)
    assert set(named_kinds()) == set(SOURCES)


def test_every_command_with_json_has_a_kind():
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    with_json = {
        name
        for name, command in group.commands.items()
        if any("--json" in each.opts for each in command.params)
    }
    commands = {source.split()[1] for source in SOURCES.values() if source.startswith("fluxcost ")}
    assert commands == with_json - SCHEMAS


def test_no_answer_has_the_format_of_a_file_that_is_read():
    files = {
        kind
        for package in ("fluxcost", "measure")
        for path in ROOT.glob(f"{package}/**/*.py")
        for kind in re.findall(r'Literal\["fluxcost-([a-z-]+)"\]', path.read_text(encoding="utf-8"))
    }
    assert {"workload", "suite", "quality"} <= files
    assert not files & set(SOURCES)
