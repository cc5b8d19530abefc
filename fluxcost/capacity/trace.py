"""Recorded requests: timestamp, width, height and steps, read from CSV or Parquet without loss."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from fluxcost.documents import read_text
from fluxcost.errors import DocumentError, InputError
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape


def read_columns(path: Path, names: Sequence[str], most_rows: int) -> list[Array]:
    """Read columns of numbers, of which the first may be of timestamps, given in seconds.

    Raises:
        DocumentError: Not a Parquet file, too long, or a column is missing, holds something else
            than numbers, or lacks a value.
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError:
        raise InputError(
            f"{path}: reading Parquet needs pyarrow, which is not installed; "
            "pip install 'fluxcost[parquet]'."
        ) from None
    try:
        with pq.ParquetFile(path) as file:
            _refuse_others(path, file, names, most_rows)
            table = file.read(columns=list(names))
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DocumentError(f"{path}: not usable as Parquet: {reason}") from None
    return [
        _numbers(path, name, table.column(name), moments=index == 0)
        for index, name in enumerate(names)
    ]


def _refuse_others(path: Path, file: Any, names: Sequence[str], most_rows: int) -> None:  # noqa: ANN401 - pyarrow is untyped
    """Refuse by the file's footer, before anything is read."""
    for name in names:
        count = file.schema_arrow.names.count(name)
        if count != 1:
            what = "is missing" if count == 0 else "is there twice"
            raise DocumentError(f"{path}: column {name} {what}; expected {', '.join(names)}.")
        # Before its values: a few kilobytes of a file may hold millions of long texts.
        _refuse_kind(path, name, file.schema_arrow.field(name).type, moments=name == names[0])
    rows = file.metadata.num_rows
    if rows > most_rows:
        raise DocumentError(f"{path}: {rows:,} rows; expected at most {most_rows:,}: cut it up.")


def _refuse_kind(path: Path, name: str, kind: Any, *, moments: bool) -> None:  # noqa: ANN401
    import pyarrow as pa

    kinds = pa.types
    usable = kinds.is_integer(kind)
    if moments:
        usable = usable or kinds.is_floating(kind) or kinds.is_timestamp(kind)
    if not usable:
        expected = "seconds or timestamps" if moments else "whole numbers"
        raise DocumentError(f"{path}: column {name} holds {kind}; expected {expected}.")


def _numbers(path: Path, name: str, column: Any, *, moments: bool) -> Array:  # noqa: ANN401
    import pyarrow as pa

    kinds = pa.types
    if column.null_count:
        raise DocumentError(f"{path}: column {name} lacks {column.null_count} values; fill them.")
    if moments and kinds.is_timestamp(column.type):
        since_1970 = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
        return np.asarray(since_1970.cast(pa.int64()).to_numpy()) / 1e6
    return np.asarray(column.to_numpy())


Integers = np.typing.NDArray[np.int64]

COLUMNS = ("timestamp", "width", "height", "steps")

MOST_REQUESTS = 10_000_000
"""Requests of a trace, which is held in memory whole: a month at 4 a second."""

MOST_SHAPES = 64
"""Distinct shapes of a trace; each has a waiting line and a histogram of its own."""

LATEST_S = 1e11
"""Largest timestamp, in the year 5138; one in milliseconds is over it since 1973."""


_SIDE = 1 << 20


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in order of time.

    Attributes:
        times_s: Seconds since the first request, rising.
        shapes: The distinct shapes.
        lines: For each request, the position of its shape in `shapes`.
    """

    times_s: Array
    shapes: tuple[Shape, ...]
    lines: Integers

    @property
    def shares(self) -> tuple[float, ...]:
        """Each shape's share of the requests."""
        counts = np.bincount(self.lines, minlength=len(self.shapes))
        return tuple(float(count) / self.lines.size for count in counts)


@dataclass(frozen=True, eq=False)
class _Rows:
    """A file's rows: times (s), sizes (width, height, steps), and where each stands in the file."""

    times_s: Array
    sizes: Integers
    places: Integers
    unit: str

    @property
    def in_order(self) -> _Rows:
        """The rows by time; those of one moment stay as they stood."""
        order = np.argsort(self.times_s, kind="stable")
        return _Rows(self.times_s[order], self.sizes[order], self.places[order], self.unit)

    def refuse(self, path: Path, index: int, reason: str) -> NoReturn:
        raise DocumentError(f"{path}: {self.unit} {self.places[index]}: {reason}") from None


