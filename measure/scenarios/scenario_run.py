"""Runs scenarios: one build of the model, then every scenario asked for, in order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from fluxcost.capacity.fleet import Batching
from fluxcost.errors import InputError
from fluxcost.validation.scenarios.scenario_record import (
    LoadedRun,
    Scenario,
    ScenarioRecord,
    WarmCalls,
)
from fluxcost.workload.shape import Shape
from measure.batcher import parse_batch_sizes
from measure.bench import open_bench, open_instruments
from measure.campaign import describe_run
from measure.campaign_runner import device_of
from measure.environment import describe_gpu
from measure.pipelines.blueprint import load_blueprint
from measure.scenarios.configuration_run import ConfigurationRun, is_within_bound
from measure.scenarios.loaded_replica import BenchReplica, capacity_per_s
from measure.scenarios.loadgen import refuse_without_loadgen
from measure.scenarios.scenario_configs import EARLY_STOPPING, SCENARIOS, Config
from measure.stacks import recipe
from measure.suites import Point, Protocol

PERCENTILES = (50, 90, 99)


def run_line(run: LoadedRun) -> str:
    """Return one line on a finished run."""
    verdict = f", LoadGen: {run.loadgen.validity}" if run.loadgen else ""
    slow = ", ".join(f"p{each} {_percentile(run, each):.3f} s" for each in PERCENTILES)
    made = f"{run.response_s.size} queries, {run.throughput_per_s:.2f} images/s"
    return f"{run.name}: {made}, {slow}{verdict}"


def print_results(record: ScenarioRecord, console: Console) -> None:
    """Print LoadGen's verdicts with every setting that is not its default."""
    runs = [run for run in record.runs if run.loadgen and not run.searching]
    if not runs:
        return
    table = Table(title="MLPerf-style, no MLPerf result")
    for heading in ("scenario", "shape", "queries", "images/s", *(f"p{p} s" for p in PERCENTILES)):
        table.add_column(heading)
    table.add_column("LoadGen")
    for run in runs:
        table.add_row(*_row(run))
    console.print(table)
    for run in runs:
        for line in _verdict_lines(run):
            console.print(line, highlight=False)


def _row(run: LoadedRun) -> Sequence[str]:
    slow = (f"{_percentile(run, each):.3f}" for each in PERCENTILES)
    held = "held" if is_within_bound(run) else "not held"
    bound = "" if run.within_s is None else f" (p99 within {run.within_s:g} s: {held})"
    assert run.loadgen is not None  # noqa: S101 - asked only of LoadGen's runs
    queries = str(run.response_s.size)
    rate = f"{run.throughput_per_s:.2f}"
    return run.name + bound, str(run.shape), queries, rate, *slow, run.loadgen.validity


def _verdict_lines(run: LoadedRun) -> list[str]:
    said = run.loadgen
    assert said is not None  # noqa: S101 - asked only of LoadGen's runs
    needed = EARLY_STOPPING.get(run.scenario, 0)
    queries = run.response_s.size
    changed = "; ".join(
        f"{each.setting} {each.value} (default {each.default})" for each in said.overrides
    )
    lines = [f"{run.name}: {said.validity}. {said.early_stopping} {said.reasons}".rstrip()]
    if queries < needed:
        lines.append(f"  shortened: {queries} queries of the {needed} that early stopping needs")
    lines += [f"  {error}" for error in said.errors]
    return [*lines, f"  LoadGen {said.version}, settings changed: {changed}"]


def _percentile(run: LoadedRun, percentile: int) -> float:
    return float(np.percentile(run.response_s, percentile, method="inverted_cdf"))


WARM = Protocol()
"""When a size is warm."""


@dataclass(frozen=True)
class ScenarioRequest:
    """What the command line asked for.

    Attributes:
        scenarios: Which, in any order.
        configs: Shapes and lengths.
        out: Folder of the record.
        logs: Where LoadGen's own logs are kept; None if they are not.
        model: Name or architecture file.
        stack: Its alias.
        weights: A checkpoint; None for synthetic ones.
        device: cuda, cuda:N or cpu.
        seed: Of weights and arrivals.
        batching: The rule where batching is dynamic.
        batch_sizes: Images a call may make, such as "1,2,4"; None for the stack's default.
        loads: Of the load scenario.
        seconds: Of arrivals in each of its runs.
        warm_calls: Timed calls of each size, before the runs and again after those at loads, since
            a machine that drifts would be told by neither alone.
        min_s: Least seconds of a LoadGen run.
    """

    scenarios: tuple[Scenario, ...]
    configs: tuple[Config, ...]
    out: Path
    logs: Path | None
    model: str
    stack: str
    weights: str | None
    device: str
    seed: int
    batching: Batching
    batch_sizes: str | None
    loads: tuple[float, ...]
    seconds: float
    warm_calls: int
    min_s: float


