"""Text from files as it can stand in a sentence, a table or a terminal."""

from __future__ import annotations

import unicodedata

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of what is shown after them."""


def unprintable(text: str) -> str | None:
    """Return the first character that would spoil a line it is shown in; None if there is none.

    Controls (a terminal obeys them), line ends, marks of direction and lone surrogates do.
    """
    spoils = {"Cc", "Cs", "Zl", "Zp"}
    found = (each for each in text if each in _BIDI or unicodedata.category(each) in spoils)
    return next(found, None)


def printable(text: str) -> str:
    """Return text on one line, with a replacement mark for all that would spoil it."""
    if text.isascii() and text.isprintable():
        return text
    mark = "\N{REPLACEMENT CHARACTER}"
    lines = " ".join(text.splitlines())
    return "".join(each if unprintable(each) is None else mark for each in lines)


def shown(value: object) -> str:
    """Return a value as a short piece of a sentence."""
    text = printable(str(value)[:120])
    return text if len(text) <= 80 else text[:77] + "..."


def quoted(value: object) -> str:
    """Return a value as Python writes it, as a short piece of a sentence."""
    # Python refuses to print integers of over 4,300 digits.
    try:
        return shown(repr(value))
    except ValueError:
        return f"a {type(value).__name__} of too many digits to show"
