"""The process of one replica: `python -m measure.replicas.worker REQUEST`, under torchrun."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console
from torch.distributed.elastic.multiprocessing.errors import record

from fluxcost.errors import FluxcostError, MissingDataError
from fluxcost.performance.calibration.extra_measurements import Replica
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import MeasuringRun
from fluxcost.performance.calibration.schema import Calibration
from measure.bench import Bench, open_bench, open_instruments
from measure.environment import describe_environment, describe_gpu
from measure.journal import SYNTHETIC, Journal, JournalHeader, JournalRow, join_rows
from measure.pipelines.blueprint import load_blueprint
from measure.replicas.context_parallel import measure_context_parallel, pending_context_parallel
from measure.replicas.host_topology import HostCores, measure_links
from measure.replicas.image_encoding import EncodingRound, encoding_rounds, measure_encodings
from measure.replicas.process_group import LostReplicaError, ReplicaGroup, local_device
from measure.replicas.process_window import FleetRun, empty_caches, run_window
from measure.replicas.scaling_report import print_fleets
from measure.replicas.thread_window import ReplicaThreads
from measure.replicas.window_plan import (
    FleetRequest,
    TimedWindow,
    WindowProgress,
    finished,
    pending,
    requested_windows,
)
from measure.stacks import recipe
from measure.suites import Point, asked_suites
from measure.telemetry import Instruments

SUITE = "scaling"


def join_replicas(
    header: JournalHeader, rows_by_rank: Sequence[Sequence[JournalRow]]
) -> Calibration:
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
        *(JournalRow(cell=cell) for cell in cells),
        *(JournalRow(replica=part) for part in whole),
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


WIDTH = 150
"""Columns of the tables at the end; a worker writes to a pipe, which has no width of its own."""

LAST_WORDS_S = 2.0
"""How long a replica that lost another waits: the one that died is then named, not this one."""


class Worker:
    """A replica with its bench and journal."""

    def __init__(
        self, request: FleetRequest, fleet: ReplicaGroup, instruments: Instruments
    ) -> None:
        self.request = request
        self.fleet = fleet
        self.suites = asked_suites(request.suites, request.cells)
        self.protocol = self.suites[0].protocol
        self.cores = HostCores(fleet.local_rank, fleet.local_size)
        self.instruments = instruments
        self.blueprint = load_blueprint(request.model)
        family = self.blueprint.document.family
        self.recipe = recipe(request.stack, fleet.device, family)
        header = JournalHeader(
            gpu=describe_gpu(fleet.device),
            model=self.blueprint.document.name,
            architecture_hash=self.blueprint.hash,
            stack=self.recipe.stack,
            weights=request.weights or SYNTHETIC,
            seed=request.seed,
        )
        self.journal = Journal.open(request.out / f"rank-{fleet.rank}", header)

    def run(self) -> None:
        """Measure what no earlier run has, and let the first replica write the calibration."""
        windows, encodings, splits = self._pending()
        links_left = self._links_left()
        if windows or encodings or splits or links_left:
            bench = self._open_bench(self.fleet.device, self.instruments)
            fleet_run = self._start(bench)
            progress = WindowProgress(self.blueprint.document.name, self.protocol, windows)
            own = [window for window in windows if not window.in_one_process]
            self._time_windows(bench, own, fleet_run, progress)
            self._time_threads(bench, windows[len(own) :], fleet_run, progress)
            for each in encodings:
                for found in measure_encodings(
                    self.fleet, each, self.request.out, self.request.seed, fleet_run
                ):
                    self.journal.append(JournalRow(encoding=found))
            if links_left:
                self._measure_links(fleet_run)
            if splits:
                for split in measure_context_parallel(
                    self.fleet, bench, splits, self.protocol, fleet_run
                ):
                    self.journal.append(JournalRow(split_image=split))
                    _say(f"{split.width}x{split.height} on {split.gpus} GPUs together")
        self._write(self._joined())

    def _pending(self) -> tuple[list[TimedWindow], list[EncodingRound], list[Point]]:
        """Return what is left to do, the same for every replica."""
        rows = self.journal.rows
        replicas = self.fleet.meet([row.replica for row in rows if row.replica])
        encoded = self.fleet.meet([row.encoding for row in rows if row.encoding])
        split = self.fleet.meet([row.split_image for row in rows if row.split_image])
        done = finished(replicas)
        request = self.request
        windows = requested_windows(self.suites, request)
        sizes = [size for s in self.suites if s.scaling for size in s.scaling.encode]
        have = {(e.width, e.height, e.replicas) for each in encoded for e in each}
        asked = encoding_rounds(tuple(dict.fromkeys(sizes)), self.fleet.size)
        splits = (
            pending_context_parallel(self.suites, split[0], self.fleet.size)
            if request.split_image
            else []
        )
        return (
            pending(windows, done),
            [each for each in asked if (each.width, each.height, len(each.ranks)) not in have],
            splits,
        )

    def _links_left(self) -> bool:
        known = any(row.link for row in self.journal.rows)
        wants = self.fleet.device.type == "cuda" and self.fleet.local_size > 1
        return any(self.fleet.meet(wants and self.fleet.local_rank == 0 and not known))

    def _open_bench(self, device: torch.device, instruments: Instruments) -> Bench:
        bench = open_bench(
            self.blueprint,
            self.recipe,
            device,
            instruments,
            self.request.weights,
            self.request.seed,
        )
        bench.check(min(each for suite in self.suites for each in suite.points()))
        return bench

    def _start(self, bench: Bench) -> FleetRun:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
        name = self.fleet.meet(name)[0]
        fleet_run = FleetRun(name, f"{name}-host{self.fleet.node}")
        environment = describe_environment(bench.device, bench.instruments, bench.weights)
        run = MeasuringRun(
            id=fleet_run.run,
            started_at=datetime.now(UTC),
            environment=environment.model_copy(update={"gpu_count": self.fleet.local_size}),
        )
        self.journal.append(JournalRow(run=run))
        return fleet_run

    def _time_windows(
        self,
        bench: Bench,
        windows: list[TimedWindow],
        fleet_run: FleetRun,
        progress: WindowProgress,
    ) -> None:
        self._compile(bench, windows)
        for window in windows:
            started_s = time.perf_counter()
            held = self.cores.hold(window.cores)
            found = run_window(self.fleet, bench, window, held, self.protocol, fleet_run)
            if found is not None:
                self.journal.append(JournalRow(replica=found))
            parts = self.fleet.meet(found)
            if self.fleet.rank == 0:
                done = [part for part in parts if part is not None]
                _say(progress.line(window, done, time.perf_counter() - started_s))
        self.cores.hold(None)

    def _compile(self, bench: Bench, windows: list[TimedWindow]) -> None:
        """Make each shape twice with every core, before a window holds compilers to one.

        Twice, since a graph is recorded in the call after the one that compiles.
        """
        for each in dict.fromkeys(window.point for window in windows):
            for _ in range(2):
                bench.time_call(each)
            self.fleet.meet(None)
            if self.fleet.rank == 0:
                _say(f"every replica is ready for {each}")

    def _time_threads(
        self,
        bench: Bench,
        windows: list[TimedWindow],
        fleet_run: FleetRun,
        progress: WindowProgress,
    ) -> None:
        """Let the first replica run every replica of a window as threads; the others only wait."""
        if not windows:
            return
        bench.release()
        empty_caches()
        self.fleet.meet(None)
        if self.fleet.rank == 0:
            with self._open_threads(bench) as threads:
                for each in dict.fromkeys(window.point for window in windows):
                    threads.compile(each)
                    _say(f"every thread is ready for {each}")
                for window in windows:
                    started_s = time.perf_counter()
                    found = threads.run(window, self.cores.hold(None), self.protocol, fleet_run)
                    for part in found:
                        self.journal.append(JournalRow(replica=part))
                    _say(progress.line(window, found, time.perf_counter() - started_s))
        self.fleet.meet(None)

    def _open_threads(self, bench: Bench) -> ReplicaThreads:
        """Return a thread a GPU of this host, the first with the bench this replica has."""
        ranks = range(self.fleet.local_size)
        devices = [local_device(self.request.device, rank) for rank in ranks]

        def opener(device: torch.device) -> Callable[[], Bench]:
            # The GPU's own replica waits there, its memory kept.
            return lambda: self._open_bench(device, open_instruments(device, among_own=True))

        return ReplicaThreads(devices, [lambda: bench, *(opener(each) for each in devices[1:])])

    def _measure_links(self, fleet_run: FleetRun) -> None:
        if self.fleet.local_rank == 0:
            for link in measure_links(self.fleet.local_size, fleet_run.run):
                self.journal.append(JournalRow(link=link))
        self.fleet.meet(None)

    def _joined(self) -> Calibration | None:
        """Return everything every replica wrote, on the first replica."""
        rows = self.fleet.meet(self.journal.rows)
        return join_replicas(self.journal.header, rows) if self.fleet.rank == 0 else None

    def _write(self, calibration: Calibration | None) -> None:
        if calibration is None:
            return
        path = self.request.out / f"calibration-{calibration.content_hash[:12]}.json"
        if path.exists():
            _say(f"nothing new; the calibration is in {path}")
            return
        calibration.save(path)
        print_fleets(calibration, Console(width=WIDTH))
        _say(f"{len(calibration.replicas)} replica timings in {path}")


def _say(line: str) -> None:
    print(line, flush=True)  # torchrun passes it through


@record
def main() -> None:
    """Run one replica of the request given as the only argument."""
    request = FleetRequest.parse(json.loads(Path(sys.argv[1]).read_text()), "the fleet's request")
    torch.set_grad_enabled(False)
    # Before anything touches the GPU, joining the fleet too: whoever is seen there is someone else.
    instruments = open_instruments(local_device(request.device))
    fleet = ReplicaGroup(request.device)
    worker = Worker(request, fleet, instruments)
    try:
        worker.run()
    except LostReplicaError:
        time.sleep(LAST_WORDS_S)
        raise
    finally:
        worker.journal.close()
    fleet.close()


if __name__ == "__main__":
    try:
        main()
    except FluxcostError:
        sys.exit(1)  # its sentence is on its way to the launcher, which says it
