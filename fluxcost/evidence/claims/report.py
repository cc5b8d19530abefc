"""What an audit hands back."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from enum import StrEnum

from pydantic import Field

from fluxcost.errors import UnknownNameError
from fluxcost.records import Finite, Name, Record


class Verdict(StrEnum):
    """What a claim comes to."""

    CONSISTENT = "consistent"
    CONTRADICTED = "contradicted"
    DEPENDS = "depends"
    OUT_OF_DATE = "out of date"
    NOT_CHECKABLE = "not checkable"


class Outcome(StrEnum):
    """What one check comes to."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    NO_ANSWER = "no answer"


class Against(StrEnum):
    """What a claim was checked against, by what its expression called."""

    ARTICLE = "the article"
    MEASUREMENTS = "our measurements"
    PRICES = "prices"


class CheckResult(Record):
    """One check worked out."""

    outcome: Outcome
    against: Against
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
    verdict: Verdict
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
        return {str(verdict): tally[verdict] for verdict in Verdict if tally[verdict]}
