"""Starts the replicas of this host with torchrun's launcher, and reports why one failed."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import uuid
from pathlib import Path

from rich.console import Console

from fluxcost.errors import InputError
from measure.errors import MeasurementError
from measure.pipelines.blueprint import load_blueprint
from measure.replicas.window_plan import (
    FleetRequest,
    WindowProgress,
    check_fleet_request,
    requested_windows,
)
from measure.suites import asked_suites

TERMINATED = -signal.SIGTERM
"""Exit code of a replica that torchrun stopped because another failed."""


def launch(request: FleetRequest, console: Console) -> None:
    """Run this host's replicas until all are done.

    Raises:
        InputError: Something that does not exist, or that this host does not have.
        MeasurementError: A replica failed or was killed; names it and the reason.
    """
    _check_names(request)
    check_fleet_request(request)
    _check_devices(request)
    request.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fluxcost-fleet-") as folder:
        path = Path(folder) / "request.json"
        path.write_text(json.dumps(request.model_dump(mode="json")), encoding="utf-8")
        _run_workers(request, path)
    console.print(f"journals of the replicas: {request.out}/rank-*")


def show_plan(request: FleetRequest, console: Console) -> None:
    """Print every window of a request and how long they should take, and start nothing."""
    model = load_blueprint(request.model).document.name
    suites = asked_suites(request.suites, request.cells)
    windows = requested_windows(suites, request)
    for window in windows:
        console.print(str(window))
    seconds = WindowProgress(model, suites[0].protocol, windows).expected_s
    long = f"no {model} call was timed yet to tell how long"
    if seconds is not None:
        long = f"about {seconds / 60:.0f} min with all cores, going by the shipped calibration"
    console.print(f"{len(windows)} windows, {long}; build, encoding and links come on top.")


def _check_names(request: FleetRequest) -> None:
    """Find a misspelled name here, in a second, not in every replica."""
    suites = asked_suites(request.suites, request.cells)
    if len({suite.protocol for suite in suites}) > 1:
        raise InputError("the suites ask for different protocols; run them one at a time.")
    load_blueprint(request.model)
    if request.threads and not any(suite.scaling and suite.scaling.threads_at for suite in suites):
        raise InputError("--threads is on and no suite has points of it; name scaling.threads_at.")


def _check_devices(request: FleetRequest) -> None:
    if request.device == "cpu":
        return
    if request.device != "cuda":
        raise InputError(f"--device is {request.device!r} with --gpus; expected cuda or cpu.")
    import torch

    found = torch.cuda.device_count()
    if found < request.replicas_per_host:
        raise InputError(
            f"--gpus asks for {request.replicas_per_host} GPUs on this host; PyTorch sees {found}."
        )


def _run_workers(request: FleetRequest, path: Path) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    several = request.nodes > 1
    config = LaunchConfig(
        min_nodes=request.nodes,
        max_nodes=request.nodes,
        nproc_per_node=request.replicas_per_host,
        run_id="fluxcost" if several else uuid.uuid4().hex,
        # Hosts are numbered by --node-rank, so that a replica finds its own journal again.
        rdzv_backend="static" if several else "c10d",
        rdzv_endpoint=request.rendezvous or "localhost:0",
        rdzv_configs={"rank": request.node_rank, "timeout": 300} if several else {},
        max_restarts=0,
        monitor_interval=0.1,
        local_addr=None if several else "localhost",
    )
    share = max(1, len(os.sched_getaffinity(0)) // request.replicas_per_host)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))
    try:
        elastic_launch(config, sys.executable)(
            *_warning_options(), "-m", "measure.replicas.worker", str(path)
        )
    except ChildFailedError as error:
        raise MeasurementError(_why(error, request)) from None


def _warning_options() -> list[str]:
    """Pass on how this interpreter treats warnings."""
    return [f"-W{option}" for option in sys.warnoptions]


def _why(error: object, request: FleetRequest) -> str:
    """Return one sentence on the replica that failed first."""
    failures = dict(error.failures)  # type: ignore[attr-defined]  # ChildFailedError is untyped
    rank, first = min(
        failures.items(),
        # A replica killed from outside has no last words, so its own time of death is not known;
        # those that died of it come after, however early they wrote theirs.
        key=lambda item: (item[1].exitcode == TERMINATED, item[1].exitcode >= 0, item[1].timestamp),
    )
    if first.exitcode < 0:
        reason = f"was killed by {first.signal_name()}"
    else:
        reason = f"failed: {_last_words(first)}"
    return (
        f"replica {rank} (process {first.pid}) {reason.rstrip('.')}; what was measured is kept in "
        f"{request.out}: run the same command again to go on."
    )


def _last_words(failure: object) -> str:
    """Return the message of the exception that ended a replica, without its traceback."""
    message = failure.error_file_data.get("message")  # type: ignore[attr-defined]  # as above
    if isinstance(message, dict):
        text = str(message.get("message", "no message"))
    else:
        text = str(message or f"exit code {failure.exitcode}")  # type: ignore[attr-defined]  # as above
    return text.removeprefix("MeasurementError: ").removeprefix("LostReplicaError: ")
