"""The base of every record, and field types that refuse NaN, infinity and the wrong sign."""

from __future__ import annotations

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
            refuse(error, where)

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


def refuse(error: ValidationError, where: str) -> NoReturn:
    """Turn a pydantic error into one sentence and raise it as InputError."""
    problems = error.errors(include_url=False)
    first = problems[0]
    field = ".".join(str(part) for part in first["loc"]) or "the whole record"
    more = _count_further({problem["loc"] for problem in problems} - {first["loc"]}, first["loc"])
    if first["type"] == "missing":
        raise InputError(f"{where}: {field} is missing; add it{more}.") from None
    if first["type"] == "extra_forbidden":
        raise InputError(f"{where}: {field} is not a known field; remove it{more}.") from None
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    value = repr(first["input"])
    shown = value if len(value) <= 80 else value[:77] + "..."
    raise InputError(f"{where}: {field} is {shown}; expected: {expected}{more}.") from None


def _count_further(others: set[tuple[int | str, ...]], first: tuple[int | str, ...]) -> str:
    # A list whose entries are refused is also reported as too short: that is not another field.
    fields = sum(1 for other in others if first[: len(other)] != other)
    if fields == 0:
        return ""
    return f" (and {fields} more field{'s' if fields > 1 else ''} to correct)"
