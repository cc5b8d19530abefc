"""Price rows written as the YAML that `load_catalog` and `parse_prices` read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from fluxcost.economics.offers import Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InputError

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
