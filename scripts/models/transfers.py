"""Models predicted before they were measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import fluxcost as fc
from fluxcost.errors import FluxcostError
from fluxcost.units import percent
from fluxcost.validation.cells import CellError, ValidationReport
from scripts.models.compared import KLEIN, Fits
from scripts.tables import table


def transfers(fits: Fits) -> Iterable[str]:
    """Return the section of what klein's fits predict for the other models."""
    answers = {
        stack: [
            _answer(by_model[KLEIN], fitted.calibration)
            for name, fitted in by_model.items()
            if name != KLEIN
        ]
        for stack, by_model in fits.items()
    }
    found = [
        each
        for answered in answers.values()
        for each in answered
        if isinstance(each, ValidationReport)
    ]
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
        "## Predicted before measuring",
        "",
        f"`fluxcost transfer` predicts a model that nobody timed from the fit of {KLEIN} with the",
        "same stack. It uses the tokens, matrix products and bytes of the model's configuration,",
        "and the kernel launch rate of the target machine. klein's record includes runs that are",
        "later than those of the other models. An error is predicted / measured - 1. No formula",
        "of the transfer was changed after seeing these results.",
        "",
        *table(
            ("to", "cells", "median error", "bias", "largest error", "inside", "refused"),
            map(_transfer_row, found),
        ),
        "",
        *(line for stack in answers for line in _summary(stack, answers[stack])),
        "",
        *table(("model", "cell", "measured, s", "predicted, s", "error", "inside"), cells),
        "",
    )


def _answer(fitted: fc.Fit, record: fc.Calibration) -> ValidationReport | str:
    """Return the transfer's answers beside a record, or why it refuses all of its cells."""
    try:
        return fc.validate_against(fitted.calibration, record)
    except FluxcostError as error:
        return f"- To {record.alias} it refuses every cell: {error}"


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


def _summary(stack: str, answers: Sequence[ValidationReport | str]) -> Iterable[str]:
    """Return all answers with one stack in a line, then what it refuses."""
    cells = [cell for each in answers if isinstance(each, ValidationReport) for cell in each.cells]
    if cells:
        median = statistics.median(map(_size_of_error, cells))
        inside = sum(cell.covered for cell in cells)
        yield (
            f"- With `{stack}`: {inside} of {len(cells)} cells lie inside their 90 % intervals; "
            f"the median error is {percent(median)}."
        )
    yield from (each for each in answers if isinstance(each, str))