def read_trace(path: Path) -> Trace:
    """Read a trace from a CSV file, or from a Parquet file where its name ends in .parquet.

    Rows may stand in any order, such as a log's, whose rows are written when requests are answered;
    none is dropped, and other columns are ignored. Timestamps are seconds or moments (in CSV ISO
    8601), one kind throughout; a moment without a zone is UTC.

    Raises:
        DocumentError: Unreadable, a column is missing, or a value cannot be used; names the row.
        InputError: A Parquet file where pyarrow is not installed.
    """
    rows = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    _refuse_times(path, rows)
    rows = rows.in_order
    shapes, lines = _shapes(path, rows)
    return Trace(rows.times_s - rows.times_s[0], shapes, lines)


def _read_parquet(path: Path) -> _Rows:
    times, *sizes = read_columns(path, COLUMNS, MOST_REQUESTS)
    places = np.arange(1, times.size + 1)
    return _Rows(times.astype(np.float64), np.stack(sizes, axis=1).astype(np.int64), places, "row")


def _read_csv(path: Path) -> _Rows:
    reader = csv.DictReader(io.StringIO(read_text(path)))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise DocumentError(
            f"{path}: column {missing[0]} is missing; expected {','.join(COLUMNS)} in line 1."
        )
    times: list[float] = []
    sizes: list[list[int]] = []
    places: list[int] = []
    try:
        for row in reader:
            times.append(_seconds(row["timestamp"]))
            sizes.append([_whole(name, row[name]) for name in COLUMNS[1:]])
            places.append(reader.line_num)
    except (ValueError, csv.Error) as error:
        raise DocumentError(f"{path}: line {reader.line_num}: {error}") from None
    whole = np.array(sizes, dtype=np.int64).reshape(-1, len(COLUMNS) - 1)
    return _Rows(np.array(times), whole, np.array(places, dtype=np.int64), "line")


def _seconds(text: str | None) -> float:
    for read in (float, _moment_s):
        with contextlib.suppress(ValueError):
            return read(text or "")
    expected = "seconds, or a date and time such as 2026-11-24T08:00:00Z"
    raise ValueError(f"timestamp is {text!r}; expected {expected}.")


def _moment_s(text: str) -> float:
    when = dt.datetime.fromisoformat(text)
    return when.replace(tzinfo=when.tzinfo or dt.UTC).timestamp()


def _whole(name: str, text: str | None) -> int:
    value = (text or "").strip()
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError(f"{name} is {text!r}; expected a whole number.")
    return int(value)


def _refuse_times(path: Path, rows: _Rows) -> None:
    times_s = rows.times_s
    usable = (times_s >= 0) & (times_s <= LATEST_S)
    if not usable.all():
        first = int(np.argmin(usable))
        expected = f"expected seconds from 0 to {LATEST_S:g}; divide milliseconds by 1000."
        rows.refuse(path, first, f"timestamp is {times_s[first]:g}; {expected}")
    if times_s.size < 2 or np.ptp(times_s) == 0:
        raise DocumentError(
            f"{path}: {times_s.size} requests with one time among them; expected two or more times."
        )


def _shapes(path: Path, rows: _Rows) -> tuple[tuple[Shape, ...], Integers]:
    """Return the distinct shapes in order of their coming, and the position of each row's."""
    # One number a shape sorts quicker than three; what it cannot hold is no shape.
    widths, heights, steps = np.clip(rows.sizes, -1, _SIDE - 2).T + 1
    _, firsts, sorted_lines = np.unique(
        (widths * _SIDE + heights) * _SIDE + steps, return_index=True, return_inverse=True
    )
    if firsts.size > MOST_SHAPES:
        raise DocumentError(
            f"{path}: {firsts.size} distinct shapes; expected at most {MOST_SHAPES}: round sizes "
            "and steps to fewer."
        )
    shapes = []
    for first in np.sort(firsts).tolist():
        try:
            shapes.append(Shape(*rows.sizes[first].tolist()))
        except InputError as error:
            rows.refuse(path, first, str(error))
    coming = np.argsort(np.argsort(firsts))
    return tuple(shapes), coming[sorted_lines].astype(np.int64)
