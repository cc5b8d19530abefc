"""What `fluxcost` and `python -m measure` share: `--version`, exit codes, refusing unread options.

An option that the command would not read is refused, even with the value it has by default. It
counts as stated where the command line has it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from fluxcost.errors import FluxcostError, InputError
from fluxcost.version import version

OK = 0
BAD_INPUT = 2


def show_version(asked: bool) -> None:  # noqa: FBT001 - typer's signature
    """Print the version and leave, where it is asked for."""
    if asked:
        print(f"fluxcost {version()}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", is_eager=True, callback=show_version, help="Show the version."),
]


def run_program(
    app: typer.Typer, arguments: Sequence[str], *, command: str, name: str, failed: int
) -> int:
    """Run a program on its arguments and return its exit code.

    Args:
        app: The program.
        arguments: Of the process; without any, help is shown.
        command: How the program is called, for its help.
        name: What begins the sentence on stderr where it fails.
        failed: Exit code where the input is good and there is still no answer, or of an
            interruption.

    Returns:
        0, what a command leaves with, 2 for a mistake of the user, or `failed`.
    """
    try:
        code = app(list(arguments) or ["--help"], prog_name=command, standalone_mode=False)
    except InputError as error:
        return fail(name, str(error), BAD_INPUT)
    except FluxcostError as error:
        return fail(name, str(error), failed)
    except TyperException as error:
        return fail(name, error.format_message(), BAD_INPUT)
    except (Abort, KeyboardInterrupt):
        return fail(name, "interrupted.", failed)
    return code if isinstance(code, int) else OK


def fail(name: str, message: str, code: int) -> int:
    """Print one sentence on stderr and return the exit code."""
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    return code


def refuse_without(context: typer.Context, needed: str, names: Sequence[str]) -> None:
    """Raise InputError where options are stated that only another one, not given, makes sense of.

    Args:
        context: Of the command.
        needed: The other option, as the command line has it, such as "--shared".
        names: Parameters of the command that nobody reads without it.
    """
    if unread := stated(context, names):
        raise InputError(
            f"{_given(unread)} without {needed} and only used with it; add {needed}, or leave "
            f"{_many(unread, 'it', 'them')} out."
        )


def refuse_beside(context: typer.Context, other: str, names: Sequence[str]) -> None:
    """Raise InputError where options are stated that nobody reads beside another one.

    Args:
        context: Of the command.
        other: The other option, as the command line has it, and why, such as "--mix, whose file
            states the shapes".
        names: Parameters of the command that nobody reads beside it.
    """
    if unread := stated(context, names):
        raise InputError(f"{_given(unread)} with {other}; leave {_many(unread, 'it', 'them')} out.")


def stated(context: typer.Context, names: Sequence[str]) -> list[str]:
    """Return those of a command's parameters that its command line has, as it writes them."""
    written = {
        each.name: each.opts[0] if each.opts[0].startswith("-") else each.name.upper()
        for each in context.command.params
        if each.name is not None
    }
    sources = {name: context.get_parameter_source(name) for name in names}
    return [
        written[name]
        for name, source in sources.items()
        if source is not None and source.name == "COMMANDLINE"
    ]


def _given(unread: Sequence[str]) -> str:
    *others, last = unread
    if not others:
        return f"{last} is given"
    return f"{', '.join(others)} and {last} are given"


def _many(unread: Sequence[str], one: str, several: str) -> str:
    return one if len(unread) == 1 else several
