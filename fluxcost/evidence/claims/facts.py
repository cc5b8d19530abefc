"""Facts: the tables and figures of an article, as an expression may name them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fluxcost.errors import InputError, UnknownNameError
from fluxcost.evidence.claims.figures import Figure, printed

Value = Figure | str


@dataclass(frozen=True)
class Table:
    """Rows that are looked up by the columns named.

    Attributes:
        name: Its dotted path.
        rows: Column to value, one mapping per row.
    """

    name: str
    rows: tuple[Mapping[str, Value], ...]

    def row(self, wanted: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return the one row that has these values.

        Raises:
            UnknownNameError: A column does not exist.
            InputError: No row fits, or several do.
        """
        columns = {column for row in self.rows for column in row}
        for column in wanted:
            if column not in columns:
                raise UnknownNameError(f"column of {self.name}", column, columns)
        fitting = [row for row in self.rows if _fits(row, wanted)]
        if len(fitting) != 1:
            asked = ", ".join(f"{column}={value}" for column, value in wanted.items())
            raise InputError(
                f"{len(fitting)} rows of {self.name} have {asked or 'any values'}; expected 1: "
                f"name columns that tell its {len(self.rows)} rows apart."
            )
        return fitting[0]

    def column(self, name: str) -> tuple[Figure, ...]:
        """Return the numbers of one column, rows without it left out.

        Raises:
            UnknownNameError: No row has a number there.
        """
        found = tuple(row[name] for row in self.rows if isinstance(row.get(name), Figure))
        if not found:
            columns = {column for row in self.rows for column in row}
            raise UnknownNameError(f"column of {self.name}", name, columns)
        return tuple(value for value in found if isinstance(value, Figure))


@dataclass(frozen=True)
class Group:
    """Facts under one name; its numbers may be averaged.

    Attributes:
        name: Its dotted path; empty for all facts.
        members: Name to fact.
    """

    name: str
    members: Mapping[str, Fact] = field(repr=False)

    def member(self, name: str) -> Fact:
        """Return one fact.

        Raises:
            UnknownNameError: No such fact; carries the nearest.
        """
        if name not in self.members:
            raise UnknownNameError(
                f"fact of {self.name}" if self.name else "fact", name, self.known
            )
        return self.members[name]

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the members."""
        return tuple(self.members)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The numbers directly in it."""
        return tuple(each for each in self.members.values() if isinstance(each, Figure))


Fact = Value | Table | Group


def read_facts(document: Mapping[str, object], name: str = "") -> Group:
    """Turn plain values into facts.

    A number in quotes is a figure as printed, with its rounding; a bare number is exact.

    Raises:
        InputError: A value is neither number, text, list of rows nor group of these.
    """
    members = {}
    for key, value in document.items():
        path = f"{name}.{key}" if name else str(key)
        members[str(key)] = _fact(value, path)
    return Group(name, members)


def _fact(value: object, path: str) -> Fact:
    if isinstance(value, Mapping):
        return read_facts(value, path)
    if isinstance(value, list):
        return _table(value, path)
    return _value(value, path)


def _table(rows: list[object], path: str) -> Table:
    read = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise InputError(f"fact {path}: row {number} is {row!r}; expected columns and values.")
        read.append({str(key): _value(each, f"{path}.{key}") for key, each in row.items()})
    return Table(path, tuple(read))


def _value(value: object, path: str) -> Value:
    if isinstance(value, str):
        return printed(value) or value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"fact {path} is {value!r}; expected a finite number or text.")
    return Figure.exact(float(value))


def _fits(row: Mapping[str, Value], wanted: Mapping[str, Value]) -> bool:
    return all(column in row and _same(row[column], value) for column, value in wanted.items())


def _same(first: Value, second: Value) -> bool:
    if isinstance(first, Figure) and isinstance(second, Figure):
        return first.value == second.value
    return first == second
