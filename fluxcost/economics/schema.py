"""The JSON Schema of a price file, for editors that complete and validate.

What a schema can say it says; the rest (dates that do not contradict each other, ids that begin
with their provider, prices that are either given or explained) is checked when prices are loaded.
"""

from __future__ import annotations

from typing import Any

from fluxcost.economics.offers import Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.records import Record

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
