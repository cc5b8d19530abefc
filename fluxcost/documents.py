"""Reading and writing files: one YAML loader, one JSON reader, one atomic writer, sealed records.

YAML here is data, so aliases (which can expand without bound), duplicate keys (where the last
silently wins, in JSON too), base-60 numbers (1:30 is 90) and files over `MAX_BYTES` are refused.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from fluxcost.errors import DocumentError, FormatVersionError
from fluxcost.text import quoted

MAX_BYTES = 32 * 2**20
"""Largest document read; a calibration of one model and stack is under 2 MB."""

MAX_DEPTH = 40
"""Deepest nesting read; our own formats nest less than 10 levels."""

MAX_KEYS = 10_000
"""Most keys of one mapping; each that is not known becomes a complaint of a kilobyte."""

MAX_EVENTS = 1_000_000
"""Most values, lists and mappings of a YAML document, some 20,000 rows: 3 s of reading."""

YAML_SUFFIXES = frozenset({".yaml", ".yml"})
"""Ends of the names of YAML files, wherever one is recognized by its name or found in a folder."""

ABANDONED_S = 3600
"""Age of a temporary file that no writer can still be at; writing a document takes seconds."""


class _StrictLoader(yaml.CSafeLoader):
    """A safe loader that refuses duplicate keys and base-60 numbers."""

    def construct_yaml_number(self, node: yaml.ScalarNode) -> float:
        # YAML 1.1 reads an unquoted 1:30 as 90: a number nobody wrote.
        if ":" in node.value:
            what = f"{node.value}, which YAML reads in base 60; write one number, or quote it"
            _refuse_at(node.start_mark, what)
        if node.tag.endswith(":int"):
            return self.construct_yaml_int(node)
        return self.construct_yaml_float(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool):
                _refuse_at(key_node.start_mark, f"a key that is not a plain value: {key!r}")
            if key in seen:
                _refuse_at(key_node.start_mark, f"the key {key!r} twice; keep one")
            seen.add(key)
        if len(seen) > MAX_KEYS:
            _refuse_at(node.start_mark, f"a mapping of over {MAX_KEYS} keys")
        return super().construct_mapping(node, deep)


for _kind in ("int", "float"):
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _StrictLoader.construct_yaml_number)


def _refuse_bombs(text: str) -> None:
    """Walk the events before anything is built: the C composer has no hook of its own."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if count > MAX_EVENTS:
            _refuse_at(event.start_mark, f"more than {MAX_EVENTS} values; split the document")
        if isinstance(event, yaml.AliasEvent):
            _refuse_at(event.start_mark, "an alias; write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                _refuse_at(event.start_mark, f"nesting deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _refuse_at(mark: Any, what: str) -> NoReturn:  # noqa: ANN401 - the C and Python marks share no type
    raise yaml.YAMLError(f"line {mark.line + 1} has {what}")


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - typed by the record that parses it
    """Read one YAML document as plain values.

    Raises:
        DocumentError: The file is missing, too large, not UTF-8, not YAML, or uses aliases or
            duplicate keys.
    """
    return parse_yaml(read_text(path), str(path))


def parse_yaml(text: str, where: str) -> Any:  # noqa: ANN401 - typed by the record that parses it
    """Return the plain values of one YAML document.

    Args:
        text: The document.
        where: What it is and where it came from, for the message.

    Raises:
        DocumentError: It is not YAML, or uses aliases or duplicate keys.
    """
    try:
        _refuse_bombs(text)
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - the loader is a strict safe loader
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise DocumentError(f"{where}: not usable as YAML: {reason}.") from None
    except (RecursionError, ValueError) as error:
        raise DocumentError(f"{where}: not usable as YAML: {error}.") from None


def refuse_other_format(
    document: object, where: str, *, what: str, kind: str, version: int
) -> None:
    """Raise where a file that a person writes is not of a format, or of a newer version of it.

    Args:
        document: The file's plain values.
        where: What the file is called, for the message.
        what: What it should be, in words, such as "a workload".
        kind: The format's name, which its first line states.
        version: Newest version that can be read.

    Raises:
        DocumentError: It is of another format, or of none.
        FormatVersionError: Written for a newer fluxcost.
    """
    if not isinstance(document, dict) or document.get("format") != kind:
        raise DocumentError(f"{where}: not {what}; its first line must be 'format: {kind}'.")
    if "version" in document:
        refuse_other_version(document, where, version)


def refuse_other_version(document: Mapping[str, Any], where: str, newest: int) -> None:
    """Raise where a document's version is not one that can be read.

    Args:
        document: The file's plain values.
        where: What the file is called, for the message.
        newest: Newest version that can be read.

    Raises:
        DocumentError: The version is no whole number from 1: YAML's true and 1.0 are none.
        FormatVersionError: Written for a newer fluxcost.
    """
    found = document.get("version")
    if type(found) is not int or found < 1:
        raise DocumentError(
            f"{where}: version is {quoted(found)}; expected a whole number from 1 to {newest}."
        )
    if found > newest:
        raise FormatVersionError(
            f"{where}: version is {quoted(found)}; expected at most {newest}; upgrade fluxcost."
        )


def read_json(path: Path) -> Any:  # noqa: ANN401 - typed by the record that parses it
    """Read one JSON document as plain values.

    Raises:
        DocumentError: The file is missing, too large, not UTF-8, truncated, not JSON, or holds
            NaN or Infinity.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, where: str) -> Any:  # noqa: ANN401 - typed by the record that parses it
    """Return the plain values of one JSON document.

    Args:
        text: The document.
        where: What it is and where it came from, for the message.

    Raises:
        DocumentError: It is truncated, not JSON, or holds NaN or Infinity.
    """
    try:
        return json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates
        )
    except (ValueError, RecursionError) as error:
        raise DocumentError(
            f"{where}: not a whole JSON file ({error}); it may be truncated: fetch it again."
        ) from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:80]!r} twice; keep one")
    if len(found) > MAX_KEYS:
        raise ValueError(f"a mapping of over {MAX_KEYS} keys")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number JSON allows")


def is_file(path: Path) -> bool:
    """Return whether a path leads to a file; a name too long for one leads nowhere."""
    with contextlib.suppress(OSError):
        return path.is_file()
    return False


def is_folder(path: Path) -> bool:
    """Return whether a path leads to a folder; a name too long for one leads nowhere."""
    with contextlib.suppress(OSError):
        return path.is_dir()
    return False


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that a pattern fits, by name; none where there is no folder."""
    with contextlib.suppress(OSError):
        return sorted(folder.glob(pattern))
    return []


def read_text(path: Path) -> str:
    """Read a UTF-8 text file of at most `MAX_BYTES`.

    Raises:
        DocumentError: The file is missing, unreadable, too large or not UTF-8.
    """
    try:
        _refuse_large(path.stat().st_size, str(path))
        with path.open("rb") as stream:
            # A device or a pipe has no size of its own, and some have no end.
            return decoded(stream.read(MAX_BYTES + 1), str(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise DocumentError(f"{path}: {reason}; give the path of a readable file.") from None


def decoded(data: bytes, where: str) -> str:
    """Return UTF-8 bytes, such as an upload's, as text with plain line ends.

    Raises:
        DocumentError: They are too many or not UTF-8.
    """
    _refuse_large(len(data), where)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{where}: not UTF-8 text (byte {error.start}).") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _refuse_large(size: int, where: str) -> None:
    if size > MAX_BYTES:
        raise DocumentError(f"{where}: {size} bytes; expected at most {MAX_BYTES}.")


def refuse_unwritable(path: Path) -> None:
    """Raise DocumentError where a file cannot be written: before the minutes that make its content.

    What else can go wrong, such as a disk that fills, `write_atomically` finds.
    """
    if is_folder(path):
        raise DocumentError(f"{path}: is a folder; give the name of a file to write.")
    if not is_folder(path.parent):
        raise DocumentError(f"{path}: its folder does not exist; make it first.")
    if not os.access(path.parent, os.W_OK):
        raise DocumentError(f"{path}: its folder cannot be written to; choose another.")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing: a temporary file beside it, fsynced, then renamed.

    Text is written as UTF-8. Temporary files of this very file that killed writers left over
    `ABANDONED_S` ago are removed.

    Raises:
        DocumentError: The folder is missing, read-only or full; an earlier file stays intact.
    """
    temporary = None
    prefix, suffix = f".{path.name}.", ".part"
    try:
        with tempfile.NamedTemporaryFile(
            "wb", dir=path.parent, prefix=prefix, suffix=suffix, delete=False
        ) as stream:
            temporary = Path(stream.name)
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)  # temporary files start private; this one is meant to be read
        temporary.replace(path)
        _remove_abandoned(path.parent.glob(f"{glob.escape(prefix)}*{suffix}"))
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise DocumentError(f"{path}: could not be written: {error.strerror}.") from None


def _remove_abandoned(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()


def content_hash(body: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of a record's content, 64 hex digits."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def write_sealed(path: Path, body: dict[str, Any], *, kind: str, version: int) -> None:
    """Write a record with its format and content hash, whole or not at all.

    Args:
        path: Of the file.
        body: The record's content, defaults left out.
        kind: The format's name, such as "fluxcost-calibration".
        version: The format's version.

    Raises:
        DocumentError: The folder cannot be written.
    """
    head = {"format": kind, "version": version, "content_hash": content_hash(body)}
    write_atomically(path, _dump_by_line(head | body))


def open_sealed(
    document: object, where: str, *, kind: str, version: int
) -> tuple[dict[str, Any], str | None]:
    """Return the content of a sealed file as read, and the content hash it states.

    Raises:
        DocumentError: It is of another format.
        FormatVersionError: Written in a newer version of the format.
    """
    if not isinstance(document, dict) or document.get("format") != kind:
        raise DocumentError(f"{where}: not a {kind} file; give a file that measure wrote.")
    refuse_other_version(document, where, version)
    return document, document.pop("content_hash", None)


def refuse_broken_seal(where: str, stated: str | None, found: str) -> None:
    """Raise DocumentError if a file's content is not what its hash says."""
    if stated != found:
        raise DocumentError(
            f"{where}: content_hash is {stated!r} but the content hashes to {found!r}; the file "
            "was edited or damaged: fetch it again."
        )


def _dump_by_line(document: dict[str, Any]) -> str:
    """Render JSON with one line per list entry, so that a diff shows cells."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value:
            rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in value)
            lines.append(f"{json.dumps(key)}: [\n{rows}\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
