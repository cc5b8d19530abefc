"""The fields of a workload file: `fluxcost fields`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fluxcost.cli import options
from fluxcost.cli.output import show_schema, show_table, show_text
from fluxcost.workload.workload import FORMAT, VERSION, Workload

Schema = Mapping[str, Any]
Parts = Mapping[str, Schema]


def fields(*, json: options.Json = False) -> None:
    """Fields of a workload file and their meaning; with --json, its JSON Schema."""
    schema = Workload.model_json_schema()
    if json:
        show_schema(schema)
        return
    show_table(list(_rows(schema, schema["$defs"], "")))
    show_text(f"A workload's first lines are `format: {FORMAT}` and `version: {VERSION}`.")


def _rows(schema: Schema, parts: Parts, path: str) -> Iterator[dict[str, str]]:
    """Yield a row a field, those of a part after it, such as `objective.within_s`."""
    for name, field in schema["properties"].items():
        held = [parts[part] for part in _parts(field)]
        inside = [part for part in held if "properties" in part]
        yield {
            "field": f"{path}{name}",
            "needed": "yes" if name in schema.get("required", ()) else "",
            "meaning": _meaning(field, inside),
        }
        for part in inside:
            yield from _rows(part, parts, f"{path}{name}.")


def _meaning(field: Schema, inside: list[Schema]) -> str:
    """Return a field's own description, else that of what it holds, and the values it may have."""
    text = next((each["description"] for each in (field, *inside) if "description" in each), "")
    ways = (field, *field.get("anyOf", ()))
    values = next((each["enum"] for each in ways if "enum" in each), ())
    choices = f"One of {', '.join(map(str, values))}." if values else ""
    return " ".join([*text.split("\n\n")[0].split(), choices]).rstrip()


def _parts(field: Schema) -> list[str]:
    """Return the names of the parts that a field may hold, alone, in a list or beside nothing."""
    ways = (field, *field.get("anyOf", ()))
    inner = (*ways, *(way.get("items", {}) for way in ways))
    return [each["$ref"].rpartition("/")[2] for each in inner if "$ref" in each]
