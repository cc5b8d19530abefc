"""Importing other catalogs' files into a folder of prices that `load_catalog` reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

from fluxcost.documents import write_atomically
from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.importers.gpu_catalogs import read_gpuhunt, read_skypilot
from fluxcost.economics.importers.imported_rows import ImportResult
from fluxcost.economics.importers.litellm_prices import read_litellm
from fluxcost.economics.price_files import file_text
from fluxcost.errors import InputError, MissingDataError, UnknownNameError

READERS: dict[str, Callable[[Iterable[Path], dt.date], ImportResult]] = {
    "gpuhunt": read_gpuhunt,
    "skypilot": read_skypilot,
    "litellm": read_litellm,
}

LISTS = {"gpus": "offers", "apis": "tariffs"}


def import_prices(origin: str, paths: Iterable[Path], as_of: dt.date, out: Path) -> ImportResult:
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
    found = READERS[origin](paths, as_of)
    if not found.count:
        reasons = "; ".join(f"{count} times {reason}" for reason, count in found.reasons.items())
        raise MissingDataError(f"no row can be imported: {reasons or 'the files hold none'}.")
    folder = out / found.kind
    targets = {provider: folder / f"{provider}.yaml" for provider in found.rows}
    for path in targets.values():
        if path.exists():
            raise InputError(f"{path} exists; give another folder or remove it first.")
    folder.mkdir(parents=True, exist_ok=True)
    for provider, rows in found.rows.items():
        write_atomically(targets[provider], file_text(provider, LISTS[found.kind], rows))
    load_catalog(out)  # what was written must be read again without a word
    return found
