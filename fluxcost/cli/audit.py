"""Are published claims true? `fluxcost audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.validation.claims.audit_report import CheckOutcome, CheckResult, ClaimResult

MARKS = {CheckOutcome.AGREES: "yes", CheckOutcome.DISAGREES: "no", CheckOutcome.NO_ANSWER: "?"}


def audit(
    *,
    file: Annotated[
        Path | None, typer.Argument(help="An audit file; default: the one that ships.")
    ] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """Recompute the claims of a published benchmark."""
    report = fc.audit(file, fc.load_catalog(prices))
    if json:
        show_json("audit-report", report.to_dict() | {"counts": report.counts})
        return
    show_text(f"{report.source}, measured on {report.gpu}; prices as of {report.today}")
    show_table([_row(claim) for claim in report.claims])
    tally = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items())
    show_text(f"{len(report.claims)} claims: {tally}.")


def _row(claim: ClaimResult) -> dict[str, str]:
    return {
        "claim": claim.id,
        "verdict": str(claim.verdict),
        "claimed, and each check": "\n".join((claim.text, *_details(claim), "")),
    }


def _details(claim: ClaimResult) -> list[str]:
    lines = [line for check in claim.checks for line in _check_lines(check)]
    if not claim.checks:
        lines.append(f"  {claim.because}")
    if claim.unchecked:
        lines.append(f"  not checked: {claim.unchecked}")
    return lines


def _check_lines(check: CheckResult) -> list[str]:
    condition = "; ".join(check.conditions)
    head = f"  {MARKS[check.outcome]:<3} {f'{condition}: ' if condition else ''}{check.working}"
    more = (*check.leads, *check.not_current, *(f"from {line}" for line in check.evidence))
    return [head, *(f"        {line}" for line in more)]
