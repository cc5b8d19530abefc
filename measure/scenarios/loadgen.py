"""Runs MLCommons LoadGen with this project's batching rule, and keeps its verdict verbatim.

LoadGen hands queries over from its own thread; images are made in this one, where the stack was
warmed. It must hear of every query, or its run never ends, so a failure in here ends the program.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxcost.capacity.fleet import Batching
from fluxcost.errors import InputError
from fluxcost.validation.scenarios.scenario_record import LoadgenVerdict, Override, Scenario
from measure.batcher import Batcher
from measure.errors import MeasurementError
from measure.scenarios.loaded_replica import LoadedReplica
from measure.scenarios.open_loop import LoadLog

LINE = ":::MLLOG "
KEPT = ("result_", "early_stopping", "effective_", "num_errors")
NANOSECONDS = 1_000_000_000

NAMES: Mapping[Scenario, str] = {
    "single-stream": "SingleStream",
    "multi-stream": "MultiStream",
    "server": "Server",
    "offline": "Offline",
}


@dataclass(frozen=True)
class LoadGenRequest:
    """One run of LoadGen.

    Attributes:
        scenario: Which.
        queries: Least queries; for offline, images of the one query.
        min_s: Least seconds, where that takes more queries.
        call_s: Seconds a call takes, so that LoadGen prepares enough queries.
        images_per_s: Rate the replica can do, likewise.
        rate_per_s: Mean queries a second, for the server.
        within_s: Bound on the server's 99th percentile.
        seed: Of LoadGen's schedule; the same one gives the same arrivals at another rate.
    """

    scenario: Scenario
    queries: int
    min_s: float
    call_s: float
    images_per_s: float
    rate_per_s: float
    within_s: float
    seed: int


def settings_of(asked: LoadGenRequest) -> Any:  # noqa: ANN401 - LoadGen is untyped
    """Return LoadGen's settings for a run."""
    lg = _loadgen()
    settings = lg.TestSettings()
    settings.scenario = getattr(lg.TestScenario, NAMES[asked.scenario])
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_duration_ms = round(asked.min_s * 1000)
    settings.min_query_count = asked.queries
    for name in ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed"):
        setattr(settings, name, asked.seed)
    # Half of what a call takes: LoadGen then prepares more queries than it can need.
    if asked.scenario == "single-stream":
        settings.single_stream_expected_latency_ns = round(asked.call_s / 2 * NANOSECONDS)
    elif asked.scenario == "multi-stream":
        query_s = settings.multi_stream_samples_per_query / asked.images_per_s
        settings.multi_stream_expected_latency_ns = round(query_s / 2 * NANOSECONDS)
    elif asked.scenario == "server":
        settings.server_target_qps = asked.rate_per_s
        settings.server_target_latency_ns = round(asked.within_s * NANOSECONDS)
    else:
        settings.offline_expected_qps = asked.images_per_s
    return settings


def overrides_of(settings: Any) -> tuple[Override, ...]:  # noqa: ANN401 - LoadGen is untyped
    """Return every setting that differs from LoadGen's default, scenario and mode aside."""
    default = _loadgen().TestSettings()
    names = [name for name in dir(settings) if not name.startswith("_")]
    return tuple(
        Override(setting=name, default=str(old), value=str(new))
        for name in names
        if not callable(new := getattr(settings, name)) and name not in {"scenario", "mode"}
        if new != (old := getattr(default, name))
    )


