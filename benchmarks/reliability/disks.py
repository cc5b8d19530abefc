"""Disks that fill up and folders that nobody may write to, for everything that writes.

Where this process may mount, disks are small tmpfs that are filled, enlarged and made read-only.
Elsewhere a limit on the size of files stands in: writing past it fails in the same call.
"""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.reliability.journal_kills import CELLS, HEADER, a_row
from benchmarks.reliability.killing import require
from fluxcost.documents import write_atomically
from fluxcost.errors import DocumentError
from measure.journal import Journal
from measure.json_lines import JOURNAL_FILE
from measure.serving.request_log import RequestLog

SMALL = 64 * 2**10
LARGE = 4 * 2**20


class Disk:
    """A folder on a disk of its own, or under a limit on the size of files."""

    kind = "a limit on the size of files"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, size: int) -> None:
        """Let so many bytes fit."""
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    def fill(self) -> None:
        """Let nothing more fit."""
        self.resize(0)

    def forbid(self) -> None:
        """Let nobody write."""
        self.folder.chmod(0o555)

    def leave(self) -> None:
        """Undo all that."""
        self.folder.chmod(0o755)
        self.resize(resource.RLIM_INFINITY)


class Tmpfs(Disk):
    """A folder that a small tmpfs is mounted on."""

    kind = "a tmpfs"

    def resize(self, size: int) -> None:
        """Let so many bytes fit."""
        _mount(self.folder, f"remount,rw,size={size}")
        with suppress(FileNotFoundError):
            (self.folder / "filling").unlink()

    def fill(self) -> None:
        """Let nothing more fit."""
        with suppress(OSError), (self.folder / "filling").open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))

    def forbid(self) -> None:
        """Let nobody write."""
        _mount(self.folder, "remount,ro")

    def leave(self) -> None:
        """Undo all that."""
        subprocess.run(["umount", self.folder], check=True)  # noqa: S607 - it is mount's own


@dataclass
class DiskFigures:
    """What came of it."""

    refused: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{kind}: {', '.join(names)}" for kind, names in self.refused.items()]
        return (
            f"disk: {'; '.join(parts)}; each said so in one sentence, what was there before is "
            "byte for byte as it was, and with room again the same call went through"
        )


def fill_disks() -> DiskFigures:
    """Let everything that writes run into a full disk and a read-only folder."""
    figures = DiskFigures()
    for name, write in WRITERS.items():
        with _disk() as disk:
            disk.resize(LARGE)
            write(disk.folder)
            disk.fill()
            _refuse(disk.folder, write)
            figures.refused.setdefault(f"full ({disk.kind})", []).append(name)
            disk.resize(LARGE)
            write(disk.folder)
            if not isinstance(disk, Tmpfs) and os.geteuid() == 0:
                figures.refused["read-only (not tried: root here, who may not mount)"] = []
                continue
            disk.forbid()
            _refuse(disk.folder, write)
            figures.refused.setdefault("read-only", []).append(name)
    with _disk() as disk:
        disk.resize(SMALL)
        _fill_journal(disk)
        figures.refused.setdefault("full in mid-journal", []).append("journal")
    return figures


def _write_journal(folder: Path) -> None:
    """Append the next row to a journal, as a campaign that goes on does."""
    journal = Journal.open(folder / "journal", HEADER)
    try:
        journal.append(a_row(len(journal.rows), 300))  # longer than what a block has left
    finally:
        journal.close()


def _write_calibration(folder: Path) -> None:
    journal = Journal.open(Path(tempfile.mkdtemp()), HEADER)
    journal.append(a_row(0, 1))
    calibration = journal.calibration()
    journal.close()
    count = sum(1 for _ in folder.glob("*.json"))
    calibration.save(folder / f"{count}.json")


def _write_export(folder: Path) -> None:
    write_atomically(folder / "task.yaml", "resources:\n" * 1000)


def _write_log(folder: Path) -> None:
    """Open the request log, which writes its first line; a server does so before it is ready."""
    count = sum(1 for _ in folder.glob("*.csv"))
    RequestLog(folder / f"{count}.csv").close()


WRITERS: dict[str, Callable[[Path], None]] = {
    "journal": _write_journal,
    "calibration of a campaign, merge or import": _write_calibration,
    "export": _write_export,
    "request log": _write_log,
}


def _refuse(folder: Path, write: Callable[[Path], None]) -> None:
    before = _contents(folder)
    try:
        write(folder)
    except DocumentError as error:
        said = str(error)
        require(holds=said.endswith(".") and "\n" not in said, what=f"not one sentence: {said}")
    else:
        require(holds=False, what=f"{write.__name__} wrote where it could not")
    after = {path: data for path, data in _contents(folder).items() if data or path in before}
    require(holds=after == before, what=f"{write.__name__} changed what was there")


def _contents(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


def _fill_journal(disk: Disk) -> None:
    """Append rows of many sizes until one does not fit; with room again, the rest."""
    rows = [a_row(number, 30 * (number % 7) + 1) for number in range(CELLS)]
    journal = Journal.open(disk.folder, HEADER)
    done = 0
    try:
        for row in rows:
            journal.append(row)
            done += 1
    except DocumentError as error:
        require(holds="run the same command again" in str(error), what=str(error))
    finally:
        journal.close()
    require(holds=0 < done < CELLS, what=f"{done} of {CELLS} rows fitted: the disk never filled up")
    require(
        holds=(disk.folder / JOURNAL_FILE).read_bytes().endswith(b"\n"), what="a torn row is left"
    )
    disk.resize(LARGE)
    again = Journal.open(disk.folder, HEADER)
    require(holds=again.rows == rows[:done], what="rows written before the disk was full are gone")
    for row in rows[done:]:
        again.append(row)
    require(holds=again.rows == rows, what="the rest does not follow")
    again.close()


@contextmanager
def _disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        disk = Tmpfs(folder) if _mount(folder, f"size={LARGE}") else Disk(folder)
        try:
            yield disk
        finally:
            disk.leave()


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
