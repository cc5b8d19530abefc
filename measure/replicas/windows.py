"""The windows to measure: each runs some replicas at one point with some cores.

Every point is timed on each GPU alone and on each count of GPUs at once, with the same cores, so
that what several lose is read against the same GPUs in the same run.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from fluxcost.performance.measured.replicas import Replica
from measure.replicas.request import ALL, FleetRequest
from measure.suites import Point, Scaling, Suite, point, points_by_suite

Key = tuple[int, int, int, int, int | None, tuple[int, ...], bool]
"""Width, height, steps, batch, cores, ranks and whether in one process: what makes two windows the
same measurement."""


@dataclass(frozen=True)
class Window:
    """Replicas that run at once, each making the same number of calls."""

    point: Point
    cores: int | None
    ranks: tuple[int, ...]
    in_one_process: bool = False

    @property
    def key(self) -> Key:
        """Return what makes two windows the same measurement."""
        shape = self.point.shape
        size = (shape.width, shape.height, shape.steps, self.point.batch)
        return (*size, self.cores, self.ranks, self.in_one_process)

    def __str__(self) -> str:
        who = f"replica {self.ranks[0]} alone" if len(self.ranks) == 1 else f"{len(self.ranks)}"
        who = who if len(self.ranks) == 1 else f"{who} replicas"
        who = f"{who} in one process" if self.in_one_process else who
        return f"{self.point}, {who}, {self.cores or ALL} cores"


def asked_windows(suites: Iterable[Suite], request: FleetRequest) -> list[Window]:
    """Return every window of a request, those of threads in one process last."""
    suites = tuple(suites)
    windows = all_windows(suites, request.gpus, request.cores, request.seed)
    threads = windows_in_one_process(suites, request.gpus) if request.threads else []
    return windows + threads


def all_windows(
    suites: Iterable[Suite], gpus: tuple[int, ...], cores: tuple[int | None, ...], seed: int
) -> list[Window]:
    """Return every window once: conditions in a seeded order, and so the windows of each."""
    suites = tuple(suites)
    order = random.Random(seed)  # noqa: S311 - a shuffle, not a secret
    swept = _swept_points(suites)
    points = sorted(points_by_suite(suites))
    conditions = [(each, count) for each in points for count in cores]
    conditions = [(each, n) for each, n in conditions if n is None or each in swept]
    order.shuffle(conditions)
    windows = []
    for each, count in conditions:
        together = [tuple(range(n)) for n in gpus if n > 1]
        alone = [(rank,) for rank in range(max(gpus))]
        fleets = [*alone, *together]
        order.shuffle(fleets)
        windows += [Window(each, count, ranks) for ranks in fleets]
    return windows


def windows_in_one_process(suites: Iterable[Suite], gpus: tuple[int, ...]) -> list[Window]:
    """Return the windows whose replicas are threads of one process: each alone, and each count."""
    asked = dict.fromkeys(each for s in suites if s.scaling for each in s.scaling.threads_at)
    alone = [(rank,) for rank in range(max(gpus))]
    together = [tuple(range(n)) for n in gpus if n > 1]
    return [
        Window(point(each), None, ranks, in_one_process=True)
        for each in asked
        for ranks in (*alone, *together)
    ]


def _swept_points(suites: tuple[Suite, ...]) -> set[Point]:
    found: set[Point] = set()
    for suite in suites:
        named = (suite.scaling or Scaling()).cores_at
        found |= {point(each) for each in named} if named else set(suite.points())
    return found


def pending(windows: list[Window], done: set[Key]) -> list[Window]:
    """Return the windows not done yet, and with one of threads all others of its point.

    Launch overhead differs from process to process, so threads at once are timed in the same run
    as each of them alone.
    """
    left = [window for window in windows if window.key not in done]
    again = {window.point for window in left if window.in_one_process}
    return [
        window
        for window in windows
        if window in left or (window.in_one_process and window.point in again)
    ]


def finished(rows_by_rank: list[list[Replica]]) -> set[Key]:
    """Return the windows that every replica in them has written down."""
    ranks: dict[str, set[int]] = {}
    first: dict[str, Replica] = {}
    for row in (row for rows in rows_by_rank for row in rows):
        ranks.setdefault(row.window, set()).add(row.rank)
        first.setdefault(row.window, row)
    return {
        Window(
            Point(row.shape, row.batch), row.cores, tuple(sorted(ranks[name])), row.in_one_process
        ).key
        for name, row in first.items()
        if len(ranks[name]) == row.replicas
    }
