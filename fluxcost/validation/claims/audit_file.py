"""Audit files, format `fluxcost-audit`, version 1: facts of an article, checks of its claims.

A file holds an article's figures as facts, and for each claim the checks that recompute it. It
holds no verdict: what a claim comes to is worked out, so a changed figure changes the answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, model_validator

from fluxcost.documents import read_yaml, refuse_other_version
from fluxcost.errors import DocumentError, InputError, UnknownNameError
from fluxcost.records import Count, Name, Record
from fluxcost.validation.claims.printed_figures import PrintedFigure, printed

Value = PrintedFigure | str


@dataclass(frozen=True)
class FactTable:
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

    def column(self, name: str) -> tuple[PrintedFigure, ...]:
        """Return the numbers of one column, rows without it left out.

        Raises:
            UnknownNameError: No row has a number there.
        """
        found = tuple(row[name] for row in self.rows if isinstance(row.get(name), PrintedFigure))
        if not found:
            columns = {column for row in self.rows for column in row}
            raise UnknownNameError(f"column of {self.name}", name, columns)
        return tuple(value for value in found if isinstance(value, PrintedFigure))


@dataclass(frozen=True)
class FactGroup:
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
    def figures(self) -> tuple[PrintedFigure, ...]:
        """The numbers directly in it."""
        return tuple(each for each in self.members.values() if isinstance(each, PrintedFigure))


Fact = Value | FactTable | FactGroup


def read_facts(document: Mapping[str, object], name: str = "") -> FactGroup:
    """Turn plain values into facts.

    A number in quotes is a figure as printed, with its rounding; a bare number is exact.

    Raises:
        InputError: A value is neither number, text, list of rows nor group of these.
    """
    members = {}
    for key, value in document.items():
        path = f"{name}.{key}" if name else str(key)
        members[str(key)] = _fact(value, path)
    return FactGroup(name, members)


def _fact(value: object, path: str) -> Fact:
    if isinstance(value, Mapping):
        return read_facts(value, path)
    if isinstance(value, list):
        return _table(value, path)
    return _value(value, path)


def _table(rows: list[object], path: str) -> FactTable:
    read = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise InputError(f"fact {path}: row {number} is {row!r}; expected columns and values.")
        read.append({str(key): _value(each, f"{path}.{key}") for key, each in row.items()})
    return FactTable(path, tuple(read))


def _value(value: object, path: str) -> Value:
    if isinstance(value, str):
        return printed(value) or value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"fact {path} is {value!r}; expected a finite number or text.")
    return PrintedFigure.exact(float(value))


def _fits(row: Mapping[str, Value], wanted: Mapping[str, Value]) -> bool:
    return all(column in row and _same(row[column], value) for column, value in wanted.items())


def _same(first: Value, second: Value) -> bool:
    if isinstance(first, PrintedFigure) and isinstance(second, PrintedFigure):
        return first.value == second.value
    return first == second


FORMAT: Literal["fluxcost-audit"] = "fluxcost-audit"
VERSION = 1

Sentence = Annotated[str, Field(min_length=1, max_length=400)]


class Check(Record):
    """One way to recompute a claim."""

    compute: Annotated[str, Field(min_length=1)] = Field(
        description="An expression over the facts: a number, with `states`, or a comparison."
    )
    states: Name | None = Field(
        default=None,
        description="The claim's own figure, in quotes as printed; its last digit is rounded.",
    )
    about: StrictBool = Field(
        default=False,
        description="Whether the claim says 'roughly'; `states` is then as wide as the file says.",
    )
    when: Name | None = Field(
        default=None,
        description="The condition under which this is the right check, where the claim leaves "
        "it open.",
    )

    @model_validator(mode="after")
    def _about_a_figure(self) -> Self:
        if self.about and self.states is None:
            raise ValueError("`states` beside `about`")
        return self


class Claim(Record):
    """One statement with a number in it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
    text: Sentence = Field(description="What is claimed, in the auditor's words.")
    checks: tuple[Check, ...] = ()
    not_checkable: Sentence | None = Field(
        default=None, description="Why there is no check; instead of `checks`."
    )
    unchecked: Sentence | None = Field(
        default=None, description="The part of the claim that the checks leave out."
    )

    @model_validator(mode="after")
    def _checked_or_not(self) -> Self:
        if bool(self.checks) == (self.not_checkable is not None):
            raise ValueError("either checks, or not_checkable with the reason")
        return self


class AuditFile(Record):
    """An article's figures and the checks of its claims."""

    format: Literal["fluxcost-audit"]
    version: Count
    source: Name = Field(description="The article.")
    gpu: Name = Field(description="Key of the GPU it measured; another GPU is another condition.")
    roughly: Annotated[float, Field(gt=0, lt=1, strict=True)] = Field(
        default=0.1, description="What 'roughly' and 'about' allow, as a share of the figure."
    )
    facts: dict[str, Any] = Field(description="Figures in quotes as printed; bare ones are exact.")
    claims: tuple[Claim, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        ids = [claim.id for claim in self.claims]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValueError(f"claims with different ids; {twice[0]} appears twice")
        return self

    def figures(self) -> FactGroup:
        """Return the facts as an expression may name them.

        Raises:
            InputError: A fact is neither number, text, list of rows nor group of these.
        """
        return read_facts(self.facts)


def read_audit_file(path: Path) -> AuditFile:
    """Read an audit file.

    Raises:
        DocumentError: The file cannot be read or is not an audit file.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or wrong.
    """
    document: Any = read_yaml(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DocumentError(f"{path}: not a {FORMAT} file; give a file of that format.")
    refuse_other_version(document, str(path), VERSION)
    return AuditFile.parse(document, str(path))
