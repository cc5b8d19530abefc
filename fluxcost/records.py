"""The base of every record, and field types that refuse NaN, infinity and the wrong sign."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fluxcost.errors import InputError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
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


def refuse(error: ValidationError, where: str) -> NoReturn:
    """Turn a pydantic error into one sentence and raise it as InputError."""
    problems = error.errors(include_url=False)
    first = problems[0]
    field = ".".join(str(part) for part in first["loc"]) or "the whole record"
    more = f" ({len(problems) - 1} more problems)" if len(problems) > 1 else ""
    expected = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        message = f"{where}: {field} is missing; add it{more}."
    else:
        value = repr(first["input"])
        shown = value if len(value) <= 80 else value[:77] + "..."
        message = f"{where}: {field} is {shown}; expected: {expected}{more}."
    raise InputError(message) from None
