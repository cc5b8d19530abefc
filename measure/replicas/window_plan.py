"""The request for several replicas, the windows that measure it, and a run's progress.

Every point is timed on each GPU alone and on each count of GPUs at once, with the same cores, so
that what several lose is read against the same GPUs in the same run.
"""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from fluxcost.errors import InputError
from fluxcost.performance.calibration.extra_measurements import Replica
from fluxcost.performance.calibration.library import load_calibration, shipped_calibrations
from fluxcost.records import Count, Name, Record
from fluxcost.units import counted
from measure.forecast import Forecast, known_cells
from measure.suites import Point, Protocol, Quadruple, ScalingProbe, Suite, point, points_by_suite

ALL_GPUS_OR_CORES = "all"
"""Core count that means: every core this process may use, shared by the replicas of its host."""


class FleetRequest(Record):
    """Suites to measure on several replicas, and where."""

    suites: tuple[Name, ...]
    cells: tuple[Quadruple, ...] = Field(
        default=(), description="Stated on the command line: width, height, steps, batch."
    )
    out: Path
    model: Name
    stack: Name
    weights: str | None = None
    device: Name = "cuda"
    seed: int = 0
    gpus: tuple[Count, ...] = Field(min_length=1, description="Counts of replicas, rising.")
    cores: tuple[Count | None, ...] = Field(default=(None,), description="Per replica; None: all.")
    nodes: Count = 1
    node_rank: int = Field(default=0, ge=0)
    rendezvous: str | None = Field(default=None, description="HOST:PORT of node 0.")
    split_image: bool = Field(default=False, description="Also make one image on all GPUs.")
    threads: bool = Field(
        default=False, description="Also time replicas that are threads of one process."
    )

    @property
    def replicas(self) -> int:
        """Return how many processes the largest fleet has, over all hosts."""
        return max(self.gpus)

    @property
    def replicas_per_host(self) -> int:
        """Return how many processes this host starts."""
        return self.replicas // self.nodes


def parse_gpus(text: str) -> tuple[int, ...]:
    """Read counts of GPUs such as '1,2,4'.

    Raises:
        InputError: Not whole numbers from 1 up.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise InputError(f"--gpus is {text!r}; expected counts of GPUs, such as 1,2.")
    return tuple(sorted({int(part) for part in parts}))


def parse_cores(text: str) -> tuple[int | None, ...]:
    """Read core counts per replica such as '1,2,4,all'; all comes first.

    Raises:
        InputError: Neither whole numbers from 1 up nor 'all'.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(
        part == ALL_GPUS_OR_CORES or (part.isdecimal() and int(part) >= 1) for part in parts
    ):
        raise InputError(f"--cores is {text!r}; expected counts or all, such as 1,2,4,all.")
    counts = sorted({int(part) for part in parts if part != ALL_GPUS_OR_CORES}, reverse=True)
    # Efficiency and cells rest on unrestricted replicas, so those are measured whatever is asked.
    return (None, *counts)


def check_fleet_request(request: FleetRequest) -> None:
    """Refuse what this host cannot do, before anything starts.

    Raises:
        InputError: Replicas, hosts or cores that do not add up.
    """
    if request.replicas % request.nodes:
        raise InputError(
            f"--gpus asks for {request.replicas} replicas on --nodes {request.nodes}; expected as "
            "many on every host: use a multiple."
        )
    if request.nodes > 1 and request.rendezvous is None:
        raise InputError("--nodes is above 1 without --rendezvous; give HOST:PORT of node 0.")
    if request.node_rank >= request.nodes:
        raise InputError(
            f"--node-rank is {request.node_rank}; expected 0 to {request.nodes - 1}, one a host."
        )
    if request.threads and (request.nodes > 1 or request.replicas < 2):
        raise InputError(
            f"--threads has {counted(request.replicas, 'GPU')} on {counted(request.nodes, 'host')}"
            "; expected at least 2 GPUs of one host, since a process has only those: see --gpus "
            "and --nodes."
        )
    most = max((count for count in request.cores if count is not None), default=0)
    share = len(os.sched_getaffinity(0)) // request.replicas_per_host
    if most > share:
        raise InputError(
            f"--cores is {most}; expected at most {share}: {request.replicas_per_host} replicas "
            f"share the {len(os.sched_getaffinity(0))} CPUs this process may use."
        )


WindowKey = tuple[int, int, int, int, int | None, tuple[int, ...], bool]
"""Width, height, steps, batch, cores, ranks and whether in one process: what makes two windows the
same measurement."""


