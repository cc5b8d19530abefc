"""The short form of the kills and full disks of `benchmarks/reliability/crash.py`."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fluxcost.documents import ABANDONED_S, write_atomically
from fluxcost.errors import DocumentError, InputError
from measure.journal import Journal, JournalRow
from measure.json_lines import JOURNAL_FILE
from measure.serving.request_log import COLUMNS, RequestLog
from tests.measure.test_journal import HEADER, a_cell

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("journal", r"journal: KILLS kills .* 20 cuts .* every row once"),
        ("import", r"import: KILLS kills, .* it was whole or as before each time"),
        ("disk", r"disk: full \(.*\): journal, .*; full in mid-journal: journal; each said so"),
    ],
)
def test_kills_and_full_disks(part: str, says: str, kills: int):
    command = [sys.executable, "-W", "error", "-m", "benchmarks.reliability.crash", part]
    options = ["--kills", str(kills), "--every", "37"]
    result = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.match(says.replace("KILLS", str(kills)), result.stdout), result.stdout


def test_a_row_may_hold_any_line_end_of_unicode(tmp_path: Path):
    """Only a newline ends a row: Python's splitlines ends lines at these too."""
    reason = "a\u2028b\u2029c\x85d\x0be\x1cf"
    row = JournalRow(cell=a_cell(1).model_copy(update={"reason": reason}))
    journal = Journal.open(tmp_path, HEADER)
    journal.append(row)
    journal.close()
    again = Journal.open(tmp_path, HEADER)
    assert again.rows == [row]
    again.close()


def test_a_line_nested_without_end_is_damage(tmp_path: Path):
    Journal.open(tmp_path, HEADER).close()
    with (tmp_path / JOURNAL_FILE).open("a") as stream:
        stream.write("[" * 200_000 + "\n")
    with pytest.raises(DocumentError, match="line 2: damaged"):
        Journal.open(tmp_path, HEADER)


def test_a_row_that_does_not_fit_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Half a row written is none, and closing the journal does not try the other half again."""
    journal = Journal.open(tmp_path, HEADER)
    journal.append(JournalRow(cell=a_cell(1)))
    before = (tmp_path / JOURNAL_FILE).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DocumentError, match="No space left on"):
            journal.append(JournalRow(cell=a_cell(2)))
    assert (tmp_path / JOURNAL_FILE).read_bytes() == before
    journal.append(JournalRow(cell=a_cell(3)))
    journal.close()
    again = Journal.open(tmp_path, HEADER)
    assert [cell.steps for cell in again.cells.values()] == [1, 3]
    again.close()


def test_a_request_log_changes_no_file_of_somebody_else(tmp_path: Path):
    notes = tmp_path / "notes.txt"
    notes.write_text("one line\nanother, without its end")
    with pytest.raises(InputError, match="not a request log of this version"):
        RequestLog(notes)
    assert notes.read_text() == "one line\nanother, without its end"


@pytest.mark.parametrize("torn", ["", "timest", ",".join(COLUMNS)])
def test_a_request_log_torn_in_its_first_line_starts_anew(tmp_path: Path, torn: str):
    path = tmp_path / "requests.csv"
    path.write_text(torn)
    RequestLog(path).close()
    assert path.read_text() == ",".join(COLUMNS) + "\n"


def test_a_request_log_that_does_not_fit_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("measure.serving.request_log.append_whole", full)
    with pytest.raises(DocumentError, match=r"requests.csv: No space left on device; nothing was"):
        RequestLog(tmp_path / "requests.csv")


def test_what_a_killed_writer_left_goes_with_a_later_write(tmp_path: Path):
    old, young, other = (tmp_path / f".{name}.part" for name in ("x.a", "x.b", "y.a"))
    for path in (old, young, other):
        path.write_text("half")
    long_ago_s = time.time() - ABANDONED_S - 60
    os.utime(old, (long_ago_s, long_ago_s))
    os.utime(other, (long_ago_s, long_ago_s))
    write_atomically(tmp_path / "x", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"x", ".x.b.part", ".y.a.part"}
