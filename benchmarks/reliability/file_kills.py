"""kill -9 at random moments of an import and of an export: their file is whole, or as before."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.killing import Moments, is_killed, leftovers, require, seconds_of
from fluxcost.cli.app import run as fluxcost
from fluxcost.documents import ABANDONED_S
from measure.cli import app as measure

ROOT = Path(__file__).parents[2]
ROWS = 4000
WRITING_S = 0.005
"""About how long writing the file takes, from the temporary file to the end."""
OLD = "what an earlier export wrote\n"


@dataclass(frozen=True)
class FileFigures:
    """What came of it."""

    name: str
    kills: int
    before: int
    temporary: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.kills} kills, {self.before} before the file was in place; it was "
            "whole or as before each time, and the same command then wrote what an undisturbed one "
            f"does; {self.temporary} left a temporary file, which a later write removes"
        )


@dataclass(frozen=True)
class Job:
    """A command that writes one file, and whether the file may be there before.

    Attributes:
        name: For the report.
        out: The file.
        write: The command.
        before: What the file holds before; None where it must not exist.
    """

    name: str
    out: Path
    write: Callable[[], None]
    before: str | None

    def is_writing(self) -> bool:
        """Whether a file besides the earlier one is there, or the earlier one is gone."""
        return sum(1 for _ in self.out.parent.iterdir()) != (self.before is not None)


def kill_writers(name: str, kills: int, seed: int) -> FileFigures:
    """Kill the import or the export that often, each time before the file is written anew."""
    with tempfile.TemporaryDirectory() as folder:
        job = _import(Path(folder)) if name == "import" else _export(Path(folder))
        return _kill(job, kills, random.Random(seed))  # noqa: S311 - moments, not secrets


def _kill(job: Job, kills: int, draw: random.Random) -> FileFigures:
    whole = _undisturbed(job)
    whenever, writing = Moments(seconds_of(job.write), draw), Moments(WRITING_S, draw)
    done = before = temporary = 0
    while done < kills:
        _reset(job)
        # Every other kill comes while the file is written, which is a small part of the command.
        at_it = done % 2 == 1
        if not is_killed(
            job.write, (writing if at_it else whenever).next_s(), job.is_writing if at_it else None
        ):
            continue
        done += 1
        found = job.out.read_text(encoding="utf-8") if job.out.exists() else None
        require(holds=found in {job.before, whole}, what=f"{job.out} is torn: {found!r:.200}")
        before += found == job.before
        temporary += len(_abandon(job))
        if found != whole:
            seconds_of(job.write)
        require(holds=job.out.read_text("utf-8") == whole, what=f"{job.out} differs from before")
        left = leftovers(job.out.parent, {job.out.name}) if found != whole else []
        require(holds=not left, what=f"{left} are left beside {job.out}")
    return FileFigures(job.name, done, before, temporary)


def _undisturbed(job: Job) -> str:
    _reset(job)
    seconds_of(job.write)
    text = job.out.read_text(encoding="utf-8")
    _reset(job)
    return text


def _reset(job: Job) -> None:
    for path in job.out.parent.iterdir():
        path.unlink()
    if job.before is not None:
        job.out.write_text(job.before, encoding="utf-8")


def _abandon(job: Job) -> list[Path]:
    """Age what a killed writer left, so that the next one takes it for abandoned."""
    left = [path for path in job.out.parent.iterdir() if path != job.out]
    long_ago_s = time.time() - 2 * ABANDONED_S
    for path in left:
        os.utime(path, (long_ago_s, long_ago_s))
    return left


def _import(folder: Path) -> Job:
    timings, out = folder / "calls.csv", folder / "out" / "imported.json"
    out.parent.mkdir()
    with timings.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("width", "height", "steps", "batch", "latency_s"))
        writer.writerows((1024, 1024, 4, 1, 0.5 + 0.0001 * (n % 97)) for n in range(ROWS))
    arguments = [
        *("import", str(timings), "--gpu", "h100-sxm", "--gpu-name", "NVIDIA H100"),
        *("--memory-gib", "79.2", "--model", "flux2-klein-4b", "--stack", "mine"),
        *("--out", str(out)),
    ]
    return Job("import", out, lambda: measure(arguments, standalone_mode=False), before=None)


def _export(folder: Path) -> Job:
    plans, out = folder / "plans.json", folder / "out" / "task.yaml"
    out.parent.mkdir()
    workload = ROOT / "examples" / "game_variations.yaml"
    command = [
        sys.executable,
        "-c",
        "from fluxcost.cli.app import main; main()",
        "plan",
        str(workload),
    ]
    made = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, check=True)
    plans.write_bytes(made.stdout)
    option = next(plan["option"] for plan in json.loads(made.stdout)["plans"] if plan["gpus"])
    arguments = ["export", str(plans), "--to", "skypilot", "--option", option]

    def write() -> None:
        code = fluxcost([*arguments, "--out", str(out)])
        require(holds=code == 0, what=f"fluxcost export ended with code {code}")

    return Job("export", out, write, before=OLD)
