import importlib

import pytest

import fluxcost
from scripts.refresh_door import STUB, stub


def test_all_is_the_sorted_list_of_public_names():
    listed = [name for names in fluxcost.HOMES.values() for name in names.split()]
    assert fluxcost.__all__ == sorted(listed)
    assert len(set(listed)) == len(listed)
    assert dir(fluxcost) == fluxcost.__all__


def test_every_public_name_is_what_its_module_defines():
    for home, names in fluxcost.HOMES.items():
        module = importlib.import_module(f"fluxcost.{home}")
        for name in names.split():
            value = getattr(fluxcost, name)
            assert value is getattr(module, name), name
            assert (value.__module__, value.__name__) == (module.__name__, name)


def test_the_stub_that_type_checkers_read_is_written_from_the_table():
    assert STUB.read_text(encoding="utf-8") == stub(), "run python -m scripts.refresh_door"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'fluxcost' has no attribute 'nothing'"):
        getattr(fluxcost, "nothing")  # noqa: B009 - type checkers know that it is not there
