"""Options that nobody would read: one sentence each, even where the value is the default."""

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest

from fluxcost.cli.app import run
from fluxcost.version import version
from tests.commands import Files, refused

PLACED = ["--calibration", "made.json", "--utilization", 0.6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["cost", *PLACED, "--mix", "shop.yaml", "--shape", "1024x1024x4"],
            "--shape is given with --mix, whose file states the shapes; leave it out.",
        ),
        (
            ["cost", *PLACED, "--prices", "mine"],
            (
                "--prices is given without --offer and only used with it; add --offer, or leave it "
                "out."
            ),
        ),
        (
            ["plan", "shop.yaml", "--idle-by", "use"],
            (
                "--idle-by is given without --shared and only used with it; add --shared, or "
                "leave it out."
            ),
        ),
        (
            ["plan", "shop.yaml", "--shared", "--quality", "mine"],
            "--quality is given with --shared; leave it out.",
        ),
        (
            ["plan", "shop.yaml", "--replay", "plan.json", "--seed", 1],
            "WORKLOAD and --seed are given with --replay; leave them out.",
        ),
        (
            ["plan", "shop.yaml", "--stacks-on", "shop/h200", "--top", 3],
            "--top is given with --stacks-on; leave it out.",
        ),
        (
            ["plan", "shop.yaml", "--gpus", 2, "--top", 3],
            "--top is given with --gpus; leave it out.",
        ),
        (
            ["plan", "shop.yaml", "--analytic", "--seed", 0],
            "--seed is given with --analytic; leave it out.",
        ),
        (
            ["export", "shop.yaml", "--to", "ray-serve", "--out", "x", "--image", "mine"],
            "--image is given with --to ray-serve, whose cluster has its own image; leave it out.",
        ),
        (
            ["prices", "--out", "mine"],
            (
                "--out is given without import or refresh and only used with it; add import or "
                "refresh, or leave it out."
            ),
        ),
        (
            ["prices", "import", "a.csv", "--gpu", "h100-sxm"],
            "--gpu is given with prices import, where that has no meaning; leave it out.",
        ),
        (
            ["prices", "schema", "a.csv", "--provider", "aws"],
            (
                "FILES and --provider are given with prices schema, where that has no meaning; "
                "leave them out."
            ),
        ),
    ],
)
def test_an_option_that_nobody_reads_is_refused(capsys, arguments: list[Any], message: str):
    assert refused(capsys, *arguments) == message


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (["--cut-short", "retried"], "--cut-short is given without --hours-between-failures and"),
        (["--max-wait", 0.2], "--max-wait is given without --max-batch over 1 and only used"),
        (
            ["--cold-start", 9, "--compile-cache", "shipped", "--idle-timeout", 60],
            "--compile-cache is given with --cold-start, which states the whole start; leave it",
        ),
    ],
)
def test_a_rule_of_a_fleet_without_what_it_is_of_is_refused(capsys, options: list[Any], start: str):
    command = ["simulate", "shop.yaml", "--calibration", "made.json", "--replicas", 2]
    assert refused(capsys, *command, *options).startswith(start)


def test_a_range_left_empty_is_refused(capsys, tmp_path: Path):
    files = Files(tmp_path)
    message = refused(capsys, "sensitivity", files.workload, "--price", "")
    assert message == "--price is ''; expected LOW:HIGH, LOW at most HIGH, such as 0.8:1.3."


def test_the_version_is_the_packages(capsys, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"7.0 of {name}")
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == "fluxcost 7.0 of fluxcost\n"


def test_a_checkout_that_is_not_installed_says_its_own_version(monkeypatch):
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8")
    assert f'\nversion = "{version()}"\n' in project
