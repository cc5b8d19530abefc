"""Files of use against the records they stand for, and the command against the Python result."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import fluxcost as fc
from fluxcost.economics.reconcile import read_month
from fluxcost.economics.rental import Use
from fluxcost.economics.usage.instances import (
    AlwaysOn,
    Autoscaled,
    BatchJobs,
    Overflow,
    Reserved,
    Scheduled,
)
from fluxcost.economics.usage.serverless import ColdStartSteps, Serverless
from fluxcost.economics.usage.spot import Spot
from fluxcost.economics.usage.use_file import UseFile, load_use
from fluxcost.errors import DocumentError, FormatVersionError, InputError, MissingDataError
from tests.commands import Files, shown, shown_json
from tests.economics.stand_in import offer
from tests.synthetic import make_calibration

EXAMPLE = Path(__file__).parents[2] / "examples" / "costs" / "office_hours.yaml"
COLD = {"image_pull_s": 20, "weights_s": 12, "load_s": 5, "compile_s": 30, "first_call_s": 3}
SCHEDULED = {"kind": "scheduled", "instances": 2, "hours": 8, "sessions": 22, "startup_s": 300}
OTHER = offer()


@pytest.mark.parametrize(
    ("fields", "use"),
    [
        ({"kind": "always-on", "instances": 3}, AlwaysOn(3)),
        (SCHEDULED, Scheduled(2, 8, 22, 300)),
        (
            {
                "kind": "batch-jobs",
                "instances": 2,
                "jobs": 4,
                "startup_s": 300,
                "utilization": 0.8,
            },
            BatchJobs(2, 4, 300, 0.8),
        ),
        (
            {
                "kind": "autoscaled",
                "load": [1.5, 0.4],
                "period_s": 3600,
                "target_utilization": 0.5,
                "least_instances": 1,
                "startup_s": 60,
            },
            Autoscaled((1.5, 0.4), 3600, 0.5, 1, 60),
        ),
        (
            {"kind": "serverless", "cold_starts": 9, "cold": COLD},
            Serverless(9, ColdStartSteps(20, 12, 5, 30, 3)),
        ),
        (
            {
                "kind": "spot",
                "interruptions_per_hour": 0.1,
                "checkpoint_s": 2,
                "restart_s": 300,
                "utilization": 0.9,
            },
            Spot(0.1, 2, 300, 0.9),
        ),
        ({"kind": "reserved", "instances": 1}, Reserved(1)),
        (
            {
                "kind": "reserved",
                "instances": 1,
                "overflow": {"offer": "acme/h100", "reserved_share": 0.6, "use": SCHEDULED},
            },
            Reserved(1, Overflow(OTHER, Scheduled(2, 8, 22, 300), 0.6)),
        ),
    ],
)
def test_a_file_stands_for_a_use(fields: dict[str, Any], use: Use):
    asked: list[str] = []

    def offers(offer_id: str) -> fc.Offer:
        asked.append(offer_id)
        return OTHER

    given = UseFile.parse({"use": fields}, "a use").use.use(offers, make_calibration())
    assert given == use
    assert asked == (["acme/h100"] if "overflow" in fields else [])


def test_a_cold_start_may_be_the_measured_one():
    fields = {"kind": "serverless", "cold_starts": 9, "cold": {"image_gib": 5, "gbit_per_s": 10}}
    use = UseFile.parse({"use": fields}, "a use").use
    with pytest.raises(MissingDataError, match="measured no cold start"):
        use.use(lambda _: OTHER, make_calibration())


def test_terms_are_those_of_the_file():
    given = load_use(EXAMPLE)
    assert given.terms == fc.AccountTerms(fc.Resources(storage_gib=100), tax_share=0.19)
    assert given.use.use(lambda _: OTHER, make_calibration()) == Scheduled(2, 8, 22, 300)


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("format: fluxcost-extras\n", DocumentError, "not a use; its first line must be"),
        ("format: fluxcost-use\nversion: 9\n", FormatVersionError, "version is 9; expected at mo"),
        ("format: fluxcost-use\nuse: {kind: leased}\n", InputError, "kind"),
        (
            "format: fluxcost-use\nuse: {kind: spot, checkpoint_s: 1, restart_s: 1}\n",
            InputError,
            r"interruptions_per_hour and use\.spot\.\w+ are missing; add them",
        ),
    ],
)
def test_a_file_that_is_wrong_is_refused(
    tmp_path: Path, text: str, error: type[Exception], reason: str
):
    path = tmp_path / "use.yaml"
    path.write_text(text)
    with pytest.raises(error, match=reason):
        load_use(path)


def test_the_command_bills_and_reconcile_reads_what_it_wrote(capsys, tmp_path: Path):
    files = Files(tmp_path)
    use, csv = tmp_path / "use.yaml", tmp_path / "focus.csv"
    use.write_text(yaml.safe_dump({"format": "fluxcost-use", "use": SCHEDULED, "tax_share": 0.1}))
    calibration, catalog = fc.load_calibration(files.calibration), fc.load_catalog(files.prices)
    expected = fc.bill(
        fc.fit(calibration),
        catalog.offer("shop/h200"),
        fc.Shape(1024, 1024, 4),
        Scheduled(2, 8, 22, 300),
        images=100_000,
        terms=fc.AccountTerms(tax_share=0.1),
    )
    asked = ["--calibration", files.calibration, "--offer", "shop/h200", "--images", 100_000]
    command = ["bill", use, *asked, "--prices", files.prices, "--focus", csv]
    assert shown_json(capsys, *command) == expected.to_dict()
    # 2 x 22 sessions of 8 h and 5 min, at 3.60, and a tenth of tax.
    assert expected.billed.value == pytest.approx(44 * (8 + 1 / 12) * 3.6 * 1.1)
    text = shown(capsys, *command)
    assert "start-up" in text
    assert f"FOCUS lines in {csv}" in text
    log = tmp_path / "log.csv"
    log.write_text("images,gpu_s,accepted\n100000,50000,90000\n")
    month, _ = read_month([csv], log, 1)
    assert month.total_usd == pytest.approx(expected.billed.value)
    assert month.gpu_hours == pytest.approx(44 * (8 + 1 / 12))
    assert month.usd_per_gpu_hour == pytest.approx(3.6)
