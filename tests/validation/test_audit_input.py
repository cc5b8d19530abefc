"""Audit files with mistakes in them, and the command."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import fluxcost as fc
from tests.commands import refused, shown, shown_json
from tests.validation.audits import MADE, article, audited, checked

COMPUTE = {"compute": "usd_per_hour", "states": "2.49"}


def made(**fields: Any) -> dict[str, Any]:
    claim = {"id": "made", "text": "A claim.", "checks": [COMPUTE]}
    return MADE | {"claims": [claim]} | fields


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"compute": "1 +"}, "claim made, check 1: '1 +' is not an expression"),
        ({"compute": "usd_per_our", "states": "1"}, "'usd_per_our' is not known among 5; nearest"),
        ({"compute": "1 / 0", "states": "1"}, "division by 0, which may be zero"),
        ({"compute": "1"}, "nothing to compare it with; add `states`"),
        ({"compute": "1 < 2", "states": "1"}, "it is a comparison already; remove `states`"),
        ({"compute": "1", "states": "many"}, "states is 'many'; expected a figure such as '0.43'"),
        ({"compute": "1", "about": True}, "expected: `states` beside `about`"),
        ({"compute": "1", "states": 1.5}, "states is 1.5; expected"),
        ({"compute": "1", "verdict": "consistent"}, "verdict is not a known field; remove it"),
        (
            {"compute": "price_usd_per_gpu_hour('lambda/h100')", "states": "1"},
            "offer 'lambda/h100' is not known",
        ),
        (
            {"compute": "price_usd_per_gpu_hour(1)", "states": "1"},
            "1 is given where a name in quotes is expected",
        ),
        (
            {"compute": "price_usd_per_gpu_hour()", "states": "1"},
            "missing a required argument: 'offer'",
        ),
        (
            {"compute": "tariff_usd_per_image('bfl/flux-2-klein-4b', 1000, 1000, 4) > 0"},
            "width is 1000; expected a multiple of 16",
        ),
        (
            {"compute": "measured_latency_s('h300', 'm', 's', 512, 512, 4, 1) > 0"},
            "calibration 'h300/m/s' is not known",
        ),
        (
            {"compute": "measured_latency_s('..', '..', 'a.json', 512, 512, 4, 1) > 0"},
            "is a path; an audit reads shipped ones only",
        ),
        (
            {
                "compute": "break_even_images_per_month('h200-sxm/flux2-klein-4b/eager-bf16', "
                "'lambda/h100-sxm-1x', 'bfl/flux-2-klein-4b', width=512, height=512, steps=4) > 0"
            },
            "h100-sxm",
        ),
    ],
)
def test_a_mistake_in_a_check_is_one_sentence(tmp_path: Path, check: Any, message: str):
    with pytest.raises(fc.InputError) as caught:
        checked(tmp_path, check)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "fluxcost-workload"}, "not a fluxcost-audit file"),
        ({"version": 2}, "version is 2; expected at most 1; upgrade fluxcost"),
        ({"claims": []}, "claims is []"),
        ({"claims": [{"id": "a", "text": "b"}]}, "either checks, or not_checkable"),
        (
            {"claims": [{"id": "a", "text": each, "not_checkable": "c"} for each in "bd"]},
            "a appears twice",
        ),
        ({"facts": {"a": float("nan")}}, "fact a is nan; expected a finite number or text"),
        ({"facts": {"a": {"b": True}}}, "fact a.b is True"),
        ({"facts": {"a": [1, 2]}}, "fact a: row 1 is 1; expected columns and values"),
        ({"facts": {"a": [{"b": None}]}}, "fact a.b is None"),
        ({"roughly": 1.5}, "roughly is 1.5"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(
    tmp_path: Path, fields: dict[str, Any], message: str
):
    with pytest.raises(fc.InputError) as caught:
        audited(tmp_path, made(**fields))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "- 1", "just text", "", "\x00", "a: &x 1\nb: *x"])
def test_what_is_no_audit_file_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "audit.yaml"
    path.write_text(text)
    with pytest.raises(fc.DocumentError):
        fc.audit(path)


def test_nothing_measured_is_not_checkable_and_says_why(tmp_path: Path):
    far = "measured_latency_s('h200-sxm', 'flux2-klein-4b', 'eager-bf16', 8192, 8192, 4, 16) > 0"
    claim = checked(tmp_path, {"compute": far})
    assert claim.verdict == "not checkable"
    assert "8192x8192" in claim.because


def test_a_volume_that_does_not_exist_disagrees(tmp_path: Path):
    never = (
        "break_even_images_per_month('published/h100-sxm/flux2-klein-4b/diffusers-bf16', "
        "'lambda/h100-sxm-1x', 'replicate/flux-2-klein-4b', width=1024, height=1024, steps=12) > 0"
    )
    claim = checked(tmp_path, {"compute": never, "when": "today"}, {**COMPUTE, "when": "ever"})
    assert claim.verdict == "depends"
    assert "there is no break-even volume" in claim.checks[0].working


def test_the_command_is_the_report(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    path = tmp_path / "audit.yaml"
    path.write_text(yaml.safe_dump(article()))
    report = fc.audit(path)
    assert shown_json(capsys, "audit", path) == report.to_dict() | {"counts": report.counts}
    text = shown(capsys, "audit")
    assert all(f" {claim.id} " in text for claim in report.claims)
    assert "with generation(width=1024, height=1024, steps=4) it is 6,372" in text
    assert text.splitlines()[-1].startswith("22 claims: ")


def test_the_command_refuses_in_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    path = tmp_path / "audit.yaml"
    path.write_text(yaml.safe_dump(made(facts={})))
    assert "claim made, check 1: fact 'usd_per_hour' is not known" in refused(capsys, "audit", path)
    assert "No such file" in refused(capsys, "audit", tmp_path / "missing.yaml")
