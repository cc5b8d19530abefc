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
            ["cost", *PLACED, "--mix", "shop.yaml", "--width", 1024],
            (
                "--width is given beside --mix, whose file states the shapes; leave it out, or ask"
                " apart."
            ),
        ),
        (
            ["cost", *PLACED, "--mix", "shop.yaml", "--steps", 8, "--height", 512],
            (
                "--height and --steps are given beside --mix, whose file states the shapes; leave "
                "them out, or ask apart."
            ),
        ),
        (
            ["cost", *PLACED, "--prices", "mine"],
            (
                "--prices is given without --offer and read only beside it; add --offer, or leave "
                "it out."
            ),
        ),
        (
            ["plan", "shop.yaml", "--idle-by", "use"],
            (
                "--idle-by is given without --shared and read only beside it; add --shared, or "
                "leave it out."
            ),
        ),
        (
            ["plan", "shop.yaml", "--shared", "--quality", "mine"],
            "--quality is given beside --shared; leave it out, or ask apart.",
        ),
        (
            ["plan", "shop.yaml", "--replay", "plan.json", "--seed", 1],
            "WORKLOAD and --seed are given beside --replay; leave them out, or ask apart.",
        ),
        (
            ["plan", "shop.yaml", "--stacks-on", "shop/h200", "--top", 3],
            "--top is given beside --stacks-on; leave it out, or ask apart.",
        ),
        (
            ["plan", "shop.yaml", "--gpus", 2, "--top", 3],
            "--top is given beside --gpus; leave it out, or ask apart.",
        ),
        (
            ["export", "shop.yaml", "--to", "ray-serve", "--out", "x", "--image", "mine"],
            (
                "--image is given beside --to ray-serve, whose cluster has its own image; leave it"
                " out, or ask apart."
            ),
        ),
        (
            ["prices", "--out", "mine"],
            (
                "--out is given without import or refresh and read only beside it; add import or "
                "refresh, or leave it out."
            ),
        ),
        (
            ["prices", "import", "a.csv", "--gpu", "h100-sxm"],
            (
                "--gpu is given beside prices import, which does not read that; leave it out, or "
                "ask apart."
            ),
        ),
        (
            ["prices", "schema", "a.csv", "--provider", "aws"],
            (
                "FILES and --provider are given beside prices schema, which does not read that; "
                "leave them out, or ask apart."
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
        (["--max-wait", 0.2], "--max-wait is given without --max-batch over 1 and read only"),
        (
            ["--cold-start", 9, "--compile-cache", "shipped", "--idle-timeout", 60],
            "--compile-cache is given beside --cold-start, which states what it is for; leave it",
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
