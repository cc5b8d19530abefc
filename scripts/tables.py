"""Tables of the pages that are written from records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fluxcost.estimate import Estimate


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def share(estimate: Estimate) -> str:
    """Return a share in per cent with its 90 % interval."""
    return spread(estimate, ".1%")


def spread(estimate: Estimate, form: str) -> str:
    """Return a value with its 90 % interval, each in a format."""
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"
