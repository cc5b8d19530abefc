"""The help of every command, as the command itself prints it."""

from __future__ import annotations

import typer

WIDTH = 92
"""Columns of the help: what a page holds without scrolling sideways."""


HEAD = """# Commands

The `--help` of each command. `fluxcost` computes answers. `python -m measure` times a GPU and needs
`pip install 'fluxcost[measure]'`.
"""


def command_page() -> str:
    """Return the page of both programs."""
    import measure.cli
    from fluxcost.cli.app import app

    programs = [*_program(app, "fluxcost"), *_program(measure.cli.app, "python -m measure")]
    return "\n".join([HEAD, *programs])


def _program(app: typer.Typer, name: str) -> list[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)  # noqa: S101 - both programs have commands
    lines = []
    for each, command in group.commands.items():
        assert isinstance(command, typer.core.TyperCommand)  # noqa: S101 - none is a group
        command.rich_markup_mode = None
        context = typer.Context(command, info_name=f"{name} {each}", terminal_width=WIDTH)
        lines += [f"## {name} {each}", "", "```text", command.get_help(context), "```", ""]
    return lines
