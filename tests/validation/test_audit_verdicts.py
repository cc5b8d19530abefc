"""From checks to a verdict: each rule, and which comes first."""

from typing import Any

import pytest

from fluxcost.validation.claims.audit_report import (
    CheckedAgainst,
    CheckOutcome,
    CheckResult,
    claim_verdict,
)

KINDS: dict[str, dict[str, Any]] = {
    "article": {"against": CheckedAgainst.ARTICLE},
    "if": {"against": CheckedAgainst.ARTICLE, "conditions": ("in one reading",)},
    "elsewhere": {"against": CheckedAgainst.MEASUREMENTS, "conditions": ("on another GPU",)},
    "measured": {"against": CheckedAgainst.MEASUREMENTS},
    "price": {"against": CheckedAgainst.PRICES},
    "price if": {"against": CheckedAgainst.PRICES, "conditions": ("at one shop",)},
    "retired": {"against": CheckedAgainst.PRICES, "not_current": ("it is retired",)},
}
OUTCOMES = {"+": CheckOutcome.AGREES, "-": CheckOutcome.DISAGREES, "?": CheckOutcome.NO_ANSWER}


def check(text: str) -> CheckResult:
    fields = KINDS[text[1:]]
    outcome = OUTCOMES[text[0]]
    return CheckResult.model_validate(
        {"outcome": outcome, "expression": "1", "working": f"working of {text}"} | fields
    )


@pytest.mark.parametrize(
    ("checks", "verdict", "because"),
    [
        (["+article", "+if", "+elsewhere", "+price"], "consistent", "working of +article"),
        (["+article", "-article"], "contradicted", "working of -article"),
        (["-article", "-price", "-if"], "contradicted", "working of -article"),
        (["+article", "-measured"], "contradicted", "working of -measured"),
        (["-if", "-elsewhere"], "contradicted", "working of -if"),
        (["-if", "+price"], "contradicted", "working of -if"),
        (["+article", "-price"], "out of date", "working of -price"),
        (["+if", "-if", "+retired"], "out of date", "it is retired"),
        (["+if", "-if"], "depends", "holds in one reading; fails in one reading"),
        (["+article", "-if"], "depends", "holds by its own figures; fails in one reading"),
        (["+article", "-elsewhere"], "depends", "fails on another GPU"),
        (["-elsewhere"], "depends", "fails on another GPU"),
        (["+article", "-price if"], "depends", "fails at one shop"),
        (["?article", "?price"], "not checkable", "working of ?article; working of ?price"),
        (["?article", "+price"], "consistent", "working of +price"),
    ],
)
def test_the_first_rule_that_fits_decides(checks: list[str], verdict: str, because: str):
    decided, reason = claim_verdict([check(each) for each in checks])
    assert str(decided) == verdict
    assert because in reason
