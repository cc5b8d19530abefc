"""A crash-safe JSON Lines file: appended, fsynced and locked.

The first line says what the rows are of; a run of the same thing may append to it, anything else is
refused. A last line without its newline was torn by a kill and is cut off when the file is next
opened; one that the disk had no room for is taken back at once. A lock keeps a second writer out.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from io import FileIO
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from fluxcost.documents import parse_json, read_text
from fluxcost.errors import DocumentError, InputError
from fluxcost.records import Record

JOURNAL_FILE = "journal.jsonl"


class JsonLinesHeader(Record):
    """What the rows after it share."""

    def differences(self, other: Self) -> list[str]:
        """Return 'field theirs, not mine' for all that would make rows incomparable."""
        mine, theirs = self.comparable(), other.comparable()
        return [
            f"{key} {theirs[key]!r}, not {mine[key]!r}" for key in mine if mine[key] != theirs[key]
        ]

    def comparable(self) -> dict[str, Any]:
        """Return what must agree, by the name a message calls it."""
        raise NotImplementedError


HeaderT = TypeVar("HeaderT", bound=JsonLinesHeader)
RowT = TypeVar("RowT", bound=Record)


class JsonLinesFile(Generic[HeaderT, RowT]):
    """The header and rows of a file, and the open, locked file they go to."""

    header_type: ClassVar[type[JsonLinesHeader]]
    row_type: ClassVar[type[Record]]

    def __init__(self, stream: FileIO, header: HeaderT, rows: list[RowT]) -> None:
        self._stream = stream
        self.header = header
        self.rows = rows

    @classmethod
    def open(cls, folder: Path, header: HeaderT) -> Self:
        """Create or continue the journal of a folder.

        Raises:
            InputError: Another campaign has it open, or it measures something else.
            DocumentError: It cannot be read or written, or a line in its middle is damaged.
        """
        path = folder / JOURNAL_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stream = path.open("a+b", buffering=0)
        except OSError as error:
            raise DocumentError(f"{path}: {error.strerror}; give a folder to write to.") from None
        try:
            return cls._locked(stream, path, header)
        except BaseException:
            stream.close()
            raise

    @classmethod
    def _locked(cls, stream: FileIO, path: Path, header: HeaderT) -> Self:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{path} is in use by another campaign; wait for it.") from None
        cut_torn_line(stream)
        found = cls.read(path)
        if found is None:
            journal = cls(stream, header, [])
            journal._write(header)
            return journal
        old, rows = found
        if differences := header.differences(old):
            raise InputError(
                f"{path} measures {'; '.join(differences)}; choose another folder for --out."
            )
        return cls(stream, old, rows)

    @property
    def key(self) -> str:
        """Twelve hex digits that no other file on this machine has; for names of its own."""
        path = str(Path(self._stream.name).resolve())
        return hashlib.sha256(path.encode()).hexdigest()[:12]

    @classmethod
    def read(cls, path: Path) -> tuple[HeaderT, list[RowT]] | None:
        """Read a file's header and whole rows; None where it holds nothing.

        Raises:
            DocumentError: It cannot be read, or a line in it is damaged.
            InputError: A row's field is out of range.
        """
        text = read_text(path)
        # What follows the last newline was torn by a kill. Other line ends may stand inside a text.
        lines = text.split("\n")[:-1]
        if not lines:
            return None
        documents = [_document(path, number, line) for number, line in enumerate(lines, 1)]
        header: Any = cls.header_type.parse(documents[0], f"{path} line 1")
        rows: list[Any] = [
            cls.row_type.parse(each, f"{path} line {n}") for n, each in enumerate(documents[1:], 2)
        ]
        return header, rows

    def append(self, row: RowT) -> None:
        """Write one row through to the disk before returning.

        Raises:
            DocumentError: The disk is full or gone; the rows before are intact.
        """
        self._write(row)
        self.rows.append(row)

    def close(self) -> None:
        """Release the file."""
        self._stream.close()

    def _write(self, record: Record) -> None:
        whole = isinstance(record, JsonLinesHeader)
        line = record.model_dump_json(exclude_defaults=not whole) + "\n"
        try:
            append_whole(self._stream, line.encode(), to_disk=True)
        except OSError as error:
            raise DocumentError(
                f"{self._stream.name}: {error.strerror}; the rows before are safe: free the disk "
                "and run the same command again."
            ) from None


def append_whole(stream: FileIO, data: bytes, *, to_disk: bool) -> None:
    """Append bytes to an unbuffered file, or leave it as it was.

    Args:
        stream: Opened unbuffered: what a buffer could not write it would try again on closing.
        data: All of it or none is in the file afterwards.
        to_disk: Whether to return only once it is on the disk.

    Raises:
        OSError: The disk is full or gone.
    """
    length = stream.seek(0, os.SEEK_END)
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[stream.write(rest) :]
        if to_disk:
            os.fsync(stream.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            stream.truncate(length)
        raise


def cut_torn_line(stream: FileIO) -> None:
    """Drop what follows the last newline: a row that a kill cut short."""
    stream.seek(0)
    content = stream.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        stream.truncate(whole)


def _document(path: Path, number: int, line: str) -> object:
    try:
        return parse_json(line, str(path))
    except DocumentError:
        raise DocumentError(
            f"{path} line {number}: damaged; expected one JSON object a line; remove the line to "
            "measure its cell again."
        ) from None
