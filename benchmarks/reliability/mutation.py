"""Files nobody should send, made from good ones: a document's tree is changed, then written again.

Changes are drawn from a seed. Most keep the syntax whole, so that what is tried is the checking of
fields and not over and over the parser.
"""

from __future__ import annotations

import copy
import random
from typing import Any

LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 0.0, -0.0, 0.5, 1e-30, 1e30, 5e-324, 1e-310, 1e308, -1e308),
    *(float("nan"), float("inf"), float("-inf"), 2**31, 2**53, 2**63, 10**15, 10**16, 10**400),
    *("", " ", "\x00", "\x1b[2J", "a\nb", "a\u2028b", "\u202egnp.exe", "\u200b", "é" * 50),
    *("\ufeff", "\U0001f600", "x" * 300, "nan", "1e3", "1:30", "=1+1", "<script>", "$(id)"),
    *("../../etc/passwd", "/etc/passwd", "/dev/zero", "C:\\x", "~", "..", "a/b.yaml", "{}", "[]"),
    *("2026-02-30", "0001-01-01", "9999-12-31T23:59:59Z", [], {}, [[]], [None], {"": 0}),
)
"""What stands in for a value."""

KEYS = ("", "x", "__class__", "version", "\u202e", "a\nb", "\x1b[2J", "k" * 300, "format")
DEEP = 60


def mutated(tree: Any, draw: random.Random, others: list[Any]) -> Any:  # noqa: ANN401 - any document
    """Return a tree with up to three changes.

    Args:
        tree: Of dicts, lists and plain values; it is left as it is.
        draw: Of the changes.
        others: Trees whose parts may be taken over.
    """
    root = [copy.deepcopy(tree)]
    for _ in range(draw.choice((0, 1, 1, 1, 1, 2, 2, 3))):
        places = _places(root)
        holder, key = places[draw.randrange(len(places))]
        _change(holder, key, draw, others)
    return root[0]


def spoiled(data: bytes, draw: random.Random) -> bytes:
    """Return bytes with some cut out, doubled, or replaced."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(found) + 1)
        end = min(len(found), at + draw.choice((0, 1, 4, 64)))
        piece = draw.choice(
            (b"", b"\xff", b"\x00", b"&a *a ", b"[" * 200, b'"', b"\n", found[at:end] * 2)
        )
        found[at:end] = piece
    return bytes(found)


def _places(root: list[Any]) -> list[tuple[Any, Any]]:
    """Return every (holder, key or index) of a tree."""
    found: list[tuple[Any, Any]] = []
    pending: list[Any] = [root]
    while pending:
        holder = pending.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                pending.append(holder[key])
    return found


def _change(holder: Any, key: Any, draw: random.Random, others: list[Any]) -> None:  # noqa: ANN401
    kind = draw.choice(
        ("leaf", "leaf", "leaf", "tweak", "tweak", "drop", "double", "add", "take", "deep")
    )
    value = holder[key]
    if kind == "leaf":
        holder[key] = copy.deepcopy(draw.choice(LEAVES))
    elif kind == "tweak":
        holder[key] = _tweaked(value, draw)
    elif kind == "drop" and len(holder) > 1:
        del holder[key]
    elif kind == "double" and isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(value) for _ in range(draw.choice((1, 1, 2, 20)))]
    elif kind == "add" and isinstance(value, dict):
        value[draw.choice(KEYS)] = copy.deepcopy(draw.choice(LEAVES))
    elif kind == "take":
        places = _places([draw.choice(others)])
        other, place = places[draw.randrange(len(places))]
        holder[key] = copy.deepcopy(other[place])
    elif kind == "deep":
        for _ in range(draw.choice((1, 2, DEEP))):
            value = [value] if draw.random() < 0.5 else {"x": value}
        holder[key] = value


def _tweaked(value: Any, draw: random.Random) -> Any:  # noqa: ANN401
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return draw.choice(
            (value + 1, value - 1, -value, value * 16, value * 10**6, value % 2**53 + 0.5)
        )
    if isinstance(value, float):
        return value * 10.0 ** draw.randint(-40, 40) * draw.choice((1, 1, 1, -1))
    if isinstance(value, str):
        at = draw.randrange(len(value) + 1)
        return (
            value[:at] + draw.choice(("", "\u202e", "\n", "/", "0", "é", "\x00")) + value[at + 1 :]
        )
    return value
