"""Are a published benchmark's claims true? Each recomputed, with its working."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

import fluxcost as fc

from . import answers, downloads, programs, show, uploads

ICONS = {
    "consistent": ":material/check_circle:",
    "contradicted": ":material/cancel:",
    "depends": ":material/alt_route:",
    "out of date": ":material/history:",
    "not checkable": ":material/help:",
}
OUTCOMES = {"agrees": "yes", "disagrees": "no", "no answer": "?"}


def page() -> None:
    """Draw the page."""
    st.title("Audit")
    st.caption(
        "Claims of a published benchmark, recomputed from its own figures, our measurements and "
        "the prices. Choose verdicts in the panel on the left (»)."
    )
    today, own = answers.today(), uploads.own()
    with show.refusals():
        report = answers.audit(today, own)
        claims = _chosen(report)
        _tally(report)
        _claims(claims)
        downloads.offer(
            "audit",
            "audit-report",
            lambda: report.to_dict() | {"counts": report.counts},
            lambda: _frame(report.claims),
            program=programs.audit(today, own),
        )


def _chosen(report: fc.AuditReport) -> list[fc.ClaimResult]:
    with st.sidebar:
        verdicts = st.multiselect(
            "Verdicts",
            list(report.counts),
            placeholder="Every verdict",
            key="verdicts",
            bind="query-params",
        )
    return [claim for claim in report.claims if not verdicts or claim.verdict in verdicts]


def _tally(report: fc.AuditReport) -> None:
    st.markdown(
        show.plain(
            f"{report.source}, measured on {report.gpu}; prices judged on {report.today}. "
            f"{len(report.claims)} claims:"
        )
    )
    columns = st.columns(len(report.counts))
    for column, (verdict, count) in zip(columns, report.counts.items(), strict=True):
        with column:
            st.metric(f"{ICONS[verdict]} {verdict}", count)


def _claims(claims: Iterable[fc.ClaimResult]) -> None:
    for claim in claims:
        title = show.plain(f"{claim.verdict}: {claim.text}")
        with st.expander(title, icon=ICONS[claim.verdict]):
            if claim.checks:
                for check in claim.checks:
                    _check(check)
            else:
                st.markdown(show.plain(claim.because))
            if claim.unchecked:
                st.caption(show.plain(f"Not checked: {claim.unchecked}"))
            st.caption(show.plain(f"Claim {claim.id}"))


def _check(check: fc.CheckResult) -> None:
    condition = f"{'; '.join(check.conditions)}: " if check.conditions else ""
    st.markdown(
        f"**{OUTCOMES[check.outcome]}**, against {check.against}: "
        f"{show.plain(condition + check.working)}"
    )
    show.sentences("Would explain it", check.leads)
    show.sentences("Prices no longer current", check.not_current)
    show.sentences("From", check.evidence)


def _frame(claims: Iterable[fc.ClaimResult]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "claim": claim.id,
                "text": claim.text,
                "verdict": str(claim.verdict),
                "because": claim.because,
            }
            for claim in claims
        ]
    )
