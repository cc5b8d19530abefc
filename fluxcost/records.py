"""The base of every record, and field types that refuse NaN, infinity and the wrong sign."""

from __future__ import annotations

import difflib
import functools
from typing import Annotated, Any, NoReturn, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
)
from pydantic_core import CoreSchema, ErrorDetails

from fluxcost.errors import InputError
from fluxcost.text import quoted, shown, unprintable

LARGEST = 1e30
SMALLEST = 1e-30
"""Bounds of every number read, in any unit, that is not 0: products and ratios stay finite."""

MOST = 10**15
"""Largest count read; floats tell whole numbers apart up to 9e15."""


def _printable(text: str) -> str:
    if (found := unprintable(text)) is not None:
        raise ValueError(f"text without the character U+{ord(found):04X}, which is not shown")
    return text


def _no_path(text: str) -> str:
    if "/" in text or "\\" in text or text.endswith((".yaml", ".yml", ".json")):
        raise ValueError("a name, not a path")
    return text


def _not_huge(value: float) -> float:
    if abs(value) > LARGEST:
        raise ValueError(f"a number whose size is at most {LARGEST:g}")
    return value


def _not_minute(value: float) -> float:
    if value < SMALLEST:
        raise ValueError(f"a number whose size is at least {SMALLEST:g}")
    return value


# Strict, since YAML reads `yes` as true and `1e3` as text: neither is a number someone wrote.
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True), AfterValidator(_not_huge)]
NonNegative = Annotated[Finite, Field(ge=0)]
Positive = Annotated[Finite, Field(gt=0), AfterValidator(_not_minute)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Count = Annotated[int, Field(ge=1, le=MOST, strict=True)]
FirstVersion = Annotated[int, Field(ge=1, le=1, strict=True)]
"""Of a format that has had no other; YAML's `true` equals 1 and is none."""

Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Key = Annotated[Name, AfterValidator(_no_path)]
"""A name that other files are found by: never a path."""


def _fail_fast(schema: Any) -> None:  # noqa: ANN401 - a tree of dicts and lists
    if isinstance(schema, list):
        for each in schema:
            _fail_fast(each)
    elif isinstance(schema, dict):
        if schema.get("type") in {"tuple", "list", "set", "frozenset"}:
            schema["fail_fast"] = True
        for key, each in schema.items():
            # Another record's own tree was seen when that record was made; metadata is no schema.
            if key not in {"metadata", "config", "default", "cls"}:
                _fail_fast(each)


SLIP = 0.8
"""Likeness of two names, by difflib's ratio, from which one is a slip of the other."""

MOST_NAMED = 12
"""Missing fields that are all named; of more, the first is, and the others counted."""

WORD = 5
"""Characters from which a name that is part of a field's may stand for it."""

LONGEST_NAME = 80
"""Characters of an unknown name from which it is no slip of any."""


class Record(BaseModel):
    """An immutable value whose unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let a list be refused at its first wrong entry: a million notes on one take 1.4 GB."""
        schema = handler(source)
        _fail_fast(schema)
        return schema

    @classmethod
    def parse(cls, document: object, where: str) -> Self:
        """Validate a plain document, or raise InputError naming field, value and expectation.

        Args:
            document: The mapping as read from YAML or JSON.
            where: What the document is and where it came from, for the message.

        Raises:
            InputError: With the first problem in full and the number of further ones.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            refuse(error, where, cls)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON-ready values."""
        return self.model_dump(mode="json", exclude_none=True)


def plain(value: Any) -> Any:  # noqa: ANN401 - any field of a result
    """Return a value of a result as JSON holds it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value.to_dict() if hasattr(value, "to_dict") else value


def refuse(error: ValidationError, where: str, record: type[BaseModel]) -> NoReturn:
    """Turn a pydantic error into one sentence and raise it as InputError."""
    # A misspelled field is also a missing one: the spelling is what its writer can see.
    problems = sorted(
        error.errors(include_url=False), key=lambda problem: problem["type"] != "extra_forbidden"
    )
    first = problems[0]
    field = _path(first["loc"]) or "the whole record"
    more = _count_further({problem["loc"] for problem in problems} - {first["loc"]}, first["loc"])
    if first["type"] == "missing":
        raise InputError(f"{where}: {_missing(problems)}.") from None
    if first["type"] == "extra_forbidden":
        remedy = _remedy(first["loc"], record)
        ending = f"{more}." if more or not remedy.endswith("?") else ""
        raise InputError(f"{where}: {field} is not a known field; {remedy}{ending}") from None
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    value = quoted(first["input"])
    raise InputError(f"{where}: {field} is {value}; expected: {expected}{more}.") from None


def _missing(problems: list[ErrorDetails]) -> str:
    """Return what is missing, all of it unless that is very much, and how much else is wrong."""
    absent = [problem["loc"] for problem in problems if problem["type"] == "missing"]
    named = absent if len(absent) <= MOST_NAMED else absent[:1]
    more = _count_further({problem["loc"] for problem in problems} - {*named}, named[0])
    *others, last = map(_path, named)
    if not others:
        return f"{last} is missing; add it{more}"
    return f"{', '.join(others)} and {last} are missing; add them{more}"


def _path(loc: tuple[int | str, ...]) -> str:
    return ".".join(_named(part) for part in loc)


def _named(part: int | str) -> str:
    # A field's name may be anything where nobody knows it.
    text = str(part)
    return shown(text if text.isprintable() else repr(text))


def _remedy(loc: tuple[int | str, ...], record: type[BaseModel]) -> str:
    """Return what to do about a field that is not known: its right name, or those there are."""
    name, here = str(loc[-1]), _fields_at(loc[:-1], record)
    # A field of another part is known there, not here: its own name is no help.
    known = set() if len(name) > LONGEST_NAME else {*_fields_in(record)} - {name}
    if slip := difflib.get_close_matches(name, sorted(known), n=1, cutoff=SLIP):
        return f"did you mean {slip[0]}?"
    # Whoever writes `regions` asks for `allow_regions`.
    longer = [field for field in here if len(name) >= WORD and name.lower() in field]
    if len(longer) == 1:
        return f"did you mean {longer[0]}?"
    return f"remove it, or use one of {', '.join(here)}" if here else "remove it"


def _fields_at(path: tuple[int | str, ...], record: type[BaseModel]) -> tuple[str, ...]:
    """Return the fields of the part of a record that a path leads to; none where it may be any."""
    schema = record.model_json_schema()
    parts = schema.get("$defs", {})
    here = schema
    for step in path:
        ways = here.get("properties", {}).get(step) if isinstance(step, str) else here.get("items")
        ways = ways or {}
        options = [way for way in ways.get("anyOf", [ways]) if way.get("type") != "null"]
        if len(options) != 1:
            return ()
        reference = options[0].get("$ref", "").rpartition("/")[2]
        here = parts[reference] if reference else options[0]
    return tuple(here.get("properties", ()))


@functools.cache
def _fields_in(record: type[BaseModel]) -> tuple[str, ...]:
    schema = record.model_json_schema()
    parts = (schema, *schema.get("$defs", {}).values())
    return tuple(sorted({field for part in parts for field in part.get("properties", ())}))


def _count_further(others: set[tuple[int | str, ...]], first: tuple[int | str, ...]) -> str:
    # A list whose entries are refused is also reported as too short: that is not another field.
    fields = sum(1 for other in others if first[: len(other)] != other)
    if fields == 0:
        return ""
    return f" (and {fields} more field{'s' if fields > 1 else ''} to correct)"
