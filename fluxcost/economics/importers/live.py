"""gpuhunt's published catalogs of today, through the gpuhunt package: the only way to the network.

gpuhunt publishes one catalog a provider, several times a week, under a version that names its day.
It honors GPUHUNT_CATALOG_URL, the address of a mirror. Providers that it asks live, each with its
own key, are not asked.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fluxcost.economics.importers.found import Found, Refused, day_of, gathered
from fluxcost.economics.importers.gpuhunt import SOURCE, offer_of, provider_key
from fluxcost.economics.importers.writing import write_found
from fluxcost.errors import InputError, MissingDataError, UnknownNameError


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


class Catalog(Protocol):
    """What of gpuhunt's Catalog is used."""

    @property
    def catalog(self) -> Mapping[str, Published]:
        """What was fetched, by gpuhunt's name of the provider."""

    def load(self) -> None:
        """Fetch every provider's newest catalog."""


def refresh_prices(
    out: Path, providers: Collection[str] = (), catalog: Catalog | None = None
) -> Found:
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
    found = gathered(
        "gpus",
        itertools.chain(
            (Refused("a whole catalog", warning) for warning in warnings),
            *(_rows(provider, published[provider]) for provider in sorted(providers or published)),
        ),
    )
    return write_found(found, out, replaceable=SOURCE)


def _loaded(catalog: Catalog) -> list[str]:
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


def _rows(provider: str, published: Published) -> Iterator[dict[str, Any] | Refused]:
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


def _gpuhunt() -> Catalog:
    try:
        import gpuhunt
    except ImportError:
        raise InputError(
            "prices refresh needs gpuhunt, which is not installed; pip install 'fluxcost[refresh]'."
        ) from None
    catalog: Catalog = gpuhunt.Catalog(auto_reload=False)
    return catalog
