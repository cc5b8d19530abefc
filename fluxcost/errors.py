"""Every error fluxcost raises on purpose.

FluxcostError
├── InputError              the caller gave something that cannot be used
│   ├── DocumentError       a file that cannot be read, parsed or trusted
│   │   └── FormatVersionError   written by a newer fluxcost
│   └── UnknownNameError    no such offer, tariff, calibration, model (carries the nearest names)
├── MissingDataError        nothing measured or priced answers this question
├── InfeasibleError         the question has an answer and it is "it cannot be done"
└── UntrustworthyError      an estimate exists but is too uncertain to decide with (carries it)

Messages are one sentence: the field, the value received, what was expected, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from fluxcost.text import printable

LONGEST = 1200
"""Characters of a message; of a longer one, which quotes what nobody can read, both ends stay."""

MOST_NAMED = 12
"""Names that are all listed where none of them is similar to the one given."""


class FluxcostError(Exception):
    """Base of every error fluxcost raises on purpose."""

    def __str__(self) -> str:
        """Return the message on one line: what it quotes of a file or a path may hold anything."""
        text = printable(super().__str__())
        if len(text) <= LONGEST:
            return text
        return f"{text[: LONGEST * 2 // 3]} ... {text[-LONGEST // 4 :]}"


class InputError(FluxcostError):
    """The caller gave something that cannot be used."""


class DocumentError(InputError):
    """A file cannot be read, parsed or trusted."""


class FormatVersionError(DocumentError):
    """A file was written in a newer format than this fluxcost reads."""


class UnknownNameError(InputError):
    """No such name; `nearest` holds the closest ones that exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        candidates = sorted(known)
        self.nearest = difflib.get_close_matches(name, candidates, n=3, cutoff=0.3)
        hint = f"nearest: {', '.join(self.nearest)}" if self.nearest else _all_or_none(candidates)
        super().__init__(f"{kind} {name!r} is not known among {len(candidates)}; {hint}.")


def _all_or_none(candidates: list[str]) -> str:
    if 0 < len(candidates) <= MOST_NAMED:
        return f"expected one of {', '.join(candidates)}"
    return "none is similar"


class MissingDataError(FluxcostError):
    """Nothing measured or priced answers this question."""


class InfeasibleError(FluxcostError):
    """The request cannot be met: does not fit in memory, or no plan meets the constraints."""
