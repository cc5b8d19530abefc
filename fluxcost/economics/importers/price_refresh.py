"""Prices read anew, compared with the known ones, and written as a folder of prices."""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxcost.documents import YAML_SUFFIXES, files_in, is_file, read_text, write_atomically
from fluxcost.economics.catalog import Catalog, load_catalog, parse_prices
from fluxcost.economics.importers.imported_rows import ImportResult, RefusedRow
from fluxcost.economics.importers.price_match import (
    PriceChange,
    ReadRow,
    Row,
    matches,
    taken_in,
)
from fluxcost.economics.importers.price_sources import (
    ORIGINS,
    Fetch,
    PublishedCatalog,
    fetched,
    only_origin,
    read_files,
    read_network,
)
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_files import is_refreshed, price_file, refreshed_text
from fluxcost.economics.price_row import Status, today_utc
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import FluxcostError, InputError, MissingDataError, UnknownNameError


@dataclass(frozen=True)
class PriceRefresh:
    """What reading prices anew found.

    Attributes:
        read: Rows read of each catalog.
        failed: Why a catalog could not be read.
        changes: What was read of each known row that is another for it, the largest change first.
        known_already: How many known rows say all that was read of them.
        new: Rows that are of no known one.
        not_found: Known rows of the providers read that no catalog had; they stay as they are.
        refused: Rows that were not used, with the reason.
        files: Text of each price file to write, by its path in the folder.
    """

    read: Mapping[str, int]
    failed: Mapping[str, str]
    changes: tuple[PriceChange, ...]
    known_already: int
    new: tuple[Row, ...]
    not_found: tuple[str, ...]
    refused: tuple[RefusedRow, ...]
    files: Mapping[str, str]

    @property
    def moved(self) -> tuple[PriceChange, ...]:
        """The changes in which a price is another one than before, and not an older one."""
        return tuple(
            each
            for each in self.changes
            if each.is_move and (each.becomes == "price" or each.day_now >= each.day_before)
        )

    @property
    def reasons(self) -> dict[str, int]:
        """How often each reason not to use a row came up, the commonest first."""
        return dict(collections.Counter(each.reason for each in self.refused).most_common())

    def write(self, out: Path) -> tuple[Path, ...]:
        """Write the rows into a folder of prices and return the files that are now others.

        Args:
            out: Folder to write to; files that an earlier refresh wrote are replaced, no others.

        Raises:
            InputError: A file to write is not an earlier refresh's, or was edited since.
            DocumentError: The folder cannot be written.
        """
        paths = [(out / name).with_suffix(end) for name in self.files for end in YAML_SUFFIXES]
        for path in paths:
            if is_file(path) and not is_refreshed(read_text(path)):
                raise InputError(
                    f"{path} was not written by prices refresh, or was edited since; give another "
                    "folder or remove it first."
                )
        written = []
        for name, text in self.files.items():
            path = out / name
            if is_file(path) and read_text(path) == text:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
            written.append(path)
        return tuple(written)


def refresh_prices(
    origins: Collection[str] = (),
    *,
    files: Sequence[Path] = (),
    as_of: dt.date | None = None,
    provider: str | None = None,
    out: Path | None = None,
    today: dt.date | None = None,
    fetch: Fetch | None = None,
    gpuhunt: PublishedCatalog | None = None,
) -> PriceRefresh:
    """Read other catalogs' prices and compare them with the known ones; nothing is written.

    `PriceRefresh.write` writes what was found.

    Args:
        origins: gpuhunt, gpurentalprices or litellm; all of them unless given.
        files: Files of the one origin given, saved earlier, instead of the network.
        as_of: Day of these files, which those of gpurentalprices state themselves.
        provider: Only prices of this provider.
        out: Folder that an earlier refresh wrote to, whose rows are known beside the shipped ones.
        today: Day on which a file without a day was fetched; UTC today unless given.
        fetch: Returns what an address holds; `fetched` unless given.
        gpuhunt: A `gpuhunt.Catalog`; a new one unless given.

    Raises:
        UnknownNameError: No such origin, or no catalog read has such a provider.
        InputError: Files without one origin, or without the day they are of.
        DocumentError: A file given, or the folder, cannot be read.
        MissingDataError: Nothing could be read.
    """
    for origin in origins:
        if origin not in ORIGINS:
            raise UnknownNameError("origin", origin, ORIGINS)
    day = today or today_utc()
    failed: dict[str, str] = {}
    found: dict[str, ImportResult] = {}
    if files:
        origin = only_origin(origins)
        found[origin] = read_files(origin, files, as_of)
    else:
        for origin in [each for each in ORIGINS if not origins or each in origins]:
            try:
                found[origin] = read_network(origin, day, fetch or fetched, gpuhunt)
            except FluxcostError as error:
                failed[origin] = str(error)
    if not any(result.count for result in found.values()):
        reasons = [reason for result in found.values() for reason in result.reasons]
        raise MissingDataError(" ".join([*failed.values(), *reasons]) or "the files hold no price.")
    _refuse_unknown_provider(provider, found)
    known = load_catalog(out) if out is not None and _holds_prices(out) else load_catalog()
    return _compared(known, found, failed, provider, day)


