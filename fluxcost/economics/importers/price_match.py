"""Which known row a price read elsewhere is of, and what the row says once it is taken in.

A price is of a known row where the ids are equal. Otherwise an offer is of the known row with its
provider, GPU, number of GPUs, way of selling, kind of host and, where both state one, region; a
tariff is of the known row with its provider, model, quality and tasks. The known row keeps its id
and all that the other catalog does not say. What it said before stays in its history.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from fluxcost.economics.importers.imported_rows import regions_of, slug
from fluxcost.economics.offers import Offer, OfferObservation
from fluxcost.economics.price_row import DateKind, Status
from fluxcost.economics.tariffs import Tariff, TariffObservation

Row = Offer | Tariff

LEAST_MOVE = 0.005
"""Relative change below which a price is the same: rounding, or the exchange rate of a vendor that
quotes euros (as in `price_moves`)."""

GRADES = "CBA"
"""From the weakest to the best."""

Becomes = Literal["price", "observation"]


@dataclass(frozen=True)
class ReadRow:
    """A row of another catalog.

    Attributes:
        row: As a price row.
        states_gpus: Whether its number of GPUs is the catalog's, and not assumed.
    """

    row: Row
    states_gpus: bool = True


@dataclass(frozen=True)
class PriceChange:
    """What reading a price again showed of a known row.

    Attributes:
        id: The row's.
        usd_before: USD per GPU-hour of an offer; of a tariff the amount that moved most.
        day_before: Last day it was seen.
        was_dated: Whether it was true on that day; otherwise its age then is unknown.
        usd_now: As read, in the same unit.
        day_now: Of the price read.
        becomes: price: it is the row's now. observation: it is older than the row's price, or of
            unknown age where the row's is dated, and only joins its history.
        source: Where the price was read.
    """

    id: str
    usd_before: float
    day_before: dt.date
    was_dated: bool
    usd_now: float
    day_now: dt.date
    becomes: Becomes
    source: str

    @property
    def share(self) -> float:
        """Relative change, such as 0.1 for a tenth more."""
        return self.usd_now / self.usd_before - 1

    @property
    def is_move(self) -> bool:
        """Whether the price is another, and not the same price rounded."""
        return abs(self.share) >= LEAST_MOVE


@dataclass(frozen=True)
class Matches:
    """The rows of another catalog, sorted.

    Attributes:
        known: Known rows with what was read of each.
        new: Rows that are of no known one.
        refused: Id and reason of each row of which that cannot be told.
    """

    known: tuple[tuple[Row, tuple[Row, ...]], ...]
    new: tuple[Row, ...]
    refused: tuple[tuple[str, str], ...]


def matches(known: Iterable[Row], read: Iterable[ReadRow], today: dt.date) -> Matches:
    """Return which known rows the rows of another catalog are of.

    Args:
        known: Rows of a catalog of prices.
        read: Rows of the other catalog.
        today: Rows that are not sold on that day are not known.
    """
    rows = tuple(known)
    index = _Known(row for row in rows if _is_open(row, today))
    ended = _Known(row for row in rows if _has_ended(row, today))
    found: dict[str, list[Row]] = defaultdict(list)
    new, refused = [], []
    for each in read:
        fits = index.of(each)
        if len(fits) > 1:
            fits = [row for row in fits if _is_named_alike(row, each.row)]
            if len(fits) != 1:
                refused.append((each.row.id, "it may be of several known rows"))
                continue
        if fits:
            found[fits[0].id].append(each.row)
        elif gone := ended.of(each):
            refused.append((each.row.id, f"{gone[0].id} is no longer sold"))
        else:
            new.append(each.row)
    sure = []
    for row_id, theirs in found.items():
        row = index.by_id[row_id]
        chosen = [each for each in theirs if _is_named_alike(row, each)] or theirs
        comparable = [each for each in chosen if _is_comparable(row, each)]
        if not comparable:
            refused += [(each.id, f"{row_id} is priced in another way") for each in chosen]
        elif all(_is_same(row, comparable[0], each) for each in comparable):
            sure.append((row, tuple(comparable[:1])))
            new += [each for each in theirs if each not in chosen]
        else:
            why = f"{row_id} states no region, and the price depends on it"
            refused += [(each.id, why) for each in theirs if each.id == row_id]
            new += [each for each in theirs if each.id != row_id]
    return Matches(tuple(sure), tuple(new), tuple(refused))


class _Known:
    """Known rows by id, and by what they are."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.by_id: dict[str, Row] = {}
        self._alike: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in rows:
            self.by_id[row.id] = row
            self._alike[_what(row)].append(row)

    def of(self, read: ReadRow) -> list[Row]:
        """Return the rows that a row of another catalog may be of."""
        same = self.by_id.get(read.row.id)
        if same is not None and type(same) is type(read.row):
            return [same]
        alike = self._alike[_what(read.row)]
        if isinstance(read.row, Tariff):
            tasks = set(read.row.tasks)
            return [row for row in alike if isinstance(row, Tariff) and tasks <= set(row.tasks)]
        offers = [row for row in alike if isinstance(row, Offer)]
        fits = [row for row in offers if _fits(row, read.row, counted=read.states_gpus)]
        equal: list[Row] = [row for row in fits if row.gpu == read.row.gpu]
        return equal if equal or read.row.variant_stated else [*fits]


