"""A campaign: every cell and probe of some suites, in a seeded shuffled order, resumable.

The order is shuffled so that drift over the campaign is not read as a trend over shapes.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fluxcost.errors import InputError
from fluxcost.performance.calibration.measuring_run import MeasuringRun
from measure.bench import Bench
from measure.environment import describe_environment
from measure.journal import SYNTHETIC, Journal, JournalRow
from measure.probes.ceilings import measure_ceilings
from measure.probes.memory_edge import measure_memory_edge
from measure.probes.sameness import measure_sameness
from measure.probes.sustained_speed import can_pipeline, measure_pipelined, measure_soak
from measure.probes.weight_scale import measure_weight_scales
from measure.protocol import measure_cell
from measure.suites import Point, Protocol, Quadruple, Size, Suite, point, points_by_suite


@dataclass(frozen=True)
class CampaignTask:
    """One thing to measure: what it is called, how much work it is, and how it is done."""

    label: str
    work: float
    execute: Callable[[], None]


@dataclass(frozen=True)
class CampaignPlan:
    """The cells and probes of some suites, each once.

    Raises:
        InputError: Two suites ask for the same point and differ in protocol, or in whether it is
            held out of every fit.
    """

    suites: tuple[Suite, ...]
    seed: int

    def __post_init__(self) -> None:
        for each, names in points_by_suite(self.suites).items():
            asking = [suite for suite in self.suites if suite.name in names]
            if len({(suite.held_out, suite.protocol) for suite in asking}) > 1:
                raise InputError(
                    f"suites {' and '.join(names)} both ask for {each}, but by different protocols "
                    "or one to hold it out of every fit; run them one at a time."
                )

    @property
    def protocol(self) -> Protocol:
        """The first suite's protocol, of those whose cells a fit sees if there is one."""
        return min(self.suites, key=lambda suite: suite.held_out).protocol

    def is_held_out(self, names: tuple[str, ...]) -> bool:
        """Say whether a point that these suites ask for is held out of every fit."""
        return any(suite.held_out for suite in self.suites if suite.name in names)

    def protocol_of(self, names: tuple[str, ...]) -> Protocol:
        """Return the protocol of a point that these suites ask for."""
        return next(suite.protocol for suite in self.suites if suite.name in names)

    def ordered_points(self) -> list[tuple[int, Point, tuple[str, ...]]]:
        """Return (position, point, suites) of every distinct point in the shuffled order."""
        points = sorted(points_by_suite(self.suites).items())
        random.Random(self.seed).shuffle(points)  # noqa: S311 - a shuffle, not a secret
        return [(i, each, names) for i, (each, names) in enumerate(points)]

    def first_probe_point(self, probe: str) -> Point | None:
        """Return the point at which the first suite that has the probe runs it."""
        found = (getattr(suite.probes, probe) for suite in self.suites)
        return next((point(each) for each in found if each is not None), None)

    def soak_points(self) -> list[Point]:
        """Return the distinct points to soak at."""
        return self._distinct([suite.probes.soak for suite in self.suites])

    def pipelined_points(self) -> list[Point]:
        """Return the distinct points to call without a pause."""
        return self._distinct([suite.probes.pipelined for suite in self.suites])

    @staticmethod
    def _distinct(asked: list[tuple[Quadruple, ...]]) -> list[Point]:
        return [point(each) for each in dict.fromkeys(each for some in asked for each in some)]

    def edge_sizes(self) -> dict[Size, bool]:
        """Return the sizes whose memory edge is wanted, and whether it is held out."""
        wanted: dict[Size, bool] = {}
        for suite in self.suites:
            for size in suite.probes.memory_edge:
                wanted[size] = wanted.get(size, False) or suite.held_out
        return wanted


def pending_points(
    plan: CampaignPlan, journal: Journal
) -> list[tuple[int, Point, tuple[str, ...]]]:
    """Return the points of the plan that the journal does not hold yet."""
    return [
        entry
        for entry in plan.ordered_points()
        if (entry[1].shape, entry[1].batch) not in journal.cells
    ]


def pending_soaks(plan: CampaignPlan, journal: Journal) -> list[Point]:
    """Return the points the journal has no soak of."""
    done = {(s.width, s.height, s.steps, s.batch) for row in journal.rows if (s := row.soak)}
    return [each for each in plan.soak_points() if _key(each) not in done]


def pending_pipelined(plan: CampaignPlan, journal: Journal) -> list[Point]:
    """Return the points without an unbroken run of calls yet, on a stack that can make one."""
    if not can_pipeline(journal.header.stack):
        return []
    done = {(p.width, p.height, p.steps, p.batch) for row in journal.rows if (p := row.pipelined)}
    return [each for each in plan.pipelined_points() if _key(each) not in done]


def pending_edges(plan: CampaignPlan, journal: Journal) -> list[tuple[Size, bool]]:
    """Return the sizes the journal has no memory edge of, and whether each is held out."""
    done = {(edge.width, edge.height) for row in journal.rows if (edge := row.memory_edge)}
    return [(size, kept) for size, kept in plan.edge_sizes().items() if size not in done]


def pending_weight_scale(plan: CampaignPlan, journal: Journal) -> Point | None:
    """Return where weight scales are still to be measured; a checkpoint is left as it is."""
    if journal.header.weights != SYNTHETIC or any(row.weight_scales for row in journal.rows):
        return None
    return plan.first_probe_point("weight_scale")


def pending_cold_start(plan: CampaignPlan, journal: Journal) -> Point | None:
    """Return the point of the first call, while the journal has no cold start."""
    if any(row.cold_start for row in journal.rows):
        return None
    return plan.first_probe_point("cold_start")


