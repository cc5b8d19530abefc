"""Tables in terminals of every width: whole words, whole names, and a word on what is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.cli.output import GAP, fitted

ROWS = [
    {"#": "1", "option": "runpod/h100-sxm-community", "total": "$90.20 ($78.72 to $103.10)"},
    {"#": "10", "option": "verda/h100-sxm", "total": "$77.86 ($45.93 to $129.02)"},
]
WHOLE = {"#": 2, "option": 25, "total": 26}


def test_where_there_is_room_nothing_is_folded():
    assert fitted(ROWS, sum(WHOLE.values()) + GAP * 3, ()) == WHOLE


def test_text_wraps_before_a_column_goes_and_names_stay_whole():
    widths = fitted(ROWS, sum(WHOLE.values()) + GAP * 3 - 8, ("total",))
    assert widths == WHOLE | {"total": 18}


def test_a_column_that_can_be_spared_goes_where_rows_would_be_tall():
    assert fitted(ROWS, 25 + 2 + 10 + GAP * 3, ("total",)) == {"#": 2, "option": 25}
    assert list(fitted(ROWS, 25 + 2 + 10 + GAP * 3, ())) == ["#", "option", "total"]


def test_where_not_even_words_fit_the_table_does_what_it_can():
    assert fitted(ROWS, 20, ()) == dict.fromkeys(WHOLE)
    assert fitted(ROWS, 20, ("total",)) == {"#": None, "option": None}


@given(room=st.integers(10, 120))
def test_no_table_is_wider_than_its_terminal(room: int):
    widths = fitted(ROWS, room, ("total", "#"))
    known = [width for width in widths.values() if width is not None]
    assert sum(known) + GAP * len(widths) <= room or not known


@pytest.mark.parametrize("spare", [(), ("total",)])
def test_more_room_never_shows_less(spare: tuple[str, ...]):
    shown = [len(fitted(ROWS, room, spare)) for room in range(20, 120)]
    assert shown == sorted(shown)