def _is_open(row: Row, today: dt.date) -> bool:
    is_priced = isinstance(row, Tariff) or row.price is not None
    return row.status is Status.ACTIVE and is_priced and not _has_ended(row, today)


def _has_ended(row: Row, today: dt.date) -> bool:
    is_past = row.valid_until is not None and row.valid_until < today
    return row.status is Status.RETIRED or (row.status is Status.ACTIVE and is_past)


def _what(row: Row) -> tuple[Any, ...]:
    if isinstance(row, Tariff):
        return row.provider, row.model, row.quality
    return row.provider, _family(row.gpu), row.kind, row.tier, row.basis


def _family(gpu: str) -> str:
    for variant in ("-sxm", "-pcie", "-nvl"):
        gpu = gpu.replace(variant, "")
    return gpu


def _fits(known: Offer, read: Offer, *, counted: bool) -> bool:
    here, there = set(regions_of(known.region)), set(regions_of(read.region))
    near = not here or not there or bool(here & there)
    return near and (not counted or known.gpu_count == read.gpu_count)


def _is_named_alike(known: Row, read: Row) -> bool:
    """Return whether two rows have the same id, or the vendor's same name for an instance."""
    if known.id.replace(".", "-") == read.id.replace(".", "-"):
        return True
    if isinstance(known, Tariff) or isinstance(read, Tariff):
        return False
    return slug(known.sku).replace(".", "-") == slug(read.sku).replace(".", "-")


def _is_comparable(known: Row, read: Row) -> bool:
    if isinstance(known, Offer) or isinstance(read, Offer):
        return True
    if known.price.shape != read.price.shape:
        return False
    # What is not an amount, such as the largest image sold, is a part of what is sold.
    return all(
        getattr(known.price, name) == getattr(read.price, name)
        for name in read.price.model_fields_set - {"shape", "per_images"}
        if "usd" not in name
    )


def _is_same(known: Row, one: Row, other: Row) -> bool:
    first, second = (_amounts(_in_terms_of(known, each)) for each in (one, other))
    return first.keys() == second.keys() and not _moved(first, second)


def taken_in(known: Row, read: Row) -> tuple[Row, PriceChange]:
    """Return a known row with a price that was read elsewhere, and what changed.

    The row's price is that of the latest day on which a price was true. One of unknown age counts
    as the row's only where none is dated. Of a run of equal prices the first and the last day are
    kept.

    Args:
        known: The row.
        read: What the other catalog says of it.
    """
    price = _in_terms_of(known, read)
    own = _Said.of(known, _price_of(known))
    new = _Said.of(read, price)
    past = [_Said.of(each, _observed_price(known, each)) for each in known.observed]
    # What the same source said of the same day before is corrected.
    kept = [each for each in (own, *past) if (each.day, each.source) != (new.day, new.source)]
    kept.append(new)
    top = max(kept, key=lambda each: (each.kind.is_dated, each.day, GRADES.index(each.grade)))
    history = [
        each
        for dated in (True, False)
        for each in _ends_of_runs([one for one in kept if one.kind.is_dated is dated], top)
        if each is not top
    ]
    before, now = _most_moved(_amounts(own.price), _amounts(price))
    change = PriceChange(
        known.id,
        usd_before=_shown(known, before),
        day_before=known.as_of,
        was_dated=known.as_of_kind.is_dated,
        usd_now=_shown(known, now),
        day_now=read.as_of,
        becomes="price" if top is new else "observation",
        source=read.source,
    )
    return _said_by(known, top, sorted(history, key=lambda each: each.day)), change