def pending_sameness(plan: CampaignPlan, journal: Journal) -> Point | None:
    """Return where the stack's picture is still to be compared; only synthetic weights can be."""
    if journal.header.weights != SYNTHETIC or any(row.sameness for row in journal.rows):
        return None
    return plan.first_probe_point("sameness")


def is_complete(plan: CampaignPlan, journal: Journal) -> bool:
    """Say whether the journal holds everything the plan asks for."""
    return not (
        pending_points(plan, journal)
        or pending_soaks(plan, journal)
        or pending_pipelined(plan, journal)
        or pending_edges(plan, journal)
        or pending_weight_scale(plan, journal)
        or pending_sameness(plan, journal)
        or pending_cold_start(plan, journal)
    )


def start_run(bench: Bench, journal: Journal) -> MeasuringRun:
    """Record this run of the program and return it."""
    run = describe_run(bench)
    journal.append(JournalRow(run=run))
    return run


def describe_run(bench: Bench) -> MeasuringRun:
    """Return a run that starts now on this machine, with an id of its own."""
    return MeasuringRun(
        id=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}",
        started_at=datetime.now(UTC),
        environment=describe_environment(bench.device, bench.instruments, bench.weights),
    )


class Campaign:
    """The tasks of a plan on a bench; running them all completes the journal."""

    def __init__(self, plan: CampaignPlan, bench: Bench, journal: Journal) -> None:
        """Record the start of a run and check the weights by one small picture."""
        self.plan = plan
        self.bench = bench
        self.journal = journal
        self.run = start_run(bench, journal)
        bench.check(min(each for _, each, _ in plan.ordered_points()))

    def tasks(self) -> Iterator[CampaignTask]:
        """Yield what is left: sameness, ceilings, cells, long runs, memory edges, weight scales.

        Sameness comes first: a stack that draws another picture is not worth timing. Weight scales
        come last because they rewrite the weights. Cold starts are measured in processes of their
        own, before the bench takes the device.
        """
        yield from self._sameness()
        yield from self._ceilings()
        for order, each, names in pending_points(self.plan, self.journal):
            yield CampaignTask(str(each), each.pixel_steps, self._cell(order, each, names))
        yield from self._soaks()
        yield from self._pipelined()
        yield from self._memory_edges()
        yield from self._weight_scales()

    def _cell(self, order: int, each: Point, names: tuple[str, ...]) -> Callable[[], None]:
        def execute() -> None:
            self.bench.instruments.refuse_company()
            protocol = self.plan.protocol_of(names)
            cell = measure_cell(
                self.bench, each, protocol, run=self.run.id, order=order, suites=names
            )
            self.journal.append(JournalRow(cell=cell, held_out=self.plan.is_held_out(names)))

        return execute

    def _sameness(self) -> Iterator[CampaignTask]:
        where = pending_sameness(self.plan, self.journal)
        if where is None:
            return

        def execute() -> None:
            record = measure_sameness(self.bench, where, self.run.id)
            self.journal.append(JournalRow(sameness=record))

        yield CampaignTask("sameness", 0, execute)

    def _ceilings(self) -> Iterator[CampaignTask]:
        def execute() -> None:
            bench = self.bench
            ceilings = measure_ceilings(
                bench.clock, bench.blueprint.architecture, bench.recipe.dtype
            )
            self.journal.append(JournalRow(ceilings=ceilings, of_run=self.run.id))

        if any(suite.probes.ceilings for suite in self.plan.suites):
            yield CampaignTask("ceilings", 0, execute)

    def _soaks(self) -> Iterator[CampaignTask]:
        def soak(each: Point) -> Callable[[], None]:
            def execute() -> None:
                record = measure_soak(self.bench, each, self.plan.protocol, self.run.id)
                self.journal.append(JournalRow(soak=record))

            return execute

        for each in pending_soaks(self.plan, self.journal):
            yield CampaignTask(f"soak at {each}", 0, soak(each))

    def _pipelined(self) -> Iterator[CampaignTask]:
        def pipeline(each: Point) -> Callable[[], None]:
            def execute() -> None:
                record = measure_pipelined(self.bench, each, self.plan.protocol, self.run.id)
                self.journal.append(JournalRow(pipelined=record))

            return execute

        for each in pending_pipelined(self.plan, self.journal):
            yield CampaignTask(f"pipelined at {each}", 0, pipeline(each))

    def _memory_edges(self) -> Iterator[CampaignTask]:
        def seek(size: Size, *, held_out: bool) -> Callable[[], None]:
            def execute() -> None:
                self.bench.instruments.refuse_company()
                edge = measure_memory_edge(self.bench, size, self.run.id)
                self.journal.append(JournalRow(memory_edge=edge, held_out=held_out))

            return execute

        for size, held_out in pending_edges(self.plan, self.journal):
            label = f"largest batch of {size[0]}x{size[1]}"
            yield CampaignTask(label, 0, seek(size, held_out=held_out))

    def _weight_scales(self) -> Iterator[CampaignTask]:
        where = pending_weight_scale(self.plan, self.journal)
        if where is None:
            return

        def execute() -> None:
            records = measure_weight_scales(self.bench, where, self.plan.protocol, self.run.id)
            self.journal.append(JournalRow(weight_scales=tuple(records)))

        yield CampaignTask("weight scales", 0, execute)


def _key(each: Point) -> tuple[int, int, int, int]:
    return each.shape.width, each.shape.height, each.shape.steps, each.batch
