"""The catalog: every offer and tariff shipped, overlaid by the user's own."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from fluxcost.documents import YAML_SUFFIXES, decoded, files_in, parse_yaml, read_text
from fluxcost.economics.history import rows_at
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_files import is_refreshed
from fluxcost.economics.price_row import PriceRow, Slug, today_utc
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import DocumentError, InputError, UnknownNameError
from fluxcost.records import Name, Record

REFRESH_AFTER_DAYS = 30
"""Prices not looked at for longer are said to be old in the first line of an answer."""

PACKAGE = Path(__file__).resolve().parents[1]

Row = TypeVar("Row", bound=PriceRow)


class _PriceFile(Record):
    """One provider's file: rows are parsed one by one, so that an error can name the row."""

    provider: Slug
    name: Name
    offers: tuple[dict[str, Any], ...] = ()
    tariffs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, repr=False)
class Catalog:
    """Offers and tariffs by id.

    Attributes:
        offers: Every offer, in the order of the files.
        tariffs: Every tariff, in the order of the files.
    """

    offers: tuple[Offer, ...]
    tariffs: tuple[Tariff, ...]

    def __repr__(self) -> str:
        return f"<Catalog of {len(self.offers)} offers and {len(self.tariffs)} tariffs>"

    def offer(self, offer_id: str) -> Offer:
        """Return an offer by id.

        Raises:
            UnknownNameError: No such offer; carries the nearest ids.
        """
        return _find("offer", offer_id, self._offers_by_id)

    def tariff(self, tariff_id: str) -> Tariff:
        """Return a tariff by id.

        Raises:
            UnknownNameError: No such tariff; carries the nearest ids.
        """
        return _find("tariff", tariff_id, self._tariffs_by_id)

    def plannable_offers(
        self, gpu: str | None = None, today: dt.date | None = None
    ) -> tuple[Offer, ...]:
        """Return the offers a plan may rent, for one GPU key or all."""
        return tuple(
            offer for offer in self.offers if offer.is_plannable(today) and gpu in {None, offer.gpu}
        )

    def plannable_tariffs(
        self, model: str | None = None, today: dt.date | None = None
    ) -> tuple[Tariff, ...]:
        """Return the tariffs a plan may buy from, for one model key or all."""
        return tuple(
            tariff
            for tariff in self.tariffs
            if tariff.is_plannable(today) and model in {None, tariff.model}
        )

    def at(self, day: dt.date) -> Catalog:
        """Return the prices as they were known on a day, each under its latest row's id.

        A shipped price that was not seen by then is left out.

        Raises:
            InputError: A row of your own was seen only after that day.
        """
        rows = (*self.offers, *self.tariffs)
        if all(row.last_seen <= day for row in rows):
            return self
        for row in rows:
            if row.from_overlay and row.known_on(day) is None:
                row.refuse_before_seen(day)
        return Catalog(offers=rows_at(self.offers, day), tariffs=rows_at(self.tariffs, day))

    def overlaid(self, mine: Catalog) -> Catalog:
        """Return these prices with others laid over them; a row with the same id is replaced."""
        return Catalog(
            offers=_overlaid(self.offers, mine.offers),
            tariffs=_overlaid(self.tariffs, mine.tariffs),
        )

    def age_note(self, today: dt.date) -> str | None:
        """Return what to say of prices, your own aside, not seen for `REFRESH_AFTER_DAYS` days."""
        seen = [row.last_seen for row in (*self.offers, *self.tariffs) if not row.from_overlay]
        age = (today - max(seen, default=today)).days
        if age <= REFRESH_AFTER_DAYS:
            return None
        return (
            f"Prices were last seen {age} days before {today}, so intervals are wider. "
            "`fluxcost prices refresh` shows what has changed since; --write keeps it."
        )

    @property
    def own(self) -> tuple[str, ...]:
        """Ids of the rows that come from a folder of the user's own."""
        return tuple(row.id for row in (*self.offers, *self.tariffs) if row.from_overlay)

    def to_dict(self) -> dict[str, Any]:
        """Return every row as plain values."""
        return {
            "offers": [offer.to_dict() for offer in self.offers],
            "tariffs": [tariff.to_dict() for tariff in self.tariffs],
        }

    @functools.cached_property
    def _offers_by_id(self) -> Mapping[str, Offer]:
        return MappingProxyType({offer.id: offer for offer in self.offers})

    @functools.cached_property
    def _tariffs_by_id(self) -> Mapping[str, Tariff]:
        return MappingProxyType({tariff.id: tariff for tariff in self.tariffs})