@dataclass
class RecordInProgress:
    """The record in the making, on disk after everything that is added to it."""

    head: dict[str, Any]
    path: Path
    tell: Callable[[str], None]
    warm_calls: dict[tuple[Shape, int], WarmCalls] = field(default_factory=dict)
    runs: list[LoadedRun] = field(default_factory=list)

    def add_warm_calls(self, warm: tuple[WarmCalls, ...]) -> None:
        """Add warm calls, to those of the same shape and size if there are any."""
        for each in warm:
            earlier = self.warm_calls.get((each.shape, each.size))
            walls = (*(earlier.wall_s if earlier else ()), *each.wall_s)
            self.warm_calls[each.shape, each.size] = each.model_copy(update={"wall_s": walls})
        self.record().write(self.path)

    def add(self, run: LoadedRun) -> None:
        """Add a finished run."""
        self.runs.append(run)
        self.record().write(self.path)
        self.tell(run_line(run))

    def record(self) -> ScenarioRecord:
        """Return the record of what was added."""
        warm = tuple(self.warm_calls.values())
        return ScenarioRecord(**self.head, warm_calls=warm, runs=tuple(self.runs))


def run_scenarios(request: ScenarioRequest, console: Console) -> Path:
    """Measure every scenario asked for and return the path of the record.

    Every finished run is in the record at once: a run that is stopped loses the one in flight.

    Raises:
        InputError: A model, stack or device that does not exist, or LoadGen is not installed.
        MeasurementError: The GPU is not idle, or the weights do not behave.
    """
    if request.scenarios != ("load",):
        refuse_without_loadgen()
    blueprint = load_blueprint(request.model)
    device = device_of(request.device)
    chosen = recipe(request.stack, device, blueprint.document.family)
    most = request.batching.max_batch
    sizes = parse_batch_sizes(request.batch_sizes, most, compiles=chosen.compiles)
    instruments = open_instruments(device)
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out is {request.out}: {error.strerror}; give a folder.") from None
    bench = open_bench(blueprint, chosen, device, instruments, request.weights, request.seed)
    console.print(f"built in {bench.build_s:.0f} s")
    run = describe_run(bench)
    head = {
        "gpu": describe_gpu(device),
        "model": blueprint.document.name,
        "stack": chosen.stack,
        "run": run,
    }
    book = RecordInProgress(head, request.out / f"scenarios-{run.id}.json", console.print)
    with tempfile.TemporaryDirectory(prefix="fluxcost-loadgen-") as passing:
        logs = request.logs or Path(passing)
        for config in request.configs:
            _run_config(request, config, BenchReplica(bench, config.shape, sizes), book, logs)
    print_results(book.record(), console)
    console.print(f"{len(book.runs)} runs in {book.path}")
    return book.path


def _run_config(
    request: ScenarioRequest,
    config: Config,
    maker: BenchReplica,
    book: RecordInProgress,
    logs: Path,
) -> None:
    bench = maker.bench
    bench.release()  # what was recorded for the configuration before
    bench.check(Point(config.shape, maker.sizes[0]))
    maker.warm_up(WARM, book.tell)
    warm = maker.warm_calls(request.warm_calls)
    book.add_warm_calls(warm)
    most = capacity_per_s(warm, request.batching)
    book.tell(
        f"{config.name}: {config.shape}, at most {most:.2f} images/s with {request.batching}, "
        f"{capacity_per_s(warm, Batching()):.2f} without"
    )
    session = ConfigurationRun(
        config=config,
        maker=maker,
        warm=warm,
        batching=request.batching,
        instruments=bench.instruments,
        logs=logs,
        seed=request.seed,
        min_s=request.min_s,
        keep=book.add,
    )
    for scenario in SCENARIOS:
        if scenario not in request.scenarios:
            continue
        if scenario == "load":
            session.run_loads(request.loads, request.seconds)
            book.add_warm_calls(maker.warm_calls(request.warm_calls))
        else:
            session.run_loadgen(scenario)


def loads_of(text: str) -> tuple[float, ...]:
    """Return loads from the command line.

    Raises:
        InputError: Not positive numbers up to 3.
    """
    try:
        loads = tuple(float(each) for each in text.split(","))
    except ValueError:
        loads = ()
    if not loads or any(not 0 < load <= 3 for load in loads) or len(set(loads)) < len(loads):
        raise InputError(
            f"--loads is {text!r}; expected different numbers above 0 and up to 3, such as "
            "0.5,0.85,1.1."
        )
    return loads
