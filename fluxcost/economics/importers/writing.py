"""Imported rows written as a folder of prices that `load_catalog` lays over the shipped ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

from fluxcost.documents import read_yaml, write_atomically
from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.importers.found import Found
from fluxcost.economics.importers.gpuhunt import read_gpuhunt
from fluxcost.economics.importers.litellm import read_litellm
from fluxcost.economics.importers.skypilot import read_skypilot
from fluxcost.economics.pricefile import file_text
from fluxcost.errors import InputError, MissingDataError, UnknownNameError

READERS: dict[str, Callable[[Iterable[Path], dt.date], Found]] = {
    "gpuhunt": read_gpuhunt,
    "skypilot": read_skypilot,
    "litellm": read_litellm,
}

LISTS = {"gpus": "offers", "apis": "tariffs"}


def import_prices(origin: str, paths: Iterable[Path], as_of: dt.date, out: Path) -> Found:
    """Read another catalog's files and write their rows as a folder of prices.

    Args:
        origin: gpuhunt, skypilot or litellm.
        paths: The files.
        as_of: Day the files are of.
        out: Folder to write to; what it already holds is kept, but no file is replaced.

    Raises:
        UnknownNameError: No such origin.
        DocumentError: A file cannot be read, or the folder cannot be written.
        InputError: A file to write exists, or a row breaks the format.
        MissingDataError: No row can be trusted.
    """
    if origin not in READERS:
        raise UnknownNameError("origin", origin, READERS)
    return write_found(READERS[origin](paths, as_of), out)


def write_found(found: Found, out: Path, replaceable: str | None = None) -> Found:
    """Write the rows of another catalog as a folder of prices, and return them.

    Args:
        found: The rows.
        out: Folder to write to.
        replaceable: How the source of every row of a file must begin for it to be replaced; no
            file is unless given.

    Raises:
        InputError: A file to write exists, or a row breaks the format.
        DocumentError: The folder cannot be written.
        MissingDataError: No row can be trusted.
    """
    if not found.count:
        reasons = "; ".join(f"{count} times {reason}" for reason, count in found.reasons.items())
        raise MissingDataError(f"no row can be imported: {reasons or 'the files hold none'}.")
    folder = out / found.kind
    targets = {provider: folder / f"{provider}.yaml" for provider in found.rows}
    for path in targets.values():
        if path.exists() and not (replaceable and _is_all_from(path, found.kind, replaceable)):
            raise InputError(f"{path} exists; give another folder or remove it first.")
    folder.mkdir(parents=True, exist_ok=True)
    for provider, rows in found.rows.items():
        write_atomically(targets[provider], file_text(provider, LISTS[found.kind], rows))
    load_catalog(out)  # what was written must be read again without a word
    return found


def _is_all_from(path: Path, kind: str, source: str) -> bool:
    document = read_yaml(path)
    rows = document.get(LISTS[kind]) if isinstance(document, dict) else None
    return isinstance(rows, list) and all(
        isinstance(row, dict) and str(row.get("source", "")).startswith(source) for row in rows
    )
