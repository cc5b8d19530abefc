"""The audit page shows each claim's verdict and working."""

import contextlib
import io
from typing import Any

import pytest

import fluxcost as fc
from dashboard import answers, programs, show
from dashboard.uploads import Own
from tests.dashboard.opened import opened, settled, texts


@pytest.fixture(scope="module")
def report() -> fc.AuditReport:
    return fc.audit(today=answers.today())


def test_every_claim_is_there_with_its_verdict_and_working(report: fc.AuditReport):
    page = opened("audit")
    assert {metric.label.split(" ", 1)[1]: int(metric.value) for metric in page.metric} == (
        report.counts
    )
    titles = [expander.label for expander in page.expander]
    said = texts(page)
    for claim in report.claims:
        assert show.plain(f"{claim.verdict}: {claim.text}") in titles
        for check in claim.checks:
            assert show.plain(check.working) in said


def test_verdicts_can_be_chosen(report: fc.AuditReport):
    page = opened("audit")
    page.multiselect(key="verdicts").set_value(["contradicted"])
    titles = [expander.label for expander in settled(page).expander]
    wrong = [claim for claim in report.claims if claim.verdict == "contradicted"]
    assert titles[: len(wrong)] == [show.plain(f"{claim.verdict}: {claim.text}") for claim in wrong]
    assert len(titles) == len(wrong) + 1  # and the program


def test_the_program_gives_the_same_answer(report: fc.AuditReport):
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(programs.audit(answers.today(), Own()), names)  # noqa: S102 - the page wrote it
    assert names["report"] == report
