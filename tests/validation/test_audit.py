"""The shipped article: every claim gets its verdict by computation, and follows its figures."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import fluxcost as fc
from fluxcost.validation.claims.audit_report import CheckedAgainst, CheckOutcome, ClaimVerdict
from tests.validation.audits import (
    ARTICLE,
    TODAY,
    article,
    audited,
    claim_of,
    row_of,
    verdicts_after,
)

EXPECTED = {
    "pixels-linear": "depends",
    "four-vs-eight": "contradicted",
    "steps-quality": "consistent",
    "vs-sdxl": "contradicted",
    "params-share": "contradicted",
    "vram-4080": "depends",
    "peak-batch": "consistent",
    "two-gpu-efficiency": "consistent",
    "node-rate": "consistent",
    "lambda-rate": "contradicted",
    "cost-0004": "contradicted",
    "vs-dalle": "out of date",
    "vs-midjourney": "depends",
    "breakeven-1000": "depends",
    "breakeven-100000": "depends",
    "one-gpu-rate": "contradicted",
    "consistency-mean": "depends",
    "linear-to-four": "consistent",
    "ads-four-cents": "depends",
    "schnell-steps": "not checkable",
    "pipeline-class": "not checkable",
    "realtime-512": "consistent",
}


@pytest.fixture(scope="module")
def report() -> fc.AuditReport:
    return fc.audit(today=TODAY)


def test_every_claim_has_its_verdict(report: fc.AuditReport):
    assert {claim.id: str(claim.verdict) for claim in report.claims} == EXPECTED
    assert sum(report.counts.values()) == 22
    assert all(claim.because for claim in report.claims)


def test_no_claim_is_known_to_the_program_and_no_verdict_to_the_file():
    code = "".join(path.read_text() for path in Path(fc.__file__).parent.rglob("*.py"))
    assert [name for name in EXPECTED if f'"{name}"' in code] == []
    text = re.sub(r"#.*", "", ARTICLE.read_text(encoding="utf-8"))
    assert [verdict for verdict in ClaimVerdict if verdict in text.replace("consistency", "")] == []


def test_6372_an_hour_is_the_rate_of_1024_not_of_512(report: fc.AuditReport):
    check = report.claim("lambda-rate").checks[0]
    assert (check.outcome, check.against) == (CheckOutcome.DISAGREES, CheckedAgainst.ARTICLE)
    assert check.computed == pytest.approx(18504)
    assert check.leads == ("with generation(width=1024, height=1024, steps=4) it is 6,372",)


def test_1548_an_hour_at_2_49_is_0016_an_image(report: fc.AuditReport):
    check = report.claim("cost-0004").checks[0]
    assert check.outcome is CheckOutcome.DISAGREES
    assert check.computed == pytest.approx(0.0016085, rel=1e-4)
    assert check.stated_high == pytest.approx(0.00045)
    assert check.working.startswith("2.49 / 1548 = 0.001609 (0.001605 to 0.001612), stated 0.0004")


def test_1000_a_month_holds_for_one_billing_mode_and_fails_for_another(report: fc.AuditReport):
    claim = report.claim("breakeven-1000")
    all_month = [check for check in claim.checks if "renting all month" in check.conditions[0]]
    sessions = [check for check in claim.checks if "one session" in check.conditions[0]]
    assert all(check.outcome is CheckOutcome.DISAGREES for check in all_month)
    assert sessions[0].outcome is sessions[1].outcome is CheckOutcome.AGREES
    assert claim.because.startswith("holds renting for one session")
    assert "fails renting all month" in claim.because


def measured_checks(report: fc.AuditReport) -> list[Any]:
    checks = [check for claim in report.claims for check in claim.checks]
    return [check for check in checks if check.against is CheckedAgainst.MEASUREMENTS]


def test_our_measurements_give_their_evidence(report: fc.AuditReport):
    found = measured_checks(report)
    assert len(found) >= 5
    assert all(check.evidence for check in found)


def test_a_measurement_on_the_gpu_of_the_article_is_no_condition(report: fc.AuditReport):
    assert not any(
        "(ours;" in line for check in measured_checks(report) for line in check.conditions
    )
    assert report.claim("four-vs-eight").checks[-1].conditions == ()


def test_a_measurement_on_another_gpu_is_a_condition(tmp_path: Path):
    report = audited(tmp_path, article() | {"gpu": "h200-sxm"})
    for check in measured_checks(report):
        assert "(ours; the article has h200-sxm)" in check.conditions[-1]


def relabel_rates(document: Any) -> None:
    row_of(document, "generation", width=512).update(images_per_s="1.77")
    row_of(document, "generation", width=1024, steps=4).update(images_per_s="0.43")


CHANGES: dict[str, tuple[str, Any]] = {
    "lambda-rate": ("consistent", relabel_rates),
    "cost-0004": (
        "out of date",
        lambda document: document["facts"]["lambda_images_per_hour"].update(at_1024="6372"),
    ),
    "one-gpu-rate": (
        "consistent",
        lambda document: claim_of(document, "one-gpu-rate")["checks"][0].update(states="1.77"),
    ),
    "peak-batch": (
        "contradicted",
        lambda document: row_of(document, "batch", batch=4).update(images_per_s="1.95"),
    ),
    "steps-quality": (
        "contradicted",
        lambda document: row_of(document, "clip", steps=8).update(score="0.379"),
    ),
    "node-rate": (
        "contradicted",
        lambda document: row_of(document, "scaling", gpus=8).update(images_per_s="2.43"),
    ),
    "vs-sdxl": (
        "depends",
        lambda document: row_of(document, "comparison", model="SDXL").update(highest_latency_s="6"),
    ),
    "params-share": (
        "consistent",
        lambda document: row_of(document, "comparison", model="SDXL").update(
            parameters_billion="10.0"
        ),
    ),
    "two-gpu-efficiency": (
        "contradicted",
        lambda document: row_of(document, "scaling", gpus=2).update(images_per_s="0.79"),
    ),
    "consistency-mean": (
        "consistent",
        lambda document: document["facts"]["consistency"].update(action="0.236"),
    ),
    "breakeven-1000": (
        "contradicted",
        lambda document: document["facts"]["assumed"].update(startup_s=36000),
    ),
    "pixels-linear": (
        "consistent",
        lambda document: row_of(document, "generation", width=512).update(latency_s="0.15"),
    ),
}


@pytest.mark.parametrize("claim_id", CHANGES)
def test_a_changed_figure_flips_the_verdict(tmp_path: Path, claim_id: str):
    expected, change = CHANGES[claim_id]
    assert EXPECTED[claim_id] != expected
    assert verdicts_after(tmp_path, change)[claim_id] == expected


def test_a_figure_changed_within_its_rounding_flips_nothing(tmp_path: Path):
    def finer(document: Any) -> None:
        row_of(document, "generation", width=512).update(latency_s="0.190")
        row_of(document, "clip", steps=2).update(score="0.3751")

    assert verdicts_after(tmp_path, finer) == EXPECTED


def test_renaming_the_claims_changes_no_verdict(tmp_path: Path):
    def renamed(document: Any) -> None:
        for number, claim in enumerate(document["claims"]):
            claim["id"] = f"claim-{number}"

    assert list(verdicts_after(tmp_path, renamed).values()) == list(EXPECTED.values())


def test_your_own_price_brings_a_claim_up_to_date(tmp_path: Path):
    shipped = fc.load_catalog().tariff("openai/dall-e-3-standard")
    row = shipped.model_dump(mode="json", exclude_none=True, exclude={"valid_until", "provider"})
    row |= {"status": "active", "as_of": TODAY}
    (tmp_path / "apis").mkdir()
    prices = {"provider": "openai", "name": "OpenAI", "tariffs": [row]}
    (tmp_path / "apis" / "openai.yaml").write_text(yaml.safe_dump(prices))
    claim = fc.audit(catalog=fc.load_catalog(tmp_path), today=TODAY).claim("vs-dalle")
    assert claim.verdict is ClaimVerdict.DEPENDS
    assert "its 1,548 images an hour" in claim.because


def test_a_service_is_out_of_date_from_the_day_it_ended(tmp_path: Path):
    document = article()
    claim = claim_of(document, "vs-dalle")
    compute = 'tariff_usd_per_image("openai/gpt-image-1.5-low", 1024, 1024, 4)'
    claim["checks"] = [{"compute": compute, "states": "0.009"}]
    for day, verdict in [(1, ClaimVerdict.CONSISTENT), (2, ClaimVerdict.OUT_OF_DATE)]:
        report = audited(tmp_path, document, today=dt.date(2026, 12, day))
        assert report.claim("vs-dalle").verdict is verdict


def test_the_report_travels_as_plain_values(report: fc.AuditReport):
    assert fc.AuditReport.model_validate_json(report.model_dump_json()) == report
    with pytest.raises(fc.UnknownNameError, match="nearest: lambda-rate"):
        report.claim("lamda-rate")