@dataclass
class _QueryQueue:
    """Where LoadGen's thread leaves queries and this one picks up batches."""

    maker: LoadedReplica
    batcher: Batcher[int]
    zero_s: float
    log: LoadLog = field(default_factory=LoadLog)
    ids: list[int] = field(default_factory=list)
    queries: int = 0
    ended: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def issue(self, samples: list[Any]) -> None:
        """Let the images of one query wait."""
        with self.changed:
            now_s = self.now_s()
            for sample in samples:
                image = self.log.arrive(now_s, self.queries)
                self.ids.append(sample.id)
                self.batcher.add(image, self.maker.shape, now_s)
            self.queries += 1
            self.changed.notify()

    def flush(self) -> None:
        """Do nothing: no batch is held back for an end that LoadGen announces."""

    def end(self) -> None:
        """Say that LoadGen is done."""
        with self.changed:
            self.ended = True
            self.changed.notify()

    def next_batch(self) -> tuple[int, ...]:
        """Wait for a batch; return none once LoadGen is done."""
        with self.changed:
            while not (taken := self.batcher.next_batch(now_s := self.now_s())):
                if self.ended:
                    return ()
                ready_s = self.batcher.ready_s()
                self.changed.wait(None if ready_s is None else max(0.0, ready_s - now_s))
            return taken

    def now_s(self) -> float:
        """Return seconds since the run's start; LoadGen's thread must not wait for the device."""
        return time.perf_counter() - self.zero_s


def run_loadgen(
    asked: LoadGenRequest, maker: LoadedReplica, batching: Batching, out: Path
) -> tuple[LoadLog, LoadgenVerdict]:
    """Run one scenario and return the times taken here and LoadGen's verdict.

    Args:
        asked: The run.
        maker: Makes the images; warm.
        batching: How they are joined into calls.
        out: Folder of LoadGen's own logs, made if need be.

    Raises:
        InputError: LoadGen is not installed.
        MeasurementError: It left no result.
    """
    lg = _loadgen()
    settings = settings_of(asked)
    out.mkdir(parents=True, exist_ok=True)
    logs = lg.LogSettings()
    logs.log_output = lg.LogOutputSettings()
    logs.log_output.outdir = str(out)
    logs.log_output.copy_summary_to_stdout = False
    logs.enable_trace = False
    desk = _QueryQueue(maker, Batcher(batching), zero_s=time.perf_counter())
    under_test = lg.ConstructSUT(desk.issue, desk.flush)
    library = lg.ConstructQSL(1, 1, _ignore, _ignore)

    def start() -> None:
        lg.StartTestWithLogSettings(under_test, library, settings, logs)
        desk.end()

    thread = threading.Thread(target=start, name="loadgen", daemon=True)
    thread.start()
    while taken := desk.next_batch():
        desk.log.make(taken, maker, desk.zero_s)
        done = [lg.QuerySampleResponse(desk.ids[image], 0, 0) for image in taken]
        lg.QuerySamplesComplete(done)
    thread.join()
    lg.DestroyQSL(library)
    lg.DestroySUT(under_test)
    return desk.log, read_verdict(out, overrides_of(settings))


def read_verdict(out: Path, overrides: tuple[Override, ...]) -> LoadgenVerdict:
    """Read what LoadGen wrote in its detailed log.

    Raises:
        MeasurementError: There is no verdict in it.
    """
    path = out / "mlperf_log_detail.txt"
    said: dict[str, Any] = {}
    errors: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(LINE):
            continue
        entry = json.loads(line.removeprefix(LINE))
        if entry["key"].startswith("error_"):
            errors.append(f"{entry['key']}: {entry['value']}")
        said[entry["key"]] = entry["value"]
    if "result_validity" not in said:
        raise MeasurementError(f"{path}: LoadGen gave no verdict; its errors: {errors}.")
    kept = {
        key: value
        for key, value in said.items()
        if key.startswith(KEPT) and isinstance(value, str | int | float | bool)
    }
    return LoadgenVerdict(
        validity=said["result_validity"],
        reasons=str(said.get("result_invalid_reason", "")).strip(),
        early_stopping=str(said.get("early_stopping_result", "")).strip(),
        results=kept,
        errors=tuple(errors),
        overrides=overrides,
        version=said["loadgen_version"].strip(),
    )


def refuse_without_loadgen() -> None:
    """Raise InputError if LoadGen is not installed."""
    _loadgen()


def _ignore(samples: list[int]) -> None:
    """Load or unload nothing: the bench has its prompts, all of them the same work."""


def _loadgen() -> Any:  # noqa: ANN401 - LoadGen is untyped
    try:
        import mlperf_loadgen
    except ImportError:
        raise InputError(
            "LoadGen is not installed; run pip install 'fluxcost[scenarios]' for this scenario."
        ) from None
    return mlperf_loadgen
