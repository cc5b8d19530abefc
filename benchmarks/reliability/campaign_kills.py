"""kill -9 at random moments of a whole tiny campaign, and a second campaign on its journal.

Children are forked from a process that has imported torch, which takes longer than the campaign.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.reliability.killing import (
    Moments,
    ended_well,
    fork,
    is_killed,
    leftovers,
    require,
    seconds_of,
)
from fluxcost.performance.calibration.schema import read_calibration
from measure.cli import app as measure
from measure.json_lines import JOURNAL_FILE
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.flux import assemble_flux2_klein
from measure.suites import load_suite

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "data" / "tiny-suite.yaml"
MODEL = ROOT / "tests" / "data" / "tiny.yaml"
PATIENCE_S = 120.0
ABSENT = {"id", "started_at", "run", "of_run"}
"""Fields that name a start of the program, and so differ between any two."""


@dataclass(frozen=True)
class CampaignFigures:
    """What came of it."""

    kills: int
    campaigns: int
    work_s: float
    weights_left: int

    def __str__(self) -> str:
        return (
            f"campaign: {self.kills} kills of {self.campaigns} campaigns of {self.work_s:.1f} s; "
            "resumed, every cell stands once, what was measured before a kill is kept byte for "
            "byte, and all but the timings equals an undisturbed run; "
            f"{self.weights_left} kills left the cold start's weights, which resuming removed; "
            "a second campaign on the journal of a running one was refused"
        )


def kill_campaigns(kills: int, seed: int) -> CampaignFigures:
    """Run campaigns, killing and resuming each, until so many kills are reached."""
    torch.set_num_threads(1)
    assemble_flux2_klein(
        load_blueprint(str(MODEL)).document, torch.device("cpu")
    )  # imports what is slow
    draw = random.Random(seed)  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work_s = seconds_of(lambda: _run(folder / "whole"))
        whole = _untimed(folder / "whole")
        moments = Moments(work_s, draw)
        done = campaigns = weights = 0
        while done < kills:
            out = folder / f"{campaigns}"
            killed, left = _kill(out, kills - done, moments)
            done += killed
            weights += left
            _check_resumed(out, whole)
            campaigns += 1
        _refuse_a_second(folder / "second", whole)
        return CampaignFigures(done, campaigns, work_s, weights)


def _kill(out: Path, most: int, moments: Moments) -> tuple[int, int]:
    """Kill and resume a campaign until it ends, or so often; return kills and weights they left."""
    kills = weights = 0
    while kills < most and is_killed(lambda: _run(out), moments.next_s()):
        kills += 1
        weights += any(out.glob("weights-*"))
    return kills, weights


def _run(out: Path) -> None:
    options = ["--suite", str(SUITE), "--model", str(MODEL), "--device", "cpu", "--out", str(out)]
    measure(["run", *options], standalone_mode=False)


def _check_resumed(out: Path, whole: dict[str, Any]) -> None:
    path = out / JOURNAL_FILE
    before = _whole_lines(path)
    seconds_of(lambda: _run(out))
    after = _whole_lines(path)
    require(holds=after.startswith(before), what=f"{path} lost what was measured before the kill")
    require(holds=path.read_bytes() == after, what=f"{path} ends in a torn row")
    wanted = {(p.shape.width, p.shape.height, p.shape.steps, p.batch) for p in _points()}
    require(holds=_cells(after) == dict.fromkeys(wanted, 1), what=f"cells of {path} are not once")
    require(holds=_untimed(out) == whole, what=f"{out} differs from an undisturbed run")


def _refuse_a_second(out: Path, whole: dict[str, Any]) -> None:
    """Hold a campaign after its first cell, and try to run another on its journal."""
    first = fork(lambda: _run(out))
    until_s = time.monotonic() + PATIENCE_S
    while not _cells(_whole_lines(out / JOURNAL_FILE)) and time.monotonic() < until_s:
        time.sleep(0.01)
    os.kill(first, signal.SIGSTOP)
    held = (out / JOURNAL_FILE).read_bytes()
    options = ["--suite", str(SUITE), "--model", str(MODEL), "--device", "cpu", "--out", str(out)]
    command = [sys.executable, "-m", "measure", "run", *options]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = second.stderr.strip().splitlines()
    refused = second.returncode == 2 and len(said) == 1 and "in use by another campaign" in said[0]
    require(holds=refused, what=f"a second campaign was not refused: {second.stderr}")
    require(holds=(out / JOURNAL_FILE).read_bytes() == held, what="the second campaign wrote to it")
    os.kill(first, signal.SIGCONT)
    require(holds=ended_well(first), what="the first campaign was killed")
    require(holds=_untimed(out) == whole, what="the second campaign disturbed the first")


def _points() -> set[Any]:
    return set(load_suite(str(SUITE)).points())


def _whole_lines(path: Path) -> bytes:
    found = path.read_bytes() if path.exists() else b""
    return found[: found.rfind(b"\n") + 1]


def _cells(lines: bytes) -> Counter[tuple[int, int, int, int]]:
    rows = [json.loads(line).get("cell") for line in lines.splitlines()]
    return Counter((c["width"], c["height"], c["steps"], c["batch"]) for c in rows if c)


def _untimed(out: Path) -> dict[str, Any]:
    """Return the one calibration of a folder without timings and without what names a start."""
    (path,) = out.glob("calibration-*.json")
    require(
        holds=not leftovers(out, {JOURNAL_FILE, path.name}),
        what=f"{out} holds more than its two files",
    )
    document: dict[str, Any] = read_calibration(path).to_dict()
    runs = document.pop("runs")
    document["environment"] = runs[-1]["environment"]
    document["cold_start"] = [sorted(run["cold_start"]) for run in runs if "cold_start" in run]
    document["ceilings"] = _bare(runs[-1]["ceilings"])
    return {key: _bare(value) for key, value in document.items()}


def _bare(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON without fields that are times or rates, or that name a start of the program."""
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if not _is_timed(key)}
    return [_bare(each) for each in value] if isinstance(value, list) else value


def _is_timed(key: str) -> bool:
    timed = key.endswith(("_s", "_per_s")) or key in {"samples", "stable", "energy"}
    return timed or key in ABSENT
