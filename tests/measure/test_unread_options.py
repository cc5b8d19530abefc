"""Options that nobody would read: one sentence and exit code 2, before anything starts."""

import importlib.metadata
import sys

import pytest

from measure.cli import main

RUN = ["run", "--suite", "generation", "--out", "OUT"]
LOADED = ["scenarios", "--out", "OUT", "--scenario"]
SERVED = ["endpoint", "http://localhost:1", "--shape", "64x64x2", "--out", "OUT"]
DRAWN = ["quality", "--weights", "DIR", "--out", "OUT"]


def ran(monkeypatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["measure", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            [*RUN, "--cores", "all", "--threads"],
            (
                "--cores and --threads are given without --gpus and only used with it; add "
                "--gpus, or leave them out."
            ),
        ),
        (
            [*RUN, "--gpus", "1,2", "--target-error", "2%", "--usd-per-hour", "3"],
            (
                "--target-error and --usd-per-hour are given with --gpus, where every window is "
                "timed; leave them out."
            ),
        ),
        (
            [*RUN, "--max-minutes", "4"],
            (
                "--max-minutes and --max-usd bound an adaptive calibration; add --target-error, "
                "such as --target-error 2%."
            ),
        ),
        (
            [*RUN[:2], "batch", *RUN[3:], "--scratch", "there"],
            (
                "--scratch is there and none of the suites times a cold start, which alone uses "
                "it; leave it out."
            ),
        ),
        (
            [*LOADED, "server", "--loads", "0.5"],
            (
                "--loads is given without --scenario load and only used with it; add --scenario "
                "load, or leave it out."
            ),
        ),
        (
            [*LOADED, "load", "--p99-within", "2"],
            (
                "--p99-within is given without --scenario server and only used with it; add "
                "--scenario server, or leave it out."
            ),
        ),
        (
            [*LOADED, "load", "--min-seconds", "1"],
            (
                "--min-seconds is given without a LoadGen scenario (such as server) and only used "
                "with it; add a LoadGen scenario (such as server), or leave it out."
            ),
        ),
        (
            [*LOADED, "server", "--queries", "offline=8"],
            (
                "--queries is 'offline=8' and --scenario does not name that; expected one of "
                "server, or one more --scenario."
            ),
        ),
        (
            ["serve", "--max-wait", "0.1"],
            (
                "--max-wait is given without --max-batch over 1 and only used with it; add "
                "--max-batch over 1, or leave it out."
            ),
        ),
        (
            [*SERVED, "--requests", "200"],
            (
                "--requests is given without --rate and only used with it; add --rate, or leave "
                "it out."
            ),
        ),
        (
            [*SERVED, "--arrivals", "log.csv", "--rate", "2"],
            (
                "--rate is given with a CSV as --arrivals, which states when requests are sent; "
                "leave it out."
            ),
        ),
        (
            [*SERVED, "--gpu-name", "NVIDIA H200"],
            (
                "--gpu-name is given without --gpu and only used with it; add --gpu, or leave it"
                " out."
            ),
        ),
        (
            [*DRAWN, "--suite", "lpips", "--lpips", "a", "--clip", "b"],
            "--clip is given and suite lpips is judged by --lpips; leave it out.",
        ),
        (
            ["run", "--out", "OUT"],
            (
                "neither --suite nor --shape is given; name a suite, such as --suite generation, "
                "or a shape, such as --shape 1024x1024x4."
            ),
        ),
        (
            [*RUN, "--batch", "2"],
            "--batch is given without --shape and only used with it; add --shape, or leave it out.",
        ),
        (
            [*RUN, "--dry-run", "--target-error", "2%", "--max-minutes", "3"],
            (
                "--target-error and --max-minutes are given with --dry-run, which lists fixed "
                "cells only; leave them out."
            ),
        ),
        (
            ["run", "--suite", "adaptive", "--dry-run", "--out", "OUT"],
            (
                "suite adaptive chooses its cells while it runs, so --dry-run cannot list them; "
                "leave one of the two out."
            ),
        ),
        (
            ["run", "--shape", "1024x1024", "--out", "OUT"],
            "--shape is '1024x1024'; expected WIDTHxHEIGHTxSTEPS, such as 1024x1024x4.",
        ),
        (["meassure"], "No such command 'meassure'. Did you mean 'merge'?"),
    ],
)
def test_an_option_that_nobody_reads_is_refused(monkeypatch, capsys, tmp_path, arguments, sentence):
    placed = [each.replace("OUT", str(tmp_path / "out")) for each in arguments]
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "model_index.json").write_text("{}")
    placed = [each.replace("DIR", str(tmp_path / "checkpoint")) for each in placed]
    assert ran(monkeypatch, *placed) == 2
    assert capsys.readouterr().err == f"measure: {sentence}\n"
    assert not (tmp_path / "out").exists()


def test_the_version_is_the_packages(monkeypatch, capsys):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"7.0 of {name}")
    assert ran(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == "fluxcost 7.0 of fluxcost\n"


def test_help_is_shown_where_nothing_is_asked(monkeypatch, capsys):
    assert ran(monkeypatch) == 0
    assert "Time real image generation" in capsys.readouterr().out
