import ast
import importlib
from pathlib import Path

import pytest

import fluxcost
from tests.offenders import offenders

SOURCE = ast.parse(Path(fluxcost.__file__).read_text(encoding="utf-8"))


def names_for_type_checkers() -> list[str]:
    block = next(node for node in SOURCE.body if isinstance(node, ast.If))
    return [
        alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def test_all_is_the_sorted_list_of_public_names():
    assert fluxcost.__all__ == sorted(names_for_type_checkers())
    assert dir(fluxcost) == fluxcost.__all__


def test_every_public_name_is_what_its_room_defines():
    assert not offenders(fluxcost.__all__, refuse_another_definition)


def refuse_another_definition(name: str) -> None:
    value = getattr(fluxcost, name)
    assert value.__name__ == name
    assert getattr(importlib.import_module(value.__module__), name) is value


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'fluxcost' has no attribute 'nothing'"):
        fluxcost.nothing  # noqa: B018
