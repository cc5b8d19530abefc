"""What an audit returns, and the rules that turn outcomes of checks into a verdict."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from fluxcost.errors import UnknownNameError
from fluxcost.records import Finite, Name, Record


class ClaimVerdict(StrEnum):
    """What a claim comes to."""

    CONSISTENT = "consistent"
    CONTRADICTED = "contradicted"
    DEPENDS = "depends"
    OUT_OF_DATE = "out of date"
    NOT_CHECKABLE = "not checkable"


class CheckOutcome(StrEnum):
    """What one check comes to."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    NO_ANSWER = "no answer"


class CheckedAgainst(StrEnum):
    """What a claim was checked against, by what its expression called."""

    ARTICLE = "the article"
    MEASUREMENTS = "our measurements"
    PRICES = "prices"


class CheckResult(Record):
    """One check worked out."""

    outcome: CheckOutcome
    against: CheckedAgainst
    expression: str
    working: str = Field(description="The expression with its figures, and what it came to.")
    conditions: tuple[str, ...] = Field(
        default=(), description="Under what this is the right check; the GPU if it is another one."
    )
    computed: Finite | None = Field(default=None, description="None for a comparison.")
    computed_low: Finite | None = None
    computed_high: Finite | None = None
    stated: str | None = Field(default=None, description="The claim's figure, as printed.")
    stated_low: Finite | None = None
    stated_high: Finite | None = None
    leads: tuple[str, ...] = Field(default=(), description="What would explain a disagreement.")
    not_current: tuple[str, ...] = Field(
        default=(), description="Price rows used that can no longer be bought at, and why."
    )
    evidence: tuple[str, ...] = ()


class ClaimResult(Record):
    """One claim with its verdict."""

    id: Name
    text: str
    verdict: ClaimVerdict
    because: str = Field(description="The checks that decided, or what it depends on.")
    checks: tuple[CheckResult, ...] = ()
    unchecked: str | None = Field(default=None, description="What the checks leave out.")


class AuditReport(Record):
    """Every claim of an article with its verdict and working."""

    source: Name
    file: Name
    gpu: Name = Field(description="The GPU the article measured.")
    today: dt.date = Field(description="Day the prices were judged on.")
    claims: tuple[ClaimResult, ...]

    def claim(self, claim_id: str) -> ClaimResult:
        """Return the result of one claim.

        Raises:
            UnknownNameError: The file has no such claim; carries the nearest.
        """
        by_id = {claim.id: claim for claim in self.claims}
        if claim_id not in by_id:
            raise UnknownNameError("claim", claim_id, by_id)
        return by_id[claim_id]

    @property
    def counts(self) -> dict[str, int]:
        """How many claims have each verdict."""
        tally = Counter(claim.verdict for claim in self.claims)
        return {str(verdict): tally[verdict] for verdict in ClaimVerdict if tally[verdict]}


def claim_verdict(checks: Sequence[CheckResult]) -> tuple[ClaimVerdict, str]:
    """Return the verdict and what decided it.

    A check without a condition must agree. Those with one are alternatives: where some agree and
    some do not, the claim depends on the condition. A check on a GPU other than the article's, or
    against prices, never contradicts the article: it was written elsewhere and earlier.
    """
    answered = [check for check in checks if check.outcome is not CheckOutcome.NO_ANSWER]
    agreeing = [check for check in answered if check.outcome is CheckOutcome.AGREES]
    failing = [check for check in answered if check.outcome is CheckOutcome.DISAGREES]
    unconditional = [check for check in failing if not check.conditions]
    stale = [line for check in answered for line in check.not_current]
    if not answered:
        return ClaimVerdict.NOT_CHECKABLE, "; ".join(
            dict.fromkeys(check.working for check in checks)
        )
    if wrong := [check for check in unconditional if check.against is not CheckedAgainst.PRICES]:
        return ClaimVerdict.CONTRADICTED, _workings(wrong)
    if wrong := _all_alternatives(failing, agreeing):
        return ClaimVerdict.CONTRADICTED, _workings(wrong)
    if unconditional or stale:
        return ClaimVerdict.OUT_OF_DATE, "; ".join(dict.fromkeys(stale)) or _workings(unconditional)
    if failing:
        return ClaimVerdict.DEPENDS, _condition(agreeing, failing)
    return ClaimVerdict.CONSISTENT, _workings(agreeing[:1])


def _all_alternatives(
    failing: Sequence[CheckResult], agreeing: Sequence[CheckResult]
) -> list[CheckResult]:
    """Return the failing readings of the article's own figures when none of its figures agree."""
    if any(check.against is not CheckedAgainst.PRICES for check in agreeing):
        return []
    return [check for check in failing if check.against is CheckedAgainst.ARTICLE]


def _workings(checks: Sequence[CheckResult]) -> str:
    parts = []
    for check in checks:
        parts.append(check.working)
        parts.extend(check.leads)
    return "; ".join(parts)


def _condition(agreeing: Sequence[CheckResult], failing: Sequence[CheckResult]) -> str:
    fails = f"fails {_joined(failing)}"
    return f"holds {_joined(agreeing)}; {fails}" if agreeing else fails


def _joined(checks: Sequence[CheckResult]) -> str:
    conditions = (" and ".join(check.conditions) for check in checks)
    return "; ".join(dict.fromkeys(each or "by its own figures" for each in conditions))