def load_catalog(overlay: Path | str | None = None) -> Catalog:
    """Return the shipped prices, with a folder of your own laid over them.

    Args:
        overlay: A folder of your own prices, or one that `PriceRefresh.write` wrote, with
            `gpus/<provider>.yaml` or `apis/<provider>.yaml` (.yml will do), laid out as the shipped
            `pricing/`; a row with the id of a shipped row replaces it.

    Raises:
        DocumentError: The folder or a file cannot be read, or the folder holds no price file.
        InputError: A row is wrong or an id appears twice in one folder; the message names it.
    """
    shipped = _shipped()
    if overlay is None:
        return shipped
    return shipped.overlaid(_read_folder(Path(overlay), own=True))


def parse_prices(data: bytes, where: str) -> Catalog:
    """Return the rows of one price file's bytes, such as an upload's; nothing is opened by name.

    `load_catalog().overlaid(rows)` lays them over the shipped prices.

    Args:
        data: The content of a file such as `pricing/gpus/<provider>.yaml`.
        where: What it is called, for the message.

    Raises:
        DocumentError: Not UTF-8 or not YAML.
        InputError: A row is wrong or an id appears twice; the message names it.
    """
    document = _PriceFile.parse(parse_yaml(decoded(data, where), where), where)
    if document.tariffs:
        tariffs = _rows(document, "tariffs", Tariff, where, own=True)
        _refuse_duplicates(where, tariffs)
        return Catalog((), tuple(tariffs))
    offers = _rows(document, "offers", Offer, where, own=True)
    _refuse_duplicates(where, offers)
    return Catalog(tuple(offers), ())


@functools.cache
def _shipped() -> Catalog:
    # A wheel carries the prices inside the package; a checkout has them beside it.
    inside, beside = PACKAGE / "pricing", PACKAGE.parent / "pricing"
    return _read_folder(inside if inside.is_dir() else beside)


def _read_folder(folder: Path, *, own: bool = False) -> Catalog:
    gpu_files, api_files = (
        [path for path in files_in(folder, f"{kind}/*") if path.suffix in YAML_SUFFIXES]
        for kind in ("gpus", "apis")
    )
    if not gpu_files and not api_files:
        raise DocumentError(
            f"{folder}: holds no gpus/*.yaml or apis/*.yaml; give a folder laid out as pricing/."
        )
    offers = [row for path in gpu_files for row in _read_file(path, "offers", Offer, own=own)]
    tariffs = [row for path in api_files for row in _read_file(path, "tariffs", Tariff, own=own)]
    _refuse_duplicates(folder, offers)
    _refuse_duplicates(folder, tariffs)
    return Catalog(tuple(offers), tuple(tariffs))


def _read_file(
    path: Path, key: Literal["offers", "tariffs"], record: type[Row], *, own: bool
) -> list[Row]:
    text = read_text(path)
    document = _PriceFile.parse(parse_yaml(text, str(path)), str(path))
    if document.provider != path.stem:
        raise InputError(
            f"{path}: provider is {document.provider!r}; expected the file name, {path.stem!r}."
        )
    return _rows(document, key, record, str(path), own=own and not is_refreshed(text))


def _rows(
    document: _PriceFile,
    key: Literal["offers", "tariffs"],
    record: type[Row],
    where: str,
    *,
    own: bool,
) -> list[Row]:
    rows = getattr(document, key)
    if not rows or (document.offers and document.tariffs):
        raise InputError(f"{where}: expected {key}, at least one row of them and nothing else.")
    found = []
    for number, row in enumerate(rows, start=1):
        named = f"{where}, {_name(row, number)}"
        parsed = record.parse({"provider": document.provider, **row, "from_overlay": own}, named)
        if own:
            _refuse_future(parsed, named)
        found.append(parsed)
    return found


def _refuse_future(row: PriceRow, named: str) -> None:
    # The day has begun somewhere before it has in UTC.
    tomorrow = today_utc() + dt.timedelta(days=1)
    days = {"as_of": row.last_seen}
    if row.exchange is not None:
        days["exchange.as_of"] = row.exchange.as_of
    for field, day in days.items():
        if day > tomorrow:
            raise InputError(
                f"{named}: {field} is {day}, which is yet to come; expected the day on which it "
                "was seen. A price announced for a later day is given by effective_from."
            )


def _name(row: dict[str, Any], number: int) -> str:
    return f"row {number} ({row['id']})" if "id" in row else f"row {number}"


def _refuse_duplicates(where: Path | str, rows: list[Offer] | list[Tariff]) -> None:
    seen = set()
    for row in rows:
        if row.id in seen:
            raise InputError(f"{where}: id {row.id!r} appears twice; keep one of the two rows.")
        seen.add(row.id)


def _overlaid(shipped: tuple[Row, ...], mine: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(({row.id: row for row in shipped} | {row.id: row for row in mine}).values())


def _find(kind: str, row_id: str, rows: Mapping[str, Row]) -> Row:
    if row_id not in rows:
        raise UnknownNameError(kind, row_id, rows)
    return rows[row_id]
