"""Commands that README.md and the pages only tell the reader to type are ones that parse."""

import re
import shlex
from collections.abc import Iterator

import typer

from fluxcost.cli.app import app as fluxcost_app
from measure.cli import app as measure_app
from scripts.docs.running import BLOCK, GOES_ON, PROMPT, ROOT, TYPED, pages

USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What the command-line library raises for options that it does not take."""

APPS = {("fluxcost",): fluxcost_app, ("python", "-m", "measure"): measure_app}


def typed_commands(text: str) -> Iterator[str]:
    """Yield the commands of a page's console blocks that show no output."""
    for block in BLOCK.finditer(text):
        if block["language"] == "console" and not TYPED.sub("", block["body"]):
            for command in TYPED.findall(block["body"]):
                yield command.replace(GOES_ON, " ").removeprefix(PROMPT).strip()


def complaint(command: str) -> str | None:
    """Return what a program says against a command line, None for one that it takes."""
    words = shlex.split(re.sub(r" > \S+$", "", command))
    for name, app in APPS.items():
        if tuple(words[: len(name)]) == name:
            sub, *options = words[len(name) :]
            commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
            if sub not in commands:
                return f"there is no command {sub}"
            try:
                commands[sub].make_context(sub, options).close()
            except typer.Exit:
                return None
            except USAGE_ERROR as error:
                return str(error)
    return None


def test_every_command_to_type_is_one_its_program_takes():
    found = [
        f"{page.name}: {command}: {said}"
        for page in [ROOT / "README.md", *pages()]
        for command in typed_commands(page.read_text("utf-8"))
        if (said := complaint(command)) is not None
    ]
    assert not found


def test_a_command_with_an_unknown_option_is_found():
    (command,) = typed_commands("```console\n$ fluxcost plan w.yaml --no-such-option\n```\n")
    assert "no-such-option" in str(complaint(command))
    assert complaint("fluxcost plan w.yaml --explain") is None
