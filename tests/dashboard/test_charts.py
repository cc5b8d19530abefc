"""Charts are drawn once and brought their rows: none is left without, and none is drawn twice."""

import json
from collections.abc import Iterator
from typing import Any

import altair as alt
import pandas as pd
import pytest

from dashboard import charts
from tests.dashboard.opened import opened


def names(spec: Any) -> Iterator[str]:
    """Yield the name of every set of rows that a chart asks for."""
    if isinstance(spec, dict):
        if isinstance(spec.get("data"), dict):
            yield spec["data"]["name"]
        for part in spec.values():
            yield from names(part)
    elif isinstance(spec, list):
        for part in spec:
            yield from names(part)


@pytest.mark.parametrize(
    ("name", "drawn"),
    [("what_if", 1), ("break_even", 1), ("capacity", 3), ("compare", 1), ("calibration", 3)],
)
def test_a_chart_has_all_the_rows_it_asks_for(name: str, drawn: int):
    found = opened(name).get("vega_lite_chart")
    assert len(found) == drawn
    for each in found:
        asked = set(names(json.loads(each.proto.spec)))
        assert asked == {rows.name for rows in each.proto.datasets if rows.data.data}


def test_a_chart_is_drawn_once_for_each_way_to_draw_it():
    asked = []

    @charts.drawn_once
    def bars(title: str) -> alt.Chart:
        asked.append(title)
        drawn: alt.Chart = charts.of().mark_bar().encode(x=alt.X("value:Q", title=title))
        return drawn

    assert bars("USD") == bars("USD") != bars("hours")
    assert asked == ["USD", "hours"]


def test_a_picture_holds_the_rows():
    @charts.drawn_once
    def bars() -> alt.Chart:
        drawn: alt.Chart = charts.of().mark_bar().encode(x="value:Q", y="name:N")
        return drawn

    def picture(*values: float) -> bytes:
        rows = pd.DataFrame({"name": [str(place) for place in range(len(values))], "value": values})
        return charts.picture(charts.Drawing(bars(), {charts.ROWS: rows}), step=20)()

    one, other, higher = picture(1, 2), picture(2, 1), picture(1, 2, 3)
    assert all(each.startswith(b"\x89PNG") for each in (one, other, higher))
    assert picture(1, 2) == one != other
    assert height(higher) - height(one) == round(20 * charts.PNG_PPI / 72)


def height(png: bytes) -> int:
    return int.from_bytes(png[20:24], "big")