@dataclass(frozen=True)
class TimedWindow:
    """Replicas that run at once, each making the same number of calls."""

    point: Point
    cores: int | None
    ranks: tuple[int, ...]
    in_one_process: bool = False

    @property
    def key(self) -> WindowKey:
        """Return what makes two windows the same measurement."""
        shape = self.point.shape
        size = (shape.width, shape.height, shape.steps, self.point.batch)
        return (*size, self.cores, self.ranks, self.in_one_process)

    def __str__(self) -> str:
        who = f"replica {self.ranks[0]} alone" if len(self.ranks) == 1 else f"{len(self.ranks)}"
        who = who if len(self.ranks) == 1 else f"{who} replicas"
        who = f"{who} in one process" if self.in_one_process else who
        return f"{self.point}, {who}, {self.cores or ALL_GPUS_OR_CORES} cores"


def requested_windows(suites: Iterable[Suite], request: FleetRequest) -> list[TimedWindow]:
    """Return every window of a request, those of threads in one process last."""
    suites = tuple(suites)
    windows = all_windows(suites, request.gpus, request.cores, request.seed)
    threads = windows_in_one_process(suites, request.gpus) if request.threads else []
    return windows + threads


def all_windows(
    suites: Iterable[Suite], gpus: tuple[int, ...], cores: tuple[int | None, ...], seed: int
) -> list[TimedWindow]:
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
        windows += [TimedWindow(each, count, ranks) for ranks in fleets]
    return windows


def windows_in_one_process(suites: Iterable[Suite], gpus: tuple[int, ...]) -> list[TimedWindow]:
    """Return the windows whose replicas are threads of one process: each alone, and each count."""
    asked = dict.fromkeys(each for s in suites if s.scaling for each in s.scaling.threads_at)
    alone = [(rank,) for rank in range(max(gpus))]
    together = [tuple(range(n)) for n in gpus if n > 1]
    return [
        TimedWindow(point(each), None, ranks, in_one_process=True)
        for each in asked
        for ranks in (*alone, *together)
    ]


def _swept_points(suites: tuple[Suite, ...]) -> set[Point]:
    found: set[Point] = set()
    for suite in suites:
        named = (suite.scaling or ScalingProbe()).cores_at
        found |= {point(each) for each in named} if named else set(suite.points())
    return found


def pending(windows: list[TimedWindow], done: set[WindowKey]) -> list[TimedWindow]:
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


def finished(rows_by_rank: list[list[Replica]]) -> set[WindowKey]:
    """Return the windows that every replica in them has written down."""
    ranks: dict[str, set[int]] = {}
    first: dict[str, Replica] = {}
    for row in (row for rows in rows_by_rank for row in rows):
        ranks.setdefault(row.window, set()).add(row.rank)
        first.setdefault(row.window, row)
    return {
        TimedWindow(
            Point(row.shape, row.batch), row.cores, tuple(sorted(ranks[name])), row.in_one_process
        ).key
        for name, row in first.items()
        if len(ranks[name]) == row.replicas
    }


class WindowProgress:
    """Windows done, and the seconds the rest should take.

    Each window's length is predicted from the model's shipped calls, scaled by how long the windows
    so far took. A model without a calibration is predicted once one of its windows is done.
    """

    def __init__(self, model: str, protocol: Protocol, windows: list[TimedWindow]) -> None:
        calibrations = (load_calibration(entry.alias) for entry in shipped_calibrations())
        forecast = Forecast(known_cells(model, calibrations))
        self._guess = {
            window: forecast.cell_s(window.point, protocol) or float(window.point.pixel_steps)
            for window in windows
        }
        self._known = forecast.call_s(windows[0].point) is not None if windows else False
        self._over: list[float] = []
        self._left = list(windows)
        self._total = len(windows)

    def line(self, window: TimedWindow, parts: list[Replica], took_s: float) -> str:
        """Return one line on a window that has just ended."""
        self._left.remove(window)
        self._over.append(took_s / self._guess[window])
        images = sum(len(part.samples.wall_s) * part.batch for part in parts)
        rate = images / max(part.elapsed_s for part in parts)
        left_s = statistics.median(self._over) * sum(self._guess[each] for each in self._left)
        done = self._total - len(self._left)
        return f"[{done}/{self._total}] {window}: {rate:.3f} images/s; {_duration(left_s)} left"

    @property
    def expected_s(self) -> float | None:
        """Seconds of all windows left, or None for a model nobody timed."""
        return sum(self._guess[each] for each in self._left) if self._known else None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
