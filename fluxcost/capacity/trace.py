"""Recorded requests: a CSV of timestamp, width, height, steps, replayed without loss."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fluxcost.documents import read_text
from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.kriging import Array
from fluxcost.workload import Shape

COLUMNS = ("timestamp", "width", "height", "steps")


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
    lines: np.typing.NDArray[np.int64]

    @property
    def shares(self) -> tuple[float, ...]:
        """Each shape's share of the requests."""
        counts = np.bincount(self.lines, minlength=len(self.shapes))
        return tuple(float(count) / self.lines.size for count in counts)


def read_trace(path: Path) -> Trace:
    """Read a trace; other columns are ignored, rows may come in any order, none is dropped.

    Timestamps are seconds, or ISO 8601 dates and times, one kind throughout.

    Raises:
        DocumentError: Unreadable, a column is missing, or a value cannot be used; names the line.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise DocumentError(
            f"{path}: column {missing[0]} is missing; expected {','.join(COLUMNS)} in line 1."
        )
    times: list[float] = []
    found: dict[Shape, int] = {}
    lines: list[int] = []
    for row in reader:
        try:
            shape = Shape(*(int(row[name]) for name in COLUMNS[1:]))
            times.append(_seconds(row["timestamp"]))
        except (InputError, ValueError, TypeError) as error:
            raise DocumentError(f"{path}: line {reader.line_num}: {error}") from None
        lines.append(found.setdefault(shape, len(found)))
    if len(times) < 2 or min(times) == max(times):
        raise DocumentError(
            f"{path}: {len(times)} requests with one time among them; expected two or more times."
        )
    at = np.array(times)
    order = np.argsort(at, kind="stable")
    return Trace(at[order] - at.min(), tuple(found), np.array(lines, dtype=np.int64)[order])


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        when = dt.datetime.fromisoformat(text)
        value = when.replace(tzinfo=when.tzinfo or dt.UTC).timestamp()
    if not np.isfinite(value):
        raise ValueError(f"timestamp is {text}; expected a finite number of seconds.")
    return value
