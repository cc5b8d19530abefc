"""Importing prices, from files or gpuhunt's catalogs, into a folder that `load_catalog` reads.

Only `refresh_prices` uses the network, through the gpuhunt package. gpuhunt publishes one catalog a
provider, several times a week, under a version that names its day. It honors GPUHUNT_CATALOG_URL,
the address of a mirror. Providers that it queries live, each with a key of its own, are left out.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fluxcost.documents import read_yaml, write_atomically
from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.importers.gpuhunt_catalog import (
    SOURCE,
    offer_of,
    provider_key,
    read_gpuhunt,
)
from fluxcost.economics.importers.imported_rows import (
    ImportResult,
    RefusedRow,
    collect_rows,
    day_of,
)
from fluxcost.economics.importers.litellm_prices import read_litellm
from fluxcost.economics.importers.skypilot_catalog import read_skypilot
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
    return write_import(READERS[origin](paths, as_of), out)


def write_import(found: ImportResult, out: Path, replaceable: str | None = None) -> ImportResult:
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


class Item(Protocol):
    """One instance in one place; the price is USD an hour for all of it, memory GB a GPU."""

    instance_name: str
    location: str
    price: float
    gpu_count: int
    gpu_name: str | None
    gpu_memory: float | None
    spot: bool


class Published(Protocol):
    """One provider's catalog."""

    @property
    def version(self) -> str:
        """Such as 20261120-3, which names its day."""

    @property
    def items(self) -> Sequence[Item]:
        """Its instances."""


class PublishedCatalog(Protocol):
    """What of gpuhunt's Catalog is used."""

    @property
    def catalog(self) -> Mapping[str, Published]:
        """What was fetched, by gpuhunt's name of the provider."""

    def load(self) -> None:
        """Fetch every provider's newest catalog."""


def refresh_prices(
    out: Path, providers: Collection[str] = (), catalog: PublishedCatalog | None = None
) -> ImportResult:
    """Fetch gpuhunt's catalogs and write their rows as a folder of prices.

    Args:
        out: Folder to write to; files that an earlier refresh wrote are replaced, no others.
        providers: Provider keys; all that gpuhunt publishes unless given.
        catalog: A `gpuhunt.Catalog`; a new one unless given.

    Raises:
        InputError: gpuhunt is not installed, or a file to write is not an earlier refresh's.
        MissingDataError: Nothing could be fetched, or no row can be trusted.
        UnknownNameError: gpuhunt publishes no such provider.
        DocumentError: The folder cannot be written.
    """
    source = _gpuhunt() if catalog is None else catalog
    warnings = _loaded(source)
    published = {provider_key(name): each for name, each in source.catalog.items()}
    for provider in providers:
        if provider not in published:
            raise UnknownNameError("provider of gpuhunt", provider, published)
    found = collect_rows(
        "gpus",
        itertools.chain(
            (RefusedRow("a whole catalog", warning) for warning in warnings),
            *(
                _published_rows(provider, published[provider])
                for provider in sorted(providers or published)
            ),
        ),
    )
    return write_import(found, out, replaceable=SOURCE)


def _loaded(catalog: PublishedCatalog) -> list[str]:
    """Fetch, and return what gpuhunt says of providers that it could not fetch."""
    heard = _Heard()
    logger = logging.getLogger("gpuhunt")
    logger.addHandler(heard)
    propagated, logger.propagate = logger.propagate, False
    try:
        catalog.load()
    except Exception as error:  # what a fetch may raise is gpuhunt's and its libraries' to say
        raise MissingDataError(
            f"gpuhunt could not fetch its catalogs ({error}); try again, or import files that you "
            "have with prices import."
        ) from error
    finally:
        logger.removeHandler(heard)
        logger.propagate = propagated
    return heard.said


class _Heard(logging.Handler):
    """Keeps messages, which gpuhunt would print with a traceback each."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _published_rows(provider: str, published: Published) -> Iterator[dict[str, Any] | RefusedRow]:
    as_of = day_of(published.version)
    for item in published.items:
        yield offer_of(
            provider,
            as_of=as_of,
            instance=item.instance_name,
            region=item.location,
            usd_per_hour=item.price,
            gpu_count=item.gpu_count,
            gpu_name=item.gpu_name or "",
            gpu_memory_gb=item.gpu_memory,
            is_spot=item.spot,
        )


def _gpuhunt() -> PublishedCatalog:
    try:
        import gpuhunt
    except ImportError:
        raise InputError(
            "prices refresh needs gpuhunt, which is not installed; pip install 'fluxcost[refresh]'."
        ) from None
    catalog: PublishedCatalog = gpuhunt.Catalog(auto_reload=False)
    return catalog
