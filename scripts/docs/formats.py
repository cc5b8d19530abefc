"""Pages of the files people write, field by field, from the records that read them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from fluxcost.economics.extras import Extras
from fluxcost.economics.price_files import price_file_schema
from fluxcost.economics.price_row import STALE_AFTER_DAYS, Grade
from fluxcost.economics.usage.use_file import UseFile
from fluxcost.json_answers import SOURCES, VERSION
from fluxcost.records import Record
from fluxcost.workload.workload import Workload

Schema = Mapping[str, Any]

WORKLOAD = """# Workload files

`fluxcost plan`, `simulate` and `sensitivity` read these files. A workload file states the images,
how many and by when, and what is forbidden. It begins with `format: fluxcost-workload` and
`version: 1`. An unknown field is an error. This page is generated from the code that reads the
file.
"""

PRICES = f"""# Price files

`pricing/`, or a folder given with `--prices`, has `gpus/PROVIDER.yaml` with `offers` and
`apis/PROVIDER.yaml` with `tariffs`, one row each. A row with the id of a shipped one replaces it.
This page is generated from the code that reads the rows. With `fluxcost prices schema`, editors can
check a file as you type. [A tutorial](../tutorials/provider.md) adds a row.

A row states its source and an evidence grade: A is the vendor's own page or feed, B a dated copy of
it, C a blog or aggregator. A price seen over {STALE_AFTER_DAYS} days ago, or of unknown
age, counts as assumed and has a wider interval ([how prices move](../price_moves.md)). `observed`
lists the other days on which it was seen.
"""


USES = """# Usage and extras files

A usage file states how rented time is used. An extras file states the other costs of an image. This
page is generated from the code that reads them. `examples/costs/` has one of each.
"""


ANSWERS = f"""# Answers as JSON

What `--json` prints, and what the dashboard saves as JSON, is one object. Its first fields are
`format` and `version`, now {VERSION}; the fields of the Python result follow. The version rises
where a field is removed or changes its meaning. `fluxcost fields --json` and
`fluxcost prices schema` are not answers: they print a JSON Schema as it is.

| format | given by |
|---|---|
"""


def answer_page() -> str:
    """Return the page of the JSON of answers."""
    rows = (f"| `fluxcost-{kind}` | `{source}` |" for kind, source in SOURCES.items())
    return ANSWERS + "\n".join(rows) + "\n"


def workload_page() -> str:
    """Return the page of workload files."""
    return "\n".join([WORKLOAD, *_record("A workload", Workload)])


def use_page() -> str:
    """Return the page of the files that `fluxcost bill` and `fluxcost cost --extras` read."""
    uses = _record("A usage file, for `fluxcost bill`", UseFile)
    extras = _record("Extras, for `fluxcost cost --extras`", Extras)
    return "\n".join([USES, *uses, *extras])


def _record(title: str, record: type[Record]) -> list[str]:
    """Return the sections of a record and of the records in it."""
    schema = record.model_json_schema()
    definitions = schema.pop("$defs")
    nested = [_section(name, definitions[name], 3) for name in _order(schema, definitions)]
    return [_section(title, schema, 2), *nested]


def price_page() -> str:
    """Return the page of price files."""
    definitions = dict(price_file_schema()["$defs"])
    offer, tariff = definitions.pop("Offer"), definitions.pop("Tariff")
    of_offers = _order(offer, definitions)
    of_tariffs = [name for name in _order(tariff, definitions) if name not in of_offers]
    sections = [_section("An offer", offer, 2)]
    sections += [_section(name, definitions[name], 3) for name in of_offers]
    sections += [_section("A tariff", tariff, 2)]
    sections += [_section(name, definitions[name], 3) for name in of_tariffs]
    assert get_args(Grade) == ("A", "B", "C")  # noqa: S101 - what the introduction explains
    return "\n".join([PRICES, *sections])


def _order(schema: Schema, definitions: Mapping[str, Schema]) -> list[str]:
    """Return the records a schema refers to, in the order it first does, nested ones after."""
    found: list[str] = []
    for name in _references(schema):
        for each in (name, *_order(definitions[name], definitions)):
            if each not in found:
                found.append(each)
    return found


def _references(schema: object) -> Iterable[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"].rsplit("/", 1)[1]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _section(title: str, schema: Schema, level: int) -> str:
    lines = [f"{'#' * level} {title}", "", inspect.cleandoc(schema.get("description", "")), ""]
    if "enum" in schema:
        return "\n".join([*lines, f"One of {_one_of(schema['enum'])}.", ""])
    lines += ["| field | holds | meaning |", "|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        needed = "; required" if name in schema.get("required", ()) else _default(field)
        lines.append(f"| `{name}` | {_kind(field)}{needed} | {_meaning(field)} |")
    return "\n".join([*lines, ""])


def _meaning(field: Schema) -> str:
    return str(field.get("description", "")).replace("|", "\\|").replace("\n", " ")


def _default(field: Schema) -> str:
    default = field.get("default")
    stated = isinstance(default, (bool, int, float)) or (isinstance(default, str) and default)
    return f"; default {_literal(default)}" if stated else ""


def _kind(field: Schema) -> str:
    """Return what a field holds, in words, with a link to the section of a record."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return _one_of(field["enum"])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in field:
            kinds = (_kind(each) for each in field[key] if each.get("type") != "null")
            return " or ".join(dict.fromkeys(kinds))
    return _plain(field)


def _plain(field: Schema) -> str:
    kind = field.get("type")
    if kind == "array":
        items = field.get("items") or {"type": "number"}
        return f"list of {_kind(items)}"
    if kind == "object":
        values = field.get("additionalProperties")
        return f"names to {_kind(values)}" if isinstance(values, Mapping) else "names to values"
    word = "date" if field.get("format") == "date" else _WORDS[str(kind)]
    least, most = field.get("minimum"), field.get("maximum")
    if least is not None and most is not None:
        return _literal(least) if least == most else f"{word} {_literal(least)} to {_literal(most)}"
    return word + "".join(
        f" {sign} {_literal(field[key])}" for key, sign in _BOUNDS.items() if key in field
    )


_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _one_of(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _literal(value: object) -> str:
    """Return a value as YAML spells it."""
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, (int, float)):
        return f"{value:,.10g}"
    return f"`{value}`"
