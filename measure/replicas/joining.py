"""Joins the journals of all replicas into one calibration."""

from __future__ import annotations

from collections.abc import Sequence

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.measured.replicas import Replica
from measure.journal import Header, Row, join_rows

SUITE = "scaling"


def join(header: Header, rows_by_rank: Sequence[Sequence[Row]]) -> Calibration:
    """Join the rows of all replicas; one that ran alone, unrestricted, is a cell like any other.

    A window that some replica never finished is left out. Replicas of one host share its run.

    Raises:
        MissingDataError: No replica was timed alone yet.
    """
    rows = [row for part in rows_by_rank for row in part]
    runs = {row.run.id: row for row in reversed(rows) if row.run}
    parts = [row.replica for row in rows if row.replica]
    finished: dict[str, int] = {}
    for part in parts:
        finished[part.window] = finished.get(part.window, 0) + 1
    whole = [part for part in parts if finished[part.window] == part.replicas]
    alone = [part for part in whole if part.replicas == 1 and not part.in_one_process]
    cells = [_cell(part) for part in alone if part.cores is None]
    if not cells:
        raise MissingDataError("no replica was timed alone yet; run the same command again.")
    others = [row for row in rows if row.encoding or row.link or row.split_image]
    joined = [
        *reversed(runs.values()),
        *(Row(cell=cell) for cell in cells),
        *(Row(replica=part) for part in whole),
        *others,
    ]
    return join_rows(header, joined, "the journals of the replicas")


def _cell(part: Replica) -> Cell:
    return Cell(
        width=part.width,
        height=part.height,
        steps=part.steps,
        batch=part.batch,
        run=part.run,
        suites=(SUITE,),
        warmup_s=part.warmup_s,
        stable=part.stable,
        samples=part.samples,
        energy=part.energy,
        before=part.before,
        during=part.during,
        after=part.after,
    )