def _refuse_unknown_provider(provider: str | None, found: Mapping[str, ImportResult]) -> None:
    sold = {name for result in found.values() for name in result.rows}
    if provider is not None and provider not in sold:
        raise UnknownNameError(f"provider of {' and '.join(found)}", provider, sold)


def _holds_prices(folder: Path) -> bool:
    return any(
        path.suffix in YAML_SUFFIXES
        for kind in ("gpus", "apis")
        for path in files_in(folder, f"{kind}/*")
    )


def _compared(
    catalog: Catalog,
    found: Mapping[str, ImportResult],
    failed: Mapping[str, str],
    provider: str | None,
    today: dt.date,
) -> PriceRefresh:
    before = _by_key(catalog)
    known = dict(before)
    changes: list[PriceChange] = []
    new: list[Row] = []
    refused: list[RefusedRow] = []
    seen: set[tuple[type, str]] = set()
    read: dict[str, int] = {}
    known_already = 0
    for origin, result in found.items():
        rows, broken = _parsed(result, provider)
        read[origin] = len(rows)
        refused += [*result.refused, *broken]
        sorted_out = matches(known.values(), rows, today)
        refused += [RefusedRow(*each) for each in sorted_out.refused]
        for row, theirs in sorted_out.known:
            key = (type(row), row.id)
            seen.add(key)
            for each in theirs:
                now, change = taken_in(row, each)
                if now == row:
                    known_already += 1
                    continue
                known[key] = now
                changes.append(change)
        for row in sorted_out.new:
            known[type(row), row.id] = row
            new.append(row)
    covered = {
        (Offer if result.kind == "gpus" else Tariff, name)
        for result in found.values()
        for name in result.rows
        if provider in {None, name}
    }
    not_found = [
        row_id
        for (kind, row_id), row in before.items()
        if (kind, row.provider) in covered
        and row.status is Status.ACTIVE
        and (kind, row_id) not in seen
    ]
    return PriceRefresh(
        read=read,
        failed=failed,
        changes=tuple(sorted(changes, key=lambda each: (-abs(each.share), each.id))),
        known_already=known_already,
        new=tuple(sorted(new, key=lambda row: row.id)),
        not_found=tuple(not_found),
        refused=tuple(refused),
        files=_files(_by_key(load_catalog()), before, known),
    )


def _by_key(catalog: Catalog) -> dict[tuple[type, str], Row]:
    rows: tuple[Row, ...] = (*catalog.offers, *catalog.tariffs)
    return {(type(row), row.id): row for row in rows}


def _parsed(result: ImportResult, provider: str | None) -> tuple[list[ReadRow], list[RefusedRow]]:
    """Return the rows of an importer as records, and those that are none."""
    rows, broken = [], []
    for name, group in result.rows.items():
        for row in group if provider in {None, name} else ():
            try:
                rows.append(_record({"provider": name, **row}))
            except InputError as error:
                broken.append(RefusedRow(row["id"], str(error)))
    return rows, broken


def _record(said: dict[str, Any]) -> ReadRow:
    if "gpu" not in said:
        return ReadRow(Tariff.parse(said, said["id"]))
    if said["gpu_count"] is not None:
        return ReadRow(Offer.parse(said, said["id"]))
    note = "The source does not say how many GPUs an instance has."
    offer = Offer.parse(said | {"gpu_count": 1, "note": note}, said["id"])
    return ReadRow(offer, states_gpus=False)


def _files(
    shipped: Mapping[Any, Row], before: Mapping[Any, Row], known: Mapping[Any, Row]
) -> dict[str, str]:
    """Return the text of each provider's file in which a row is new or another than before.

    A file holds every row that is not the shipped one.
    """
    groups: dict[str, list[Row]] = collections.defaultdict(list)
    touched = set()
    for key, row in known.items():
        name = f"{'gpus' if isinstance(row, Offer) else 'apis'}/{row.provider}.yaml"
        if row != before.get(key):
            touched.add(name)
        if row != shipped.get(key):
            groups[name].append(row)
    texts = {}
    for name in sorted(touched):
        text = price_file(*sorted(groups[name], key=lambda row: row.id))
        parse_prices(text.encode(), name)  # what is written must be read again without a word
        texts[name] = refreshed_text(text)
    return texts
