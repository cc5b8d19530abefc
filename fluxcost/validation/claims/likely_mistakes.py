"""Likely mistakes behind a wrong figure: another row of the same table, or a wrong unit.

These are hints, not verdicts: a figure that disagrees is wrong whether or not one is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fluxcost.economics.offers import HOURS_PER_MONTH
from fluxcost.errors import FluxcostError
from fluxcost.validation.claims.audit_file import FactGroup, Value
from fluxcost.validation.claims.expressions import Expression, FactRow, Function, Lookup
from fluxcost.validation.claims.interval_arithmetic import divide, multiply
from fluxcost.validation.claims.printed_figures import PrintedFigure

NARROW_FOR_ROWS = 0.005
"""Widest relative range of a stated figure that a row may match: wider ones match by chance."""

MOST_ROWS = 200
"""Largest table searched for another row: each row costs an evaluation."""

NARROW_FOR_UNITS = 0.03
"""Likewise for a factor; one near 1 asks for a range narrower still, see `_unit_slips`."""

UNIT_MISTAKES: Mapping[float, str] = {
    60: "seconds, minutes or hours taken for the next",
    3600: "a second taken for an hour",
    24: "an hour taken for a day",
    HOURS_PER_MONTH: "an hour taken for a month",
    HOURS_PER_MONTH / 720: f"a month of 720 hours instead of {HOURS_PER_MONTH}",
    100: "a share taken for a percentage",
    1000: "a unit taken for a thousand",
    8: "bits taken for bytes",
    1024 / 1000: "decimal units taken for binary ones (KB, KiB)",
    (1024 / 1000) ** 2: "decimal units taken for binary ones (MB, MiB)",
    (1024 / 1000) ** 3: "decimal units taken for binary ones (GB, GiB)",
}


def likely_mistakes(
    expression: Expression,
    lookups: tuple[Lookup, ...],
    computed: PrintedFigure,
    stated: PrintedFigure,
    facts: FactGroup,
    functions: Mapping[str, Function],
) -> tuple[str, ...]:
    """Return what would explain a stated figure that is not the computed one."""
    return (
        *_rows(expression, lookups, computed, stated, facts, functions),
        *_unit_slips(computed, stated),
    )


def _rows(
    expression: Expression,
    lookups: tuple[Lookup, ...],
    computed: PrintedFigure,
    stated: PrintedFigure,
    facts: FactGroup,
    functions: Mapping[str, Function],
) -> Iterator[str]:
    if stated.relative_width > NARROW_FOR_ROWS:
        return
    for lookup in lookups:
        for row in lookup.table.rows[:MOST_ROWS]:
            try:
                figure = expression.evaluate(facts, functions, rows={lookup.node: row}).value
            except FluxcostError:
                continue  # a row without that column explains nothing
            if isinstance(figure, PrintedFigure) and figure != computed and figure.meets(stated):
                yield f"with {_named(row, lookup)} it is {figure}"


def _named(row: FactRow, lookup: Lookup) -> str:
    keys = [str(keyword.arg) for keyword in lookup.node.keywords]
    wanted = ", ".join(f"{key}={_plain(row[key])}" for key in keys if key in row)
    return f"{lookup.table.name}({wanted})"


def _plain(value: Value) -> str:
    return f"{value.value:g}" if isinstance(value, PrintedFigure) else value


def _unit_slips(computed: PrintedFigure, stated: PrintedFigure) -> Iterator[str]:
    width = max(computed.relative_width, stated.relative_width)
    for factor, meaning in UNIT_MISTAKES.items():
        # A factor near 1 explains anything that is nearly right, unless the ranges are narrow.
        if width > min(NARROW_FOR_UNITS, (factor - 1) / 3):
            continue
        exact = PrintedFigure.exact(factor)
        if multiply(computed, exact).meets(stated) or divide(computed, exact).meets(stated):
            yield f"off by {factor:.4g}: {meaning}"
