"""The base of every record, and field types that refuse NaN, infinity and the wrong sign."""

from __future__ import annotations

import difflib
import functools
from typing import Annotated, Any, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fluxcost.errors import InputError

# Strict, since YAML reads `yes` as true and `1e3` as text: neither is a number someone wrote.
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


SLIP = 0.8
"""Likeness of two names, by difflib's ratio, from which one is a slip of the other."""

LONGEST_SHOWN = 80
"""Characters of a value or an unknown name in a sentence."""


class Record(BaseModel):
    """An immutable value whose unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

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
    field = ".".join(_shown(part) for part in first["loc"]) or "the whole record"
    more = _count_further({problem["loc"] for problem in problems} - {first["loc"]}, first["loc"])
    if first["type"] == "missing":
        raise InputError(f"{where}: {field} is missing; add it{more}.") from None
    if first["type"] == "extra_forbidden":
        nearest = _nearest(str(first["loc"][-1]), record)
        remedy = f"did you mean {nearest}?" if nearest else "remove it"
        ending = f"{more}." if more or not nearest else ""
        raise InputError(f"{where}: {field} is not a known field; {remedy}{ending}") from None
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    shown = _cut(repr(first["input"]))
    raise InputError(f"{where}: {field} is {shown}; expected: {expected}{more}.") from None


def _nearest(name: str, record: type[BaseModel]) -> str | None:
    """Return the field of a record, or of those in it, that a name is a slip of."""
    known = () if len(name) > LONGEST_SHOWN else _fields_in(record)
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=SLIP)), None)


@functools.cache
def _fields_in(record: type[BaseModel]) -> tuple[str, ...]:
    schema = record.model_json_schema()
    parts = (schema, *schema.get("$defs", {}).values())
    return tuple(sorted({field for part in parts for field in part.get("properties", ())}))


def _shown(part: int | str) -> str:
    """Return a field's name, which may be anything where nobody knows it, fit for a sentence."""
    text = str(part)
    if text.isprintable() and len(text) <= LONGEST_SHOWN:
        return text
    return _cut(repr(text))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _count_further(others: set[tuple[int | str, ...]], first: tuple[int | str, ...]) -> str:
    # A list whose entries are refused is also reported as too short: that is not another field.
    fields = sum(1 for other in others if first[: len(other)] != other)
    if fields == 0:
        return ""
    return f" (and {fields} more field{'s' if fields > 1 else ''} to correct)"
