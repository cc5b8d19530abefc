"""Are published claims true? Each recomputed from the article, our measurements and prices."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files
from pathlib import Path

from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.price_row import today_utc
from fluxcost.errors import InfeasibleError, InputError, MissingDataError
from fluxcost.estimate import UntrustworthyError
from fluxcost.validation.claims.audit_file import (
    AuditFile,
    Check,
    Claim,
    FactGroup,
    read_audit_file,
)
from fluxcost.validation.claims.audit_report import (
    AuditReport,
    CheckedAgainst,
    CheckOutcome,
    CheckResult,
    ClaimResult,
    ClaimVerdict,
    claim_verdict,
)
from fluxcost.validation.claims.check_functions import CheckFunctions, EvidenceTrail
from fluxcost.validation.claims.expressions import Expression, Result
from fluxcost.validation.claims.likely_mistakes import likely_mistakes
from fluxcost.validation.claims.printed_figures import PrintedFigure, printed

SHIPPED = "inferencebench-flux2-klein.yaml"


def audit(
    path: Path | str | None = None,
    catalog: Catalog | None = None,
    today: dt.date | None = None,
) -> AuditReport:
    """Recompute every claim of a published article.

    Args:
        path: An audit file; the one shipped, of a FLUX.2-klein-4B benchmark, unless given.
        catalog: Prices; the shipped ones unless given.
        today: Day the prices are judged on; UTC today unless given.

    Raises:
        DocumentError: The file cannot be read or is not an audit file.
        InputError: A field is wrong, or an expression cannot be worked out; names the claim.
    """
    file = Path(path) if path is not None else _shipped()
    document = read_audit_file(file)
    day = today or today_utc()
    auditor = _Auditor(document, (catalog or load_catalog()).at(day), day)
    return AuditReport(
        source=document.source,
        file=file.name,
        gpu=document.gpu,
        today=day,
        claims=tuple(auditor.claim(claim, str(file)) for claim in document.claims),
    )


def _shipped() -> Path:
    return Path(str(files("fluxcost"))) / "data" / "published" / SHIPPED


class _Auditor:
    """One article against one catalog on one day."""

    def __init__(self, document: AuditFile, catalog: Catalog, today: dt.date) -> None:
        self._document = document
        self._facts: FactGroup = document.figures()
        self._catalog = catalog
        self._today = today

    def claim(self, claim: Claim, where: str) -> ClaimResult:
        checks = []
        for number, check in enumerate(claim.checks, start=1):
            try:
                checks.append(self._check(check))
            except InputError as error:
                raise InputError(f"{where}: claim {claim.id}, check {number}: {error}") from None
        if claim.not_checkable is not None:
            verdict, because = ClaimVerdict.NOT_CHECKABLE, claim.not_checkable
        else:
            verdict, because = claim_verdict(checks)
        return ClaimResult(
            id=claim.id,
            text=claim.text,
            verdict=verdict,
            because=because,
            checks=tuple(checks),
            unchecked=claim.unchecked,
        )

    def _check(self, check: Check) -> CheckResult:
        references = CheckFunctions(self._catalog, self._today)
        expression = Expression(check.compute)
        stated = self._stated(check)
        try:
            result = expression.evaluate(self._facts, references.functions())
        except InfeasibleError as error:
            # The claim gives a number for something of which there is none.
            return self._result(check, references.trail, CheckOutcome.DISAGREES, str(error))
        except (MissingDataError, UntrustworthyError) as error:
            return self._result(check, references.trail, CheckOutcome.NO_ANSWER, str(error))
        outcome = CheckOutcome.AGREES if _agrees(result.value, stated) else CheckOutcome.DISAGREES
        trail = references.trail
        line = self._result(check, trail, outcome, _working(check, result, stated))
        if not isinstance(result.value, PrintedFigure) or stated is None:
            return line
        found: tuple[str, ...] = ()
        if outcome is CheckOutcome.DISAGREES and not check.about:
            functions = CheckFunctions(self._catalog, self._today).functions()
            found = likely_mistakes(
                expression, result.lookups, result.value, stated, self._facts, functions
            )
        return line.model_copy(update=_numbers(result.value, stated) | {"leads": found})

    def _result(
        self, check: Check, trail: EvidenceTrail, outcome: CheckOutcome, working: str
    ) -> CheckResult:
        stale = tuple(
            f"{row.id} is {row.status}: {row.note}" if row.note else f"{row.id} is not current"
            for row in trail.rows.values()
            if not row.is_current(self._today)
        )
        return CheckResult(
            outcome=outcome,
            against=_against(trail),
            expression=check.compute,
            working=working,
            conditions=self._conditions(check, trail),
            stated=check.states,
            not_current=stale,
            evidence=tuple(trail.evidence),
        )

    def _conditions(self, check: Check, trail: EvidenceTrail) -> tuple[str, ...]:
        elsewhere = [
            f"on {place} (ours; the article has {self._document.gpu})"
            for place, gpu in trail.measured.items()
            if gpu != self._document.gpu
        ]
        return tuple(([check.when] if check.when else []) + elsewhere)

    def _stated(self, check: Check) -> PrintedFigure | None:
        if check.states is None:
            return None
        figure = printed(check.states)
        if figure is None:
            raise InputError(f"states is {check.states!r}; expected a figure such as '0.43'.")
        return figure.about(self._document.roughly) if check.about else figure


def _agrees(value: PrintedFigure | bool, stated: PrintedFigure | None) -> bool:  # noqa: FBT001 - an outcome
    if isinstance(value, PrintedFigure) and stated is not None:
        return value.meets(stated)
    if isinstance(value, PrintedFigure):
        raise InputError(f"it comes to {value} and nothing to compare it with; add `states`.")
    if stated is not None:
        raise InputError("it is a comparison already; remove `states`, or compute a number.")
    return value


def _working(check: Check, result: Result, stated: PrintedFigure | None) -> str:
    if isinstance(result.value, PrintedFigure) and stated is not None:
        came_to = result.value.with_range
        said = f"{'about ' if check.about else ''}{stated.with_range}"
        # A bare figure is shown under its name; arithmetic with the figures in it.
        shown = check.compute if result.working == str(result.value) else result.working
        return f"{shown} = {came_to}, stated {said}"
    return f"{result.working}: {result.compared} {'holds' if result.value else 'fails'}"


def _numbers(value: PrintedFigure, stated: PrintedFigure) -> dict[str, object]:
    return {
        "computed": value.value,
        "computed_low": value.low,
        "computed_high": value.high,
        "stated_low": stated.low,
        "stated_high": stated.high,
    }


def _against(trail: EvidenceTrail) -> CheckedAgainst:
    if trail.rows:
        return CheckedAgainst.PRICES
    return CheckedAgainst.MEASUREMENTS if trail.measured else CheckedAgainst.ARTICLE
