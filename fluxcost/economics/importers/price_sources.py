"""Where a refresh reads prices: gpuhunt, gpurentalprices.com and litellm, or files of theirs.

gpuhunt publishes one catalog a provider, several times a week, under a version that names its day;
its package fetches them and honors GPUHUNT_CATALOG_URL, the address of a mirror. Providers that
gpuhunt queries live, each with a key of its own, are left out. gpurentalprices.com publishes one
file a day, CC BY 4.0. litellm keeps one file of API prices, which does not say when a price was
seen: its prices are of unknown age on the day they are read.

Nothing else in fluxcost uses the network.
"""

from __future__ import annotations

import datetime as dt
import http.client
import itertools
import logging
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from fluxcost.documents import MAX_BYTES, decoded, read_text
from fluxcost.economics.importers.gpu_catalogs import (
    gpuhunt_row,
    provider_key,
    read_gpuhunt,
    rental_rows,
)
from fluxcost.economics.importers.imported_rows import (
    ImportResult,
    Outcome,
    RefusedRow,
    collect_rows,
    day_of,
)
from fluxcost.economics.importers.litellm_prices import litellm_rows
from fluxcost.economics.price_row import DateKind
from fluxcost.errors import InputError, MissingDataError

URLS = {
    "gpurentalprices": (
        "https://raw.githubusercontent.com/adriannutiu/gpu-rental-prices/main/data/latest.json"
    ),
    "litellm": (
        "https://raw.githubusercontent.com/BerriAI/litellm/main/"
        "model_prices_and_context_window.json"
    ),
}

ORIGINS = ("gpuhunt", *URLS)
"""The catalogs that a refresh reads, in this order."""

TIMEOUT_S = 30
"""Seconds without an answer after which a fetch is given up."""

Fetch = Callable[[str], bytes]


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


def fetched(url: str) -> bytes:
    """Return what an address holds.

    Raises:
        MissingDataError: It could not be fetched within `TIMEOUT_S`.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - https, above
            data: bytes = answer.read(MAX_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise MissingDataError(
            f"{url} could not be fetched ({error}); try again, or give a file saved earlier."
        ) from error
    return data


def only_origin(origins: Collection[str]) -> str:
    """Return the one origin that files are of.

    Raises:
        InputError: There is none, or more than one.
    """
    if len(origins) != 1:
        raise InputError(
            "files are given for "
            f"{' and '.join(origins) or 'no catalog'}; expected the one catalog that they are of, "
            f"--from {', '.join(ORIGINS[:-1])} or {ORIGINS[-1]}."
        )
    return next(iter(origins))


def read_files(origin: str, files: Sequence[Path], as_of: dt.date | None) -> ImportResult:
    """Return the rows of files of an origin, saved earlier.

    Args:
        origin: gpuhunt, gpurentalprices or litellm.
        files: The files.
        as_of: Day they are of; gpurentalprices.com's state it themselves.

    Raises:
        InputError: The day is missing, or given where the files state it.
        DocumentError: A file cannot be read.
    """
    if origin == "gpurentalprices":
        if as_of is not None:
            raise InputError("files of gpurentalprices state their days; leave --as-of out.")
        texts = ((read_text(path), str(path)) for path in files)
        return collect_rows("gpus", (row for each in texts for row in rental_rows(*each)))
    if as_of is None:
        raise InputError(f"files of {origin} do not say of which day they are; give --as-of.")
    if origin == "gpuhunt":
        return read_gpuhunt(files, as_of)
    return _of_litellm(((read_text(path), str(path)) for path in files), as_of)


def read_network(
    origin: str, today: dt.date, fetch: Fetch, gpuhunt: PublishedCatalog | None
) -> ImportResult:
    """Return the rows that an origin publishes now.

    Args:
        origin: gpuhunt, gpurentalprices or litellm.
        today: Day on which a file without a day is fetched.
        fetch: Returns what an address holds.
        gpuhunt: A `gpuhunt.Catalog`; a new one unless given.

    Raises:
        InputError: gpuhunt is not installed.
        MissingDataError: It could not be fetched.
        DocumentError: What was fetched is something else.
    """
    if origin == "gpuhunt":
        return _of_gpuhunt(_gpuhunt() if gpuhunt is None else gpuhunt)
    url = URLS[origin]
    text = decoded(fetch(url), url)
    if origin == "litellm":
        return _of_litellm([(text, url)], today)
    return collect_rows("gpus", rental_rows(text, url))


def _of_litellm(texts: Iterable[tuple[str, str]], day: dt.date) -> ImportResult:
    kind = DateKind.COLLECTED
    return collect_rows("apis", (row for each in texts for row in litellm_rows(*each, day, kind)))


def _of_gpuhunt(catalog: PublishedCatalog) -> ImportResult:
    warnings = _loaded(catalog)
    return collect_rows(
        "gpus",
        itertools.chain(
            (RefusedRow("a whole catalog", warning) for warning in warnings),
            *(_published_rows(name, each) for name, each in sorted(catalog.catalog.items())),
        ),
    )


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
            f"gpuhunt could not fetch its catalogs ({error}); "
            "try again, or give files saved earlier."
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


def _published_rows(name: str, published: Published) -> Iterator[Outcome]:
    as_of = day_of(published.version)
    for item in published.items:
        yield gpuhunt_row(
            provider_key(name),
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
        raise InputError("gpuhunt is not installed; pip install 'fluxcost[refresh]'.") from None
    catalog: PublishedCatalog = gpuhunt.Catalog(auto_reload=False)
    return catalog
