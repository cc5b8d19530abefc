"""Price rows as YAML files, and the JSON Schema of those files."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from fluxcost.economics.offers import Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InputError
from fluxcost.records import Record

WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What YAML 1.1 reads as something else than text."""


def price_file(*rows: Offer | Tariff) -> str:
    """Return rows of one provider as the text of a price file, to edit and lay over the shipped.

    Args:
        rows: Offers or tariffs, not both.

    Raises:
        InputError: There is no row, or they are not of one provider and one kind.
    """
    kinds = {type(row) for row in rows}
    providers = {row.provider for row in rows}
    if len(kinds) != 1 or len(providers) != 1:
        raise InputError(
            f"rows are of {len(kinds)} kinds and {len(providers)} providers; expected offers or "
            "tariffs of one provider."
        )
    key: Literal["offers", "tariffs"] = "offers" if kinds == {Offer} else "tariffs"
    left_out = {"provider", "from_overlay"}
    said = [row.model_dump(exclude_defaults=True, exclude=left_out) for row in rows]
    return file_text(providers.pop(), key, said)


def file_text(provider: str, key: str, rows: Iterable[dict[str, Any]]) -> str:
    """Return plain rows as the text of a provider's file."""
    lines = [f"provider: {provider}", f"name: {provider}", f"{key}:"]
    for row in rows:
        fields = [f"{name}: {_flow(value)}" for name, value in row.items()]
        lines += [f"  - {fields[0]}", *(f"    {field}" for field in fields[1:])]
    return "\n".join(lines) + "\n"


REFRESHED = (
    "# Written by `fluxcost prices refresh`, which replaces it while it is unchanged: sha256 "
)
"""How the first line of a refreshed file begins; the hash of the other lines follows."""


def refreshed_text(text: str) -> str:
    """Return a price file's text under a first line by which a refresh knows its own."""
    return f"{REFRESHED}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def is_refreshed(text: str) -> bool:
    """Return whether a price file is as a refresh wrote it, so that no row in it is one's own."""
    _, _, rest = text.partition("\n")
    return text == refreshed_text(rest)


def _flow(value: Any) -> str:  # noqa: ANN401 - any plain value
    """Return a value as YAML on one line: dates bare, numbers without an exponent."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: object) -> str:
    """Return a key bare where YAML 1.1 reads it as the text it is."""
    is_word = str(name).isidentifier() and str(name).lower() not in WORDS
    return str(name) if is_word else _flow(name)


TITLE = "fluxcost price file: GPU offers (gpus/) or image API tariffs (apis/) of one provider"

OF_THE_FILE = ("provider", "from_overlay")
"""Fields of a row that its file gives."""


def price_file_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file in `pricing/`."""
    definitions: dict[str, Any] = {}
    files = [_file("offers", Offer, definitions), _file("tariffs", Tariff, definitions)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "oneOf": files,
        "$defs": dict(sorted(definitions.items())),
    }


def _file(key: str, record: type[Record], definitions: dict[str, Any]) -> dict[str, Any]:
    row = record.model_json_schema(ref_template="#/$defs/{model}")
    definitions |= row.pop("$defs", {})
    for field in OF_THE_FILE:
        row["properties"].pop(field)
    row["required"] = [field for field in row["required"] if field not in OF_THE_FILE]
    definitions[record.__name__] = row
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["provider", "name", key],
        "properties": {
            "provider": {"type": "string", "description": "Key of the provider; the file's name."},
            "name": {"type": "string", "description": "The provider as people write it."},
            key: {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": f"#/$defs/{record.__name__}"},
            },
        },
    }
