"""Finding calibrations: shipped ones by alias or hash, any by the path of its file."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fluxcost.documents import is_file, is_folder
from fluxcost.errors import InputError, UnknownNameError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.schema import Calibration, read_calibration

HELD_OUT = "held_out/"
"""Prefix of the aliases of held-out records, which no fit uses."""

SHORT_HASH = 8
"""Fewest hex digits of a content hash that name a calibration."""


@dataclass(frozen=True)
class Shipped:
    """One calibration that ships with fluxcost."""

    alias: str
    source: Source
    content_hash: str
    path: Path


def load_calibration(name: str | Path) -> Calibration:
    """Load a calibration by shipped alias, by content hash or by path.

    Args:
        name: `gpu/model/stack`, `published/gpu/model/stack`, `held_out/gpu/model/stack`, at least
            8 hex digits of a content hash, or the path of a .json file.

    Raises:
        UnknownNameError: No shipped calibration has this alias or hash; carries the nearest.
        DocumentError: The file cannot be read, or was edited or damaged.
        FormatVersionError: Written in a newer format.
        InputError: A field is out of range, a hash fits several calibrations, or a path leads to
            what is no .json file.
    """
    text = str(name)
    if isinstance(name, Path) or text.endswith(".json"):
        return read_calibration(Path(name))
    path = _data() / _folder_and_file(text)
    if ".." not in path.parts and is_file(path):
        return _read_shipped(path)
    if re.fullmatch(rf"[0-9a-f]{{{SHORT_HASH},64}}", text):
        return _by_hash(text)
    if text and (is_file(Path(text)) or is_folder(Path(text))):
        raise InputError(
            f"calibration {text!r} is no .json file; expected one that measure wrote, or an alias "
            "that `fluxcost calibrations` lists."
        )
    raise UnknownNameError("calibration", text, _paths())


def shipped_calibrations() -> tuple[Shipped, ...]:
    """List every calibration that ships with fluxcost, by alias."""
    found = []
    for alias, path in sorted(_paths().items()):
        calibration = _read_shipped(path)
        found.append(Shipped(alias, calibration.source, _shipped_hash(path), path))
    return tuple(found)


def held_out_record(calibration: Calibration) -> Calibration | None:
    """Return the held-out record of this GPU, model and stack that ships; None without one.

    They are for scoring fits and are listed nowhere else; `load_calibration` opens them by the
    alias `held_out/gpu/model/stack`.
    """
    path = _data() / _folder_and_file(f"{HELD_OUT}{calibration.alias}")
    if not path.is_file():
        return None
    record = _read_shipped(path)
    return record if record.stack.hash == calibration.stack.hash else None


def _by_hash(digits: str) -> Calibration:
    fitting = [entry for entry in shipped_calibrations() if entry.content_hash.startswith(digits)]
    if not fitting:
        known = [entry.content_hash[:12] for entry in shipped_calibrations()]
        raise UnknownNameError("calibration hash", digits, known)
    if len(fitting) > 1:
        aliases = ", ".join(entry.alias for entry in fitting)
        raise InputError(f"hash {digits} fits {aliases}; give more digits.")
    return _read_shipped(fitting[0].path)


@functools.cache
def _read_shipped(path: Path) -> Calibration:
    return read_calibration(path)


@functools.cache
def _shipped_hash(path: Path) -> str:
    """Return the hash of a shipped record, computed once: it reads all samples."""
    return _read_shipped(path).content_hash


def _data() -> Path:
    return Path(str(files("fluxcost"))) / "data"


def _folder_and_file(alias: str) -> Path:
    apart = alias.startswith(("published/", HELD_OUT))
    folder, rest = ("", alias) if apart else ("calibrations", alias)
    return Path(folder) / f"{rest}.json"


def _paths() -> dict[str, Path]:
    """Return alias to path of every shipped file."""
    found = {}
    for folder, prefix in (("calibrations", ""), ("published", "published/")):
        root = _data() / folder
        for path in root.rglob("*.json"):
            found[prefix + path.relative_to(root).with_suffix("").as_posix()] = path
    return found
