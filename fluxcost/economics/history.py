"""What a price was on a past day: the newest row of its history valid on that day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from fluxcost.economics.price_row import DateKind, PriceRow, Status

Row = TypeVar("Row", bound=PriceRow)


def rows_at(rows: Iterable[Row], day: dt.date) -> tuple[Row, ...]:
    """Return each price as it was known on a day, under the id of its latest row.

    A row tells its latest observation of that day or before. What was
    retired later was still sold. What no row of a history was true of yet is left out.
    """
    by_id = {row.id: row for row in rows}
    history: dict[str, list[Row]] = defaultdict(list)
    for row in by_id.values():
        history[_latest(row, by_id).id].append(row)
    known = (_known(row_id, past, day) for row_id, past in history.items())
    return tuple(row for row in known if row is not None)


def _latest(row: Row, by_id: dict[str, Row]) -> Row:
    seen = {row.id}
    while row.superseded_by in by_id and row.superseded_by not in seen:
        row = by_id[row.superseded_by]
        seen.add(row.id)
    return row


def _known(row_id: str, past: list[Row], day: dt.date) -> Row | None:
    known = (row.known_on(day) for row in past if _can_be_placed(row, day))
    by_then = [row for row in known if row is not None]
    if not by_then:
        return None
    newest = max(by_then, key=lambda row: row.as_of)
    return newest.model_copy(update={"id": row_id, "status": _status(newest, past, day)})


def _can_be_placed(row: PriceRow, day: dt.date) -> bool:
    # The day an old page was read is not a day on which its price was true.
    is_old_page = row.status is Status.SUPERSEDED and row.as_of_kind is DateKind.COLLECTED
    has_begun = row.effective_from is None or row.effective_from <= day
    return has_begun and not is_old_page


def _status(row: PriceRow, past: list[Row], day: dt.date) -> Status:
    sold_until = row.valid_until is not None and row.valid_until >= day
    if row.status is Status.RETIRED and sold_until:
        return Status.ACTIVE
    # Superseded by a row that was not yet true.
    ahead = any(other.id == row.superseded_by and other.as_of > day for other in past)
    if row.status is Status.SUPERSEDED and ahead:
        return Status.ACTIVE
    return row.status
