"""Every mistake against its one sentence on stderr: exit code 2 for input, 1 for no answer."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import OFFER, WORKLOAD, Files, refused

ROOT = Path(__file__).parent.parent


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--shape", "1000x1024x4"],
            "--shape is 1000x1024x4: width is 1000; expected a multiple of 16 pixels; use 992.",
        ),
        (
            ["--shape", "0x1024x4"],
            "--shape is 0x1024x4: width is 0; expected a whole number from 16 to 8192.",
        ),
        (
            ["--shape", "1024x1024x0"],
            "--shape is 1024x1024x0: steps is 0; expected a whole number from 1 to 1000.",
        ),
        (
            ["--shape", "1024x1024"],
            "--shape is '1024x1024'; expected WIDTHxHEIGHTxSTEPS, such as 1024x1024x4.",
        ),
    ],
)
def test_a_shape_out_of_range_is_refused(capsys, files: Files, options: list[Any], message: str):
    assert refused(capsys, "latency", "--calibration", files.calibration, *options) == message


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["latency"], "Missing option '--calibration'."),
        (["latency", "--batch", "wide"], "Invalid value for '--batch'"),
        (
            ["latency", "--calibration", "x", "--statistic", "p12"],
            "Invalid value for '--statistic'",
        ),
        (["guess"], "No such command 'guess'."),
        (
            ["plan", "none.yaml"],
            "none.yaml: No such file or directory; give the path of a readable",
        ),
        (["plan", "none.yaml", "--top", "0"], "Invalid value for '--top'"),
        (
            ["validate", "--against", "x", "--scenario", "y"],
            "--against is 'x' and --scenario is 'y'; give one of the two.",
        ),
        (["validate", "--against", "x"], "--against is 'x' but no calibration is given; name the"),
        (["prices", "--gpu", "h200"], "GPU 'h200' is not known among "),
        (["prices", "--model", "flux"], "model 'flux' is not known among "),
        (["prices", "--prices", "n" * 5000], "nnn"),
        (
            ["plan", str(ROOT / "examples/newsroom.yaml"), "--quality", "n" * 5000],
            "quality record 'nnn",
        ),
        (["prices", "--prices", "nowhere"], "nowhere: holds no gpus/*.yaml or apis/*.yaml; give a"),
    ],
)
def test_a_mistyped_command_is_one_sentence(capsys, arguments: list[str], start: str):
    assert refused(capsys, *arguments).startswith(start)


def test_an_unknown_calibration_names_the_nearest(capsys):
    message = refused(capsys, "latency", "--calibration", "h200-sxm/flux2-klein-4b/eager")
    assert message.startswith("calibration 'h200-sxm/flux2-klein-4b/eager' is not known among ")
    assert "nearest: h200-sxm/flux2-klein-4b/eager-bf16" in message


def test_an_unknown_offer_names_the_nearest(capsys, files: Files):
    message = refused(
        capsys, "cost", "--calibration", files.calibration, "--offer", "runpod/h200-secur",
        "--utilization", 0.6,
    )  # fmt: skip
    assert message.startswith("offer 'runpod/h200-secur' is not known among ")
    assert "nearest: runpod/h200-secure" in message


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (["--replicas", 0], "fleet: replicas is 0; expected: greater than or equal to 1."),
        (["--replicas", 2, "--recovery", 60], "fleet: failures.between_failures_s is missing;"),
        (["--replicas", 2, "--idle-timeout", "nan"], "fleet: scaling.idle_timeout_s is nan;"),
        (["--replicas", 2, "--least", 1], "fleet: scaling.idle_timeout_s is missing; add it."),
        (["--replicas", 2, "--within", "inf"], "within_s is inf; expected a finite number of"),
        (["--replicas", 2, "--replications", 1], "replications is 1; expected a whole number"),
        (["--replicas", 2], "made: how requests arrive is not stated; expected `arrivals`, such"),
    ],
)
def test_a_fleet_that_cannot_be_simulated_is_refused(
    capsys, files: Files, options: list[Any], start: str
):
    stated = {key: value for key, value in WORKLOAD.items() if key != "deadline"}
    files.write_workload(stated | {"images_per_month": 1000})
    command = ["simulate", files.workload, "--calibration", files.calibration, *options]
    assert refused(capsys, *command).startswith(start)


@pytest.mark.parametrize("utilization", ["0", "1e-308", "0.0009", "1.5", "-0.2", "nan", "inf"])
def test_a_utilization_out_of_range_is_refused(capsys, files: Files, utilization: str):
    message = refused(
        capsys, "cost", "--calibration", files.calibration, "--offer", "runpod/h200-secure",
        "--utilization", utilization,
    )  # fmt: skip
    assert message.startswith("utilization is ")


def test_starts_without_their_startup_are_refused(capsys, files: Files):
    message = refused(
        capsys, "breakeven", "--calibration", files.calibration, "--offer", "runpod/h200-secure",
        "--tariff", "bfl/flux-2-klein-4b", "--utilization", 0.6, "--starts-per-month", 3,
    )  # fmt: skip
    assert message == (
        "--starts-per-month is 3 and --startup-minutes None; expected both or neither: add the "
        "missing one."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"utilization": None}, "utilization is missing; add it."),
        ({"utilization": float("nan")}, "utilization is nan; expected: a finite number."),
        ({"objectives": 1}, "objectives is not a known field; did you mean objective?"),
        ({"version": 2}, "version is 2; expected at most 1; upgrade fluxcost."),
        (
            {"format": "other"},
            "not a workload; its first line must be 'format: fluxcost-workload'.",
        ),
        (
            {"shapes": [{"width": 1000, "height": 1024, "steps": 4}]},
            "shapes.0.width is 1000; expected: a multiple of 16 pixels; use 992.",
        ),
    ],
)
def test_a_bad_workload_is_refused(capsys, files: Files, change: dict[str, Any], message: str):
    document = {key: value for key, value in (WORKLOAD | change).items() if value is not None}
    files.write_workload(document)
    assert refused(capsys, "plan", files.workload) == f"{files.workload}: {message}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [x]\nb: [*a, *a]\n", "line 2 has an alias; write the value out."),
        ("name: made\nname: twice\n", "line 2 has the key 'name' twice; keep one."),
        ("a: [1, 2\n", "while parsing a flow sequence"),
        ("\x00", "unacceptable character"),
    ],
)
def test_a_workload_that_is_no_plain_yaml_is_refused(capsys, files: Files, text: str, reason: str):
    files.workload.write_text(text)
    message = refused(capsys, "plan", files.workload)
    assert message.startswith(f"{files.workload}: not usable as YAML: ")
    assert reason in message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price": {"amount": -3.6, "unit": "gpu-hour"}}, "price.amount is -3.6; expected: "),
        ({"price": {"amount": "3.6", "unit": "gpu-hour"}}, "price.amount is '3.6'; expected: "),
        ({"grade": "Z"}, "grade is 'Z'; expected: 'A', 'B' or 'C'."),
        ({"as_of": None}, "as_of is missing; add it."),
        ({"currency": "EUR"}, "currency is 'EUR'; expected: USD, since no dated exchange rate"),
    ],
)
def test_a_bad_price_names_its_row(capsys, files: Files, change: dict[str, Any], field: str):
    row = {key: value for key, value in (OFFER | change).items() if value is not None}
    files.write_offer(row)
    message = refused(capsys, "prices", "--prices", files.prices)
    path = files.prices / "gpus" / "shop.yaml"
    assert message.startswith(f"{path}, row 1 (shop/h200): {field}")


def test_a_price_that_is_not_a_number_is_refused(capsys, files: Files):
    path = files.prices / "gpus" / "shop.yaml"
    path.write_text(path.read_text().replace("3.6", ".nan"))
    assert "price.amount is nan; expected: " in refused(capsys, "prices", "--prices", files.prices)


def test_a_calibration_of_a_newer_format_is_refused(capsys, files: Files):
    files.edit_calibration(version=99)
    assert refused(capsys, "latency", "--calibration", files.calibration) == (
        f"{files.calibration}: version is 99; expected at most 1; upgrade fluxcost."
    )


def test_a_truncated_calibration_is_refused(capsys, files: Files):
    text = files.calibration.read_text()
    files.calibration.write_text(text[: len(text) // 2])
    message = refused(capsys, "latency", "--calibration", files.calibration)
    assert message.startswith(f"{files.calibration}: not a whole JSON file (")


def test_an_edited_calibration_is_refused(capsys, files: Files):
    files.edit_calibration(reference="edited by hand")
    message = refused(capsys, "latency", "--calibration", files.calibration)
    assert "the file was edited or damaged: fetch it again." in message


def test_what_nobody_measured_is_no_input_error(capsys):
    message = refused(
        capsys, "latency", "--shape", "512x512x4", "--batch", 7,
        "--calibration", "published/h100-sxm/flux2-klein-4b/diffusers-bf16", code=1,
    )  # fmt: skip
    assert "512x512, 4 steps" in message


def test_a_workload_nobody_can_meet_is_infeasible(capsys, files: Files):
    files.write_workload(WORKLOAD | {"deadline": {"images": 10, "hours": 0.1}})
    message = refused(capsys, "plan", files.workload, "--prices", files.prices, code=1)
    assert message.startswith("no plan for 'made': all ")


def test_the_installed_program_fails_without_a_traceback(tmp_path: Path):
    program = [
        sys.executable,
        "-c",
        "from fluxcost.cli.app import main; main()",
        "plan",
        "none.yaml",
    ]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "fluxcost: none.yaml: No such file or directory; give the path of a readable file.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["latency", "--calibration", "PLACE"],
            (
                "calibration 'PLACE' is no .json file; expected one that measure wrote, or an "
                "alias that `fluxcost calibrations` lists."
            ),
        ),
        (
            ["prices", "--at", "yesterday"],
            (
                "--at is 'yesterday'; expected a day, such as 2026-08-18, or a version of a "
                "catalog, such as 20260818-42."
            ),
        ),
        (
            ["cost", "--calibration", "made.json", "--utilization", 0.6],
            (
                "neither --offer nor a machine is given; add --offer for a rented GPU, or --extras "
                "with a file that states a machine you own."
            ),
        ),
        (
            ["sensitivity", "shop.yaml", "--growth", "2:1"],
            "--growth is '2:1'; expected LOW:HIGH, LOW at most HIGH, such as 0.8:1.3.",
        ),
        (
            ["validate", "--page", "PLACE/none/page.md"],
            "PLACE/none/page.md: its folder does not exist; make it first.",
        ),
        (
            ["plan", "shop.yaml", "--report", "PLACE/none/answer.md"],
            "PLACE/none/answer.md: its folder does not exist; make it first.",
        ),
        (
            ["export", "shop.yaml", "--to", "skypilot", "--out", "PLACE"],
            "PLACE: is a folder; give the name of a file to write.",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_worked_out(
    capsys, tmp_path: Path, arguments: list[Any], message: str
):
    placed = [str(each).replace("PLACE", str(tmp_path)) for each in arguments]
    assert refused(capsys, *placed) == message.replace("PLACE", str(tmp_path))


def test_days_before_any_price_are_told_so(capsys):
    assert refused(capsys, "prices", "--at", "1800-01-01", code=1) == (
        "no price is known on 1800-01-01; ask for a later day, or for fewer kinds."
    )