@dataclass(frozen=True, eq=False)
class _Said:
    """One source's price of a row on one day, in the row's own unit."""

    day: dt.date
    kind: DateKind
    source: str
    grade: Literal["A", "B", "C"]
    price: Any

    @classmethod
    def of(cls, said: Row | OfferObservation | TariffObservation, price: Any) -> _Said:  # noqa: ANN401
        return cls(said.as_of, said.as_of_kind, said.source, said.grade, price)

    def fields(self) -> dict[str, Any]:
        return {
            "as_of": self.day,
            "as_of_kind": self.kind,
            "source": self.source,
            "grade": self.grade,
        }


def _ends_of_runs(said: Sequence[_Said], top: _Said) -> list[_Said]:
    ordered = sorted(said, key=lambda each: (each.day, each is top))
    # Two sources of one day that agree are one observation.
    apart = [
        one
        for one, later in pairwise([*ordered, None])
        if one is not None
        and not (later is not None and later.day == one.day and later.price == one.price)
    ]
    return [
        each
        for number, each in enumerate(apart)
        if number in {0, len(apart) - 1}
        or not apart[number - 1].price == each.price == apart[number + 1].price
    ]


def _said_by(row: Row, top: _Said, history: Sequence[_Said]) -> Row:
    """Return a row whose price is what `top` says, with a history."""
    if isinstance(row, Tariff):
        seen = tuple(
            TariffObservation(
                price=None if each.price == top.price else each.price, **each.fields()
            )
            for each in history
        )
        return row.model_copy(update={**top.fields(), "price": top.price, "observed": seen})
    assert row.price is not None  # noqa: S101 - a row without a price matches nothing
    quote = row.price
    if top.price != quote.amount:
        # The list price and the range were of the former day.
        said = {"amount": top.price, "list_amount": None, "low": None, "high": None}
        quote = quote.model_copy(update=said)
    offered = tuple(
        OfferObservation(amount=None if each.price == top.price else each.price, **each.fields())
        for each in history
    )
    return row.model_copy(update={**top.fields(), "price": quote, "observed": offered})


def _price_of(row: Row) -> Any:  # noqa: ANN401 - an amount or the record of a price
    if isinstance(row, Tariff):
        return row.price
    return None if row.price is None else row.price.amount


def _observed_price(row: Row, seen: OfferObservation | TariffObservation) -> Any:  # noqa: ANN401
    stated = seen.price if isinstance(seen, TariffObservation) else seen.amount
    return _price_of(row) if stated is None else stated


def _in_terms_of(known: Row, read: Row) -> Any:  # noqa: ANN401
    """Return the price of another catalog in the unit and form of a known row's."""
    own = _price_of(known)
    if isinstance(known, Offer) and isinstance(read, Offer):
        amount = float(f"{read.usd_per_gpu_hour / known.per_gpu_hour(1.0):.12g}")
        return own if abs(amount / own - 1) < LEAST_MOVE else amount
    theirs = _price_of(read)
    images = getattr(own, "per_images", 1)
    said: dict[str, Any] = {}
    for name in theirs.model_fields_set - {"shape", "per_images"}:
        value = getattr(theirs, name)
        if isinstance(value, dict):
            # Units that the other catalog does not list keep their price.
            value = {unit: usd / images for unit, usd in getattr(own, name).items()} | value
        said[name] = value
    price = own.model_copy(update=said | ({"per_images": 1} if images != 1 else {}))
    return price if _moved(_amounts(own), _amounts(price)) else own


def _amounts(price: Any) -> dict[str, float]:  # noqa: ANN401
    """Return every amount of a price, for one image where it is quoted for several."""
    if isinstance(price, float):
        return {"": price}
    images = getattr(price, "per_images", 1)
    return {name: usd / images for name, usd in _leaves(price.model_dump(exclude_none=True))}


def _leaves(fields: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, float]]:
    for name, value in fields.items():
        path = f"{under}{name}"
        if isinstance(value, dict):
            yield from _leaves({str(unit): usd for unit, usd in value.items()}, f"{path} ")
        elif isinstance(value, int | float) and "usd" in path:
            yield path, float(value)


def _moved(before: Mapping[str, float], now: Mapping[str, float]) -> bool:
    if before.keys() != now.keys():
        return True
    old, new = _most_moved(before, now)
    return abs(new / old - 1) >= LEAST_MOVE


def _most_moved(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[float, float]:
    both = [(before[name], usd) for name, usd in now.items() if before.get(name) and usd]
    return max(both, key=lambda pair: abs(math.log(pair[1] / pair[0])))


def _shown(row: Row, amount: float) -> float:
    return row.per_gpu_hour(amount) if isinstance(row, Offer) else amount
