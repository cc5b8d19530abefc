"""kill -9 at random moments of a journal, and its file cut at every byte."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.killing import Moments, is_killed, require, seconds_of
from fluxcost.performance.calibration.measured_cell import Cell, Samples
from fluxcost.performance.calibration.measuring_run import GpuIdentity, Stack
from measure.journal import SYNTHETIC, Journal, JournalHeader, JournalRow
from measure.json_lines import JOURNAL_FILE

HEADER = JournalHeader(
    gpu=GpuIdentity(key="cpu", name="a CPU", memory_gib=8.0),
    model="tiny",
    architecture_hash="abc",
    stack=Stack(alias="eager-bf16", settings={"dtype": "bfloat16"}),
    weights=SYNTHETIC,
    seed=0,
)
CELLS = 24
LONG = 20_000
"""Calls of the last cell, whose row is over 5 MB: long enough to be killed in the middle of it."""

LONG_S = 0.004
"""About how long that takes."""
EACH = 10
"""Kills of one journal."""


@dataclass(frozen=True)
class JournalFigures:
    """What came of it."""

    kills: int
    journals: int
    torn: int
    cuts: int

    def __str__(self) -> str:
        return (
            f"journal: {self.kills} kills while {self.journals} journals of {CELLS} cells were "
            f"written, {self.torn} of them inside a row; {self.cuts} cuts at every byte of a small "
            "one: every row once, each file byte for byte that of an undisturbed run"
        )


def kill_journals(kills: int, seed: int, every: int = 1) -> JournalFigures:
    """Write journals, killing the writer until so many kills are reached, then cut one to pieces.

    Args:
        kills: How many.
        seed: Of the moments.
        every: Bytes from one cut to the next.
    """
    rows = [a_row(number, LONG if number == CELLS - 1 else 1) for number in range(CELLS)]
    draw = random.Random(seed)  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whenever = Moments(seconds_of(lambda: _write(folder / "whole", rows)), draw)
        whole = (folder / "whole" / JOURNAL_FILE).read_bytes()
        done = torn = journals = 0
        while done < kills:
            one = folder / f"{journals}"
            torn += _kill(one, rows, whole, min(EACH, kills - done), whenever)
            done += min(EACH, kills - done)
            journals += 1
        return JournalFigures(done, journals, torn, _cut_everywhere(folder / "cut", every))


def _kill(folder: Path, rows: list[JournalRow], whole: bytes, kills: int, whenever: Moments) -> int:
    """Write one journal, killed so often on the way; return how many kills tore a row."""
    path = folder / JOURNAL_FILE
    long_row = whole.rindex(b"\n", 0, -1) + 1
    in_long_row = Moments(LONG_S, whenever.draw)

    def work() -> None:
        _write(folder, rows)

    def is_at_long_row() -> bool:
        return path.exists() and path.stat().st_size > long_row

    done = torn = 0
    while done < kills:
        # Every other kill is aimed at the one row that takes long enough to be torn by it.
        at_it = done % 2 == 1
        moments = in_long_row if at_it else whenever
        if is_killed(work, moments.next_s(), is_at_long_row if at_it else None):
            done += 1
            torn += _check_prefix(path, whole)
        else:
            _check_whole(path, whole)
            path.unlink()
    work()
    _check_whole(path, whole)
    return torn


def _write(folder: Path, rows: list[JournalRow]) -> None:
    """Write what the journal does not hold yet, as a campaign does."""
    journal = Journal.open(folder, HEADER)
    done = {cell.steps for cell in journal.cells.values()}
    for row in rows:
        if row.cell is not None and row.cell.steps not in done:
            journal.append(row)
    journal.close()


def _check_whole(path: Path, whole: bytes) -> None:
    require(holds=path.read_bytes() == whole, what=f"{path} differs from an undisturbed one")


def _check_prefix(path: Path, whole: bytes) -> bool:
    """Refuse anything but a beginning of the undisturbed file; say whether its end is torn."""
    found = path.read_bytes() if path.exists() else b""
    require(holds=whole.startswith(found), what=f"{path} is no beginning of the whole journal")
    return not found.endswith(b"\n") and found != b""


def _cut_everywhere(folder: Path, every: int) -> int:
    rows = [a_row(number, 1) for number in range(3)]
    _write(folder, rows)
    path = folder / JOURNAL_FILE
    whole = path.read_bytes()
    cuts = range(0, len(whole), every)
    for length in cuts:
        path.write_bytes(whole[:length])
        _write(folder, rows)
        require(holds=path.read_bytes() == whole, what=f"cut at byte {length}, it differs")
    return len(cuts)


def a_row(number: int, calls: int) -> JournalRow:
    """Return a row whose cell has a step for its number, and so many calls."""
    steps = number + 1
    samples = Samples(
        wall_s=(1.0,) * calls,
        text_encode_s=(0.1,) * calls,
        denoise_step_s=((0.01,) * steps,) * calls,
        vae_decode_s=(0.1,) * calls,
    )
    cell = Cell(width=64, height=64, steps=steps, batch=1, run="r", samples=samples)
    return JournalRow(cell=cell)
