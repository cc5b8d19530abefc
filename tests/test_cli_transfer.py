"""`fluxcost transfer`: the Python result, and memory that is not there as the answer."""

from typing import Any

import pytest

import fluxcost as fc
from tests.commands import refused, shown, shown_json

MEASURED = "h100-sxm/flux2-klein-4b/eager-bf16"
SHAPE = fc.Shape(1024, 1024, 4)


def test_transfer_is_the_result(capsys):
    moved = fc.transfer(fc.fit(fc.load_calibration(MEASURED)), gpu="a100-sxm-80gb")
    command = ["transfer", MEASURED, "--gpu", "a100-sxm-80gb"]
    assert shown_json(capsys, *command) == {
        "latency": moved.latency(SHAPE).to_dict(),
        "throughput": moved.throughput(SHAPE).to_dict(),
        "memory": moved.memory(SHAPE).to_dict(),
        "energy": moved.energy(SHAPE).to_dict(),
    }
    lines = shown(capsys, *command).splitlines()
    assert lines[0] == (
        "call            a100-sxm-80gb/flux2-klein-4b/eager-bf16: 1024x1024, 4 steps, batch 1"
    )
    assert "source          transferred" in lines
    assert "floors, datasheet rates, " in lines[-1]


def test_the_interval_is_wider_than_the_measured_one(capsys):
    measured = shown_json(capsys, "latency", "--calibration", MEASURED)
    moved = shown_json(capsys, "transfer", MEASURED, "--gpu", "h200-sxm")["latency"]
    assert moved["source"] == "transferred"
    widths = [(each["high"] - each["low"]) / each["value"] for each in (moved, measured)]
    assert widths[0] > widths[1]


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (["--gpu", "rtx-4090", "--batch", 8], "GiB but NVIDIA GeForce RTX 4090 has 24 GB", 1),
        (["--gpu", "rtx-4090", "--model", "flux2-dev"], "use a smaller batch or image, or a", 1),
        (["--gpu", "toaster"], "no datasheet rates for GPU 'toaster'; known: ", 1),
        (["--model", "flux3"], "architecture 'flux3' is not known", 2),
        ([], "neither gpu nor model is given; name what the fit is transferred to.", 2),
        (["--gpu", "l40s", "--launches-per-s", 0], "launches_per_s is 0.0; expected a positive", 2),
    ],
)
def test_no_answer_is_said_in_one_sentence(capsys, options: list[Any], message: str, code: int):
    assert message in refused(capsys, "transfer", MEASURED, *options, code=code)
