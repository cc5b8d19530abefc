"""Hostile files and requests on every reader: python -m benchmarks.reliability.fuzz [READER ...].

Good documents are changed by structure, guided by the branches that earlier inputs reached
(atheris, `pip install 'fluxcost[fuzz]'`). Each reader has a process of its own, so that its memory
is its own. What guided the search is then read again under coverage.py, which counts branches.
Exits with 1 where anything but the project's named errors came out, an input took too long, or too
few inputs got as far as being validated. `--unguided` needs neither package and counts no branches.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reliability import NAMES

ROOT = Path(__file__).parents[2]
INPUTS = 10_000
LONGEST_S = 5.0
"""An input of at most `LARGEST` bytes that takes longer is a defect."""

LARGEST = 64 * 1024
MEMORY_MIB = 2048
LEAST_VALIDATED = 0.3


@dataclass(frozen=True)
class Figures:
    """What came of a reader."""

    name: str
    counts: dict[str, Any]
    covered: str

    def __str__(self) -> str:
        c = self.counts
        share = c["validated"] / c["inputs"]
        return (
            f"| {self.name} | {c['inputs']:,} | {share:.0%} | {c['accepted']:,} | {self.covered} | "
            f"{c['longest_s']:.2f} | {c['peak_mib']:.0f} | {len(c['defects'])} |"
        )


def main(arguments: Sequence[str]) -> int:
    """Fuzz the readers asked for, print a row for each, and a total."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability.fuzz")
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(NAMES))
    parser.add_argument("--inputs", type=int, default=INPUTS, help="Of each reader.")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--unguided", action="store_true", help="In this process, by chance.")
    parser.add_argument("--one", help="Used by the program itself: fuzz here, into this folder.")
    parser.add_argument("--cover", help="Used by the program itself: count branches there.")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.readers) - set(NAMES):
        parser.error(f"no such reader: {', '.join(sorted(unknown))}; expected {', '.join(NAMES)}")
    if asked.one:
        _fuzz_here(asked.readers[0], asked.inputs, asked.seed, Path(asked.one))
        return 0
    if asked.cover:
        _cover_here(asked.readers[0], Path(asked.cover))
        return 0
    print(
        "| reader | inputs | validated | accepted | branches | longest, s | peak, MiB | defects |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    tried = _try_here if asked.unguided else _fuzz
    return _report([tried(name, asked) for name in asked.readers or NAMES])


def _report(all_figures: list[Figures]) -> int:
    counts = [each.counts for each in all_figures]
    inputs, validated = (sum(each[key] for each in counts) for key in ("inputs", "validated"))
    print(f"\n{inputs:,} inputs, {validated / inputs:.0%} of them validated")
    broken = validated < LEAST_VALIDATED * inputs
    for each in all_figures:
        for place, example in each.counts["defects"].items():
            print(f"{each.name}: {place}: {example}")
        broken |= bool(each.counts["defects"]) or each.counts["longest_s"] > LONGEST_S
    return int(broken)


def _try_here(name: str, asked: argparse.Namespace) -> Figures:
    from benchmarks.reliability.all_readers import reader_of
    from benchmarks.reliability.trying import try_many

    counts = try_many(reader_of(name), asked.inputs, asked.seed)
    figures = Figures(name, counts.to_dict(), "not counted")
    print(figures, flush=True)
    return figures


def _fuzz(name: str, asked: argparse.Namespace) -> Figures:
    """Fuzz a reader in a process of its own, then count branches in another."""
    command = [sys.executable, "-m", "benchmarks.reliability.fuzz", name]
    with tempfile.TemporaryDirectory() as folder:
        more = ["--inputs", str(asked.inputs), "--seed", str(asked.seed), "--one", folder]
        run = subprocess.run([*command, *more], cwd=ROOT, capture_output=True, check=False)
        path = Path(folder) / "counts.json"
        if not path.exists():
            raise SystemExit(f"{name}: {run.stderr.decode(errors='replace')[-3000:]}")
        counts = json.loads(path.read_text("utf-8"))
        if counts["inputs"] < asked.inputs:  # at a limit of time or memory
            counts["defects"]["it ended early"] = run.stderr.decode(errors="replace")[-2000:]
        covered = subprocess.run(
            [*command, "--cover", folder], cwd=ROOT, capture_output=True, text=True, check=True
        )
        figures = Figures(name, counts, covered.stdout.strip().splitlines()[-1])
        print(figures, flush=True)
        return figures


def _fuzz_here(name: str, inputs: int, seed: int, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["fluxcost", "measure", "dashboard"]):
        from benchmarks.reliability.all_readers import reader_of
    from benchmarks.reliability.trying import Mutator, Trial

    reader = reader_of(name)
    corpus, files = folder / "corpus", folder / "files"
    corpus.mkdir()
    files.mkdir()
    for number, tree in enumerate(reader.seeds):
        (corpus / f"seed-{number}").write_bytes(reader.dump(tree))
    trial, mutator = Trial(reader, files), Mutator(reader)

    def try_one(data: bytes) -> None:
        trial.try_one(data)
        if trial.counts.inputs % 500 == 0 or trial.counts.inputs >= inputs:
            (folder / "counts.json").write_text(json.dumps(trial.finish().to_dict()), "utf-8")

    def mutate(data: bytes, most: int, number: int) -> bytes:
        return mutator.next(data, number)[:most]

    limits = [
        f"-runs={inputs}",
        f"-max_len={LARGEST}",
        f"-rss_limit_mb={MEMORY_MIB}",
        "-timeout=30",
    ]
    atheris.Setup(["fuzz", f"-seed={seed}", *limits, str(corpus)], try_one, custom_mutator=mutate)
    atheris.Fuzz()


def _cover_here(name: str, folder: Path) -> None:
    import coverage

    from benchmarks.reliability.all_readers import reader_of
    from benchmarks.reliability.trying import Trial

    reader = reader_of(name)
    trial = Trial(reader, folder / "files")
    counter = coverage.Coverage(
        branch=True, include=[str(ROOT / each) for each in reader.measures], data_file=None
    )
    counter.start()
    for path in sorted((folder / "corpus").iterdir()):
        trial.try_one(path.read_bytes())
    counter.stop()
    taken = total = 0
    for each in reader.measures:
        numbers = counter._analyze(str(ROOT / each)).numbers  # noqa: SLF001 - only reports show it
        taken += numbers.n_executed_branches
        total += numbers.n_branches
    print(f"{taken} of {total}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
