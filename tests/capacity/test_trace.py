"""Traces in CSV and Parquet: every row replayed at its time, and what cannot be used refused."""

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity import trace
from fluxcost.capacity.trace import MOST_SHAPES, read_trace
from fluxcost.errors import DocumentError, InputError
from fluxcost.workload.shape import Shape

HEADER = "timestamp,width,height,steps\n"


def csv(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "log.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def parquet(folder: Path, **columns: Any) -> Path:
    path = folder / "log.parquet"
    base = {"timestamp": [0.0, 1.5], "width": [512, 512], "height": [512, 512], "steps": [4, 4]}
    pd.DataFrame(base | columns).to_parquet(path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        read_trace(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


ROWS = st.lists(
    st.tuples(
        st.floats(0, 1e6), st.sampled_from([256, 512, 1024]), st.sampled_from([512, 768]),
        st.integers(1, 9),
    ),
    min_size=2,
    max_size=40,
    unique_by=lambda row: row[0],
)  # fmt: skip


@settings(max_examples=30)
@given(rows=ROWS)
def test_both_kinds_of_file_hold_the_same_requests(tmp_path_factory, rows: list[Any]):
    folder = tmp_path_factory.mktemp("traces")
    rows = sorted(rows)
    names = ["timestamp", "width", "height", "steps"]
    columns = dict(zip(names, (list(each) for each in zip(*rows, strict=True)), strict=True))
    found = [
        read_trace(csv(folder, *(",".join(map(repr, row)) for row in rows))),
        read_trace(parquet(folder, **columns, user=["x"] * len(rows))),
    ]
    for each in found:
        times_s = [row[0] for row in rows]
        assert each.times_s == pytest.approx(np.array(times_s) - times_s[0])
        assert [each.shapes[line] for line in each.lines] == [Shape(*row[1:]) for row in rows]
    assert found[0].shapes == found[1].shapes


def test_moments_are_seconds_apart(tmp_path: Path):
    written = ["2026-11-24T08:00:00Z", "2026-11-24T09:00:00.25+01:00", "2026-11-24 08:01:00"]
    found = read_trace(csv(tmp_path, *(f"{each},512,512,4" for each in written)))
    assert found.times_s.tolist() == [0.0, 0.25, 60.0]
    moments = [dt.datetime.fromisoformat(each).replace(tzinfo=None) for each in written[::2]]
    for unit in ("s", "ms", "us", "ns"):
        stamps = pd.Series(np.array(moments, dtype=f"datetime64[{unit}]"))
        assert read_trace(parquet(tmp_path, timestamp=stamps)).times_s.tolist() == [0.0, 60.0]
        zoned = stamps.dt.tz_localize("Europe/Berlin")
        assert read_trace(parquet(tmp_path, timestamp=zoned)).times_s.tolist() == [0.0, 60.0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "0 requests with one time among them; expected two or more times."),
        (["0,512,512,4"], "1 requests with one time among them; expected two or more"),
        (["3,512,512,4"] * 5, "5 requests with one time among them; expected two or more"),
        (["0,1000,512,4", "1,512,512,4"], "line 2: width is 1000; expected a multiple of 16"),
        (["0,512,512,4", "1,512,512,0"], "line 3: steps is 0; expected a whole number from 1"),
        (["0,512,512,4", "1,-16,512,4"], "line 3: width is '-16'; expected a whole number."),
        (["0,512,512,4", "1,512.0,512,4"], "line 3: width is '512.0'; expected a whole number."),
        (["0,512,512,4", "1,512,9" + "9" * 99], "line 3: height is '9999"),
        (["0,512,512,4", "1,512"], "line 3: height is None; expected a whole number."),
        (["nan,512,512,4"], "line 2: timestamp is nan; expected seconds from 0 to 1e+11;"),
        (["inf,512,512,4"], "line 2: timestamp is inf; expected seconds from 0 to 1e+11;"),
        (["-1,512,512,4"], "line 2: timestamp is -1; expected seconds from 0 to 1e+11;"),
        (["1763900000000,512,512,4"], "line 2: timestamp is 1.7639e+12; expected seconds from"),
        (["noon,512,512,4"], "line 2: timestamp is 'noon'; expected seconds, or a date and time"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(tmp_path: Path, rows: list[str], message: str):
    assert refusal(csv(tmp_path, *rows)).startswith(message)


def test_rows_in_any_order_are_replayed_in_order_of_time(tmp_path: Path):
    trace = read_trace(csv(tmp_path, "5,512,512,4", "3,768,768,4", "4,512,512,4", "3,512,768,4"))
    assert trace.times_s.tolist() == [0.0, 0.0, 1.0, 2.0]
    asked = [trace.shapes[line].width for line in trace.lines]
    assert asked == [768, 512, 512, 512]
    assert [trace.shapes[line].height for line in trace.lines] == [768, 768, 512, 512]


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert refusal(csv(tmp_path, header="timestamp,width,height\n")) == (
        "column steps is missing; expected timestamp,width,height,steps in line 1."
    )
    assert refusal(csv(tmp_path, header="")).startswith("column timestamp is missing")
    assert refusal(tmp_path / "none.csv").startswith("No such file")
    many = [f"{n},{16 * (n + 1)},512,4" for n in range(MOST_SHAPES + 1)]
    assert refusal(csv(tmp_path, *many)).startswith("65 distinct shapes; expected at most 64: ")
    monkeypatch.setattr("fluxcost.documents.MAX_BYTES", 20)
    assert refusal(csv(tmp_path, *many)).endswith(" bytes; expected at most 20.")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"timestamp": [0.0, float("inf")]}, "row 2: timestamp is inf; expected seconds from"),
        ({"timestamp": [-1, 1]}, "row 1: timestamp is -1; expected seconds from 0"),
        ({"timestamp": [1, 1]}, "2 requests with one time among them; expected two or more"),
        ({"timestamp": ["0", "1"]}, "column timestamp holds "),
        ({"timestamp": [None, 1.0]}, "column timestamp lacks 1 values; fill them."),
        ({"timestamp": [True, False]}, "column timestamp holds bool; expected seconds or"),
        ({"width": [512, 1000]}, "row 2: width is 1000; expected a multiple of 16 pixels; use"),
        ({"width": [512.0, 512.0]}, "column width holds double; expected whole numbers."),
        ({"height": [2**62, 512]}, "row 1: height is 4611686018427387904; expected a whole"),
        ({"steps": [-4, 4]}, "row 1: steps is -4; expected a whole number from 1 to 1000"),
        ({"steps": pd.Series([4, None], dtype="Int64")}, "column steps lacks 1 values; fill"),
    ],
)
def test_parquet_that_cannot_be_used_is_refused(tmp_path: Path, columns: Any, message: str):
    assert refusal(parquet(tmp_path, **columns)).startswith(message)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "log.parquet"
    assert refusal(path).startswith("not usable as Parquet: ")
    path.write_text(HEADER)
    assert refusal(path).startswith("not usable as Parquet: ")
    path.write_bytes(parquet(tmp_path).read_bytes()[:-20])
    assert refusal(path).startswith("not usable as Parquet: ")
    pd.DataFrame({"timestamp": [0.0], "width": [512], "height": [512]}).to_parquet(path)
    assert refusal(path) == ("column steps is missing; expected timestamp, width, height, steps.")
    monkeypatch.setattr(trace, "MOST_REQUESTS", 1)
    assert refusal(parquet(tmp_path)) == "2 rows; expected at most 1: cut it up."


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = parquet(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"needs pyarrow, .* pip install 'fluxcost\[parquet\]'\."):
        read_trace(path)
