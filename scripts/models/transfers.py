"""Models predicted before they were measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import fluxcost as fc
from fluxcost.errors import FluxcostError
from fluxcost.evidence.report import CellError, ValidationReport
from fluxcost.units import percent
from scripts.models.compared import EAGER, KLEIN, alias_of
from scripts.tables import table


def transfers(fits: Mapping[str, fc.Fit]) -> Iterable[str]:
    """Return the section of what klein's fit says of the others, beside what was measured."""
    records = [fit.calibration for name, fit in fits.items() if name != KLEIN]
    found = [report for record in records if (report := _transferred(fits[KLEIN], record))]
    cells = [
        (
            report.against.calibration,
            cell.cell,
            f"{cell.measured_s:.3f}",
            f"{cell.predicted_s:.3f} ({cell.low_s:.3f} to {cell.high_s:.3f})",
            f"{cell.relative_error:+.1%}",
            "yes" if cell.covered else "no",
        )
        for report in found
        if report.against is not None
        for cell in report.cells
    ]
    yield from (
        "## Predicted before it was measured",
        "",
        f"`fluxcost transfer` moves the fit to {KLEIN} to a model that nobody timed, by what its",
        "configuration says of tokens, products and bytes, with the launches a second of the",
        "machine it is asked for. Its answers beside what was then measured; an error is predicted",
        "over measured, less 1. No formula of the transfer was changed after seeing these.",
        "",
        *table(
            ("to", "cells", "median error", "bias", "worst, with its sign", "inside", "refused"),
            map(_transfer_row, found),
        ),
        "",
        *_refused(records, found),
        *table(("model", "cell", "measured, s", "predicted, s", "error", "inside"), cells),
        "",
    )


def _transferred(fitted: fc.Fit, record: fc.Calibration) -> ValidationReport | None:
    try:
        return fc.validate_against(fitted.calibration, record)
    except FluxcostError:
        return None


def _transfer_row(report: ValidationReport) -> tuple[str, ...]:
    assert report.against is not None  # noqa: S101 - it is of another record
    worst = max(report.cells, key=_size_of_error)
    return (
        report.against.calibration,
        str(len(report.cells)),
        percent(report.median_error),
        f"{report.bias:+.1%}",
        f"{worst.relative_error:+.1%} ({worst.cell})",
        percent(report.coverage),
        str(len(report.refusals)),
    )


def _size_of_error(cell: CellError) -> float:
    return abs(cell.relative_error)


def _refused(records: Sequence[fc.Calibration], found: Sequence[ValidationReport]) -> Iterable[str]:
    answered = {report.against.calibration for report in found if report.against is not None}
    for record in records:
        if record.alias not in answered:
            yield f"- To {record.alias} it refuses every cell: {_reason(record)}"
            yield ""


def _reason(record: fc.Calibration) -> str:
    try:
        fc.validate_against(fc.load_calibration(alias_of(KLEIN, EAGER)), record)
    except FluxcostError as error:
        return str(error)
    raise AssertionError
