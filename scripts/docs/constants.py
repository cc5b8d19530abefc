"""Every constant that shapes an answer, with its value and where it comes from.

Read from the source, so that a page cannot say another number than the code computes with.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("performance", "capacity", "economics", "planning", "validation")
PACKAGE = "fluxcost"

HEAD = """# Constants

Every documented constant that affects an answer, generated from the source. The other pages refer
to them by name. The text of a constant states its reason, and its source if it was measured or
published.
"""


NAMED = re.compile(r"`((?:[a-z_]+\.)*[A-Z][A-Z0-9_]+) = ([^`]+)`")
"""How a page states a constant: its name, after its module where the name alone is not one's."""


@dataclass(frozen=True)
class Constant:
    """A module's constant.

    Attributes:
        module: Such as fluxcost.performance.region.
        name: In capitals.
        value: As the source spells it.
        meaning: Its docstring.
    """

    module: str
    name: str
    value: str
    meaning: str


@functools.cache
def constants() -> tuple[Constant, ...]:
    """Return every documented public constant of the rooms, in the order of rooms and files."""
    package = griffe.load(PACKAGE, search_paths=[str(ROOT)])
    assert isinstance(package, griffe.Module)  # noqa: S101 - a package is a module
    shared = _constants_in(package["estimate"])
    return (*shared, *(each for room in ROOMS for each in _constants_of(package[room])))


def _constants_of(module: griffe.Module) -> Iterator[Constant]:
    yield from _constants_in(module)
    for name in sorted(module.modules):
        yield from _constants_of(module.modules[name])


def _constants_in(module: griffe.Module) -> Iterator[Constant]:
    for name, each in module.attributes.items():
        if each.is_alias or name.startswith("_") or each.docstring is None:
            continue  # imported from the module that has it, private, or without a stated reason
        if name.isupper():
            yield Constant(module.path, name, str(each.value), each.docstring.value)


def constants_page() -> str:
    """Return the page."""
    lines = [HEAD]
    module = ""
    for each in constants():
        if each.module != module:
            module = each.module
            lines += [f"## {module.removeprefix(f'{PACKAGE}.')}", ""]
        meaning = each.meaning.replace("\n", "\n    ")
        lines += [f"`{each.name} = {each.value}`", f":   {meaning}", ""]
    return "\n".join(lines)


def with_constants(text: str) -> str:
    """Return a page with the value of each constant that it states as the code has it.

    Raises:
        ValueError: No documented constant has the name, or several have.
    """
    return NAMED.sub(lambda stated: f"`{stated[1]} = {_value_of(stated[1])}`", text)


def _value_of(name: str) -> str:
    found = [each for each in constants() if f".{each.module}.{each.name}".endswith(f".{name}")]
    if len(found) != 1:
        raise ValueError(f"{len(found)} documented constants are named {name}; expected one.")
    return found[0].value
