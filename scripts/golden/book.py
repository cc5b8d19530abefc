"""The values collected: kind, key and scalar, and how a result becomes such values."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

import fluxcost as fc
from scripts.golden.names import CURRENT

Scalar = bool | int | float | str | None

MESSAGES = "messages"
HEADER = ("format", "version")
"""Top-level keys of a document that say what it is, not what it holds; they are left out."""


class Book:
    """Values by kind and key.

    Sentences met among the values of a kind are kept apart, under `messages-of-` and the kind, once
    for each result: a change of words leaves the files of numbers alone.
    """

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Scalar]] = {}

    def put(self, kind: str, key: str, value: Scalar) -> None:
        """Keep one value.

        Raises:
            KeyError: The key is taken.
        """
        values = self.kinds.setdefault(kind, {})
        if key in values:
            raise KeyError(f"{kind}: {key} is there twice")
        values[key] = value

    def say(self, kind: str, key: str, sentence: str) -> None:
        """Keep a sentence met among the values of a kind."""
        self.put(f"{MESSAGES}-of-{kind}", key, sentence)

    def record(self, kind: str, key: str, result: object) -> None:
        """Keep every scalar of a result."""
        told: set[str] = set()
        for path, value in leaves(_without_header(plain(result)), key):
            if not isinstance(value, str) or not set(value) & {" ", "\n"}:
                self.put(kind, path, value)
            elif value not in told:
                told.add(value)
                self.say(kind, path, value)

    def ask(
        self,
        kind: str,
        key: str,
        question: Callable[..., object],
        *given: object,
        **options: object,
    ) -> Any:  # noqa: ANN401 - what the question returns
        """Keep what a question is answered, or that it is refused and how; return the answer."""
        try:
            answer = question(*given, **options)
        except fc.FluxcostError as refusal:
            self.put(kind, key, f"refused by {type(refusal).__name__}")
            self.say(kind, f"{key}: refusal", str(refusal))
            return None
        self.record(kind, key, answer)
        return answer

    def wrong(
        self, key: str, question: Callable[..., object], *given: object, **options: object
    ) -> None:
        """Keep what is said to a bad input, whatever is raised."""
        try:
            answer = question(*given, **options)
        except Exception as error:
            self.put(MESSAGES, key, f"{type(error).__name__}: {error}")
        else:
            self.put(MESSAGES, key, f"accepted: {type(answer).__name__}")

    def lines(self, kind: str, key: str, text: str) -> None:
        """Keep a text line by line."""
        for number, line in enumerate(text.splitlines(), start=1):
            self.put(kind, f"{key}: line {number:04d}", line)


def plain(result: object) -> Any:  # noqa: ANN401 - plain values of any depth
    """Return a result as mappings, lists and scalars."""
    if hasattr(result, "to_dict"):
        return result.to_dict()
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {
            CURRENT.get(field.name, field.name): getattr(result, field.name)
            for field in dataclasses.fields(result)
        }
    if isinstance(result, np.ndarray):
        return {"count": result.size, "mean": float(result.mean()), "first": float(result.flat[0])}
    return result


def leaves(value: object, key: str) -> Iterator[tuple[str, Scalar]]:
    """Yield every scalar of a value with its path.

    Raises:
        TypeError: It is neither a scalar nor made of such.
    """
    value = plain(value)
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(part, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from leaves(part, f"{key}.{index:03d}")
    else:
        yield key, _scalar(value, key)


def _scalar(value: object, key: str) -> Scalar:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, dt.date | Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{key} is a {type(value).__name__}; expected a scalar")


def _without_header(document: object) -> object:
    if not isinstance(document, Mapping):
        return document
    return {name: part for name, part in document.items() if name not in HEADER}
