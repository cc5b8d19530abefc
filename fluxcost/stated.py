"""Options that are read only beside another, or never beside it: refused where nobody reads them.

The programs here and in `measure` share these. An option counts as stated where the command line
has it, even with the value it has anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fluxcost.errors import InputError

if TYPE_CHECKING:
    import typer


def refuse_without(context: typer.Context, needed: str, names: Sequence[str]) -> None:
    """Raise InputError where options are stated that only another one, not given, makes sense of.

    Args:
        context: Of the command.
        needed: The other option, as the command line has it, such as "--shared".
        names: Parameters of the command that nobody reads without it.
    """
    if unread := stated(context, names):
        raise InputError(
            f"{_given(unread)} without {needed} and read only beside it; add {needed}, or leave "
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
        raise InputError(
            f"{_given(unread)} beside {other}; leave {_many(unread, 'it', 'them')} out, or ask "
            "apart."
        )


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
