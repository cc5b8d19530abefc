"""Columns of numbers from a Parquet file; pyarrow is an optional extra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.kriging import Array


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
