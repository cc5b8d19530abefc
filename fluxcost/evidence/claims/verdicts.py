"""From the outcomes of its checks to the verdict on a claim: one rule each, the first that fits."""

from __future__ import annotations

from collections.abc import Sequence

from fluxcost.evidence.claims.report import Against, CheckResult, Outcome, Verdict


def verdict_of(checks: Sequence[CheckResult]) -> tuple[Verdict, str]:
    """Return the verdict and what decided it.

    A check without a condition must agree. Those with one are alternatives: where some agree and
    some do not, the claim depends on the condition. A check on a GPU other than the article's, or
    against prices, never contradicts the article: it was written elsewhere and earlier.
    """
    answered = [check for check in checks if check.outcome is not Outcome.NO_ANSWER]
    agreeing = [check for check in answered if check.outcome is Outcome.AGREES]
    failing = [check for check in answered if check.outcome is Outcome.DISAGREES]
    unconditional = [check for check in failing if not check.conditions]
    stale = [line for check in answered for line in check.not_current]
    if not answered:
        return Verdict.NOT_CHECKABLE, "; ".join(dict.fromkeys(check.working for check in checks))
    if wrong := [check for check in unconditional if check.against is not Against.PRICES]:
        return Verdict.CONTRADICTED, _workings(wrong)
    if wrong := _all_alternatives(failing, agreeing):
        return Verdict.CONTRADICTED, _workings(wrong)
    if unconditional or stale:
        return Verdict.OUT_OF_DATE, "; ".join(dict.fromkeys(stale)) or _workings(unconditional)
    if failing:
        return Verdict.DEPENDS, _condition(agreeing, failing)
    return Verdict.CONSISTENT, _workings(agreeing[:1])


def _all_alternatives(
    failing: Sequence[CheckResult], agreeing: Sequence[CheckResult]
) -> list[CheckResult]:
    """Return the failing readings of the article's own figures when none of its figures agree."""
    if any(check.against is not Against.PRICES for check in agreeing):
        return []
    return [check for check in failing if check.against is Against.ARTICLE]


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
