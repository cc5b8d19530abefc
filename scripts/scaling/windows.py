"""What the tables of several GPUs share: hosts, and windows of replicas at once."""

from __future__ import annotations

from collections.abc import Iterable

from fluxcost.estimate import Estimate
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.scaling.replica_windows import ReplicaWindow, ReplicaWindows
from measure.replicas.scaling_report import losses


class Hosts:
    """The hosts that runs were on, told apart by their GPUs and cores."""

    def __init__(self, records: Iterable[Calibration]) -> None:
        self._on = {run.id: run.environment for record in records for run in record.runs}

    def name(self, run: str) -> str:
        """Return what a run's host has."""
        return f"{self._on[run].gpu_count} GPUs, {self.cores(run)} cores"

    def cores(self, run: str) -> int:
        """Return the CPU cores of a run's host."""
        return self._on[run].cpu_cores


def at_once(fleets: ReplicaWindows) -> list[ReplicaWindow]:
    """Return the windows of several processes with all cores, by call, replicas and host."""
    found = [
        each
        for each in fleets.windows
        if len(each.parts) > 1 and each.cores is None and not each.in_one_process
    ]
    return sorted(found, key=lambda each: (each.asked, len(each.parts), each.launch))


def place(stack: str, window: ReplicaWindow, hosts: Hosts) -> tuple[str, ...]:
    """Return a window's stack, call, host and GPUs at once, as cells of a table."""
    return f"`{stack}`", call_of(window), hosts.name(window.run), str(len(window.parts))


def call_of(window: ReplicaWindow) -> str:
    """Return a window's call, as the tables name it."""
    shape, batch = window.asked
    return f"{shape}, batch {batch}"


def stages(fleets: ReplicaWindows, window: ReplicaWindow) -> tuple[str, ...]:
    """Return the milliseconds each stage lost, as cells of a table."""
    return tuple(f"{1000 * lost:+.1f}" for lost in losses(fleets, window))


def alone(fleets: ReplicaWindows, window: ReplicaWindow) -> float:
    """Return images a second of the same GPUs alone, summed."""
    return sum(each.batch * len(each.seeds) / each.elapsed_s for each in fleets.solos(window))


def one_start(fleets: ReplicaWindows, window: ReplicaWindow) -> bool:
    """Tell whether a window and its GPUs alone were timed in one start."""
    return all(part.window.startswith(f"{window.launch}/") for part in fleets.solos(window))


def efficiency(fleets: ReplicaWindows, window: ReplicaWindow) -> Estimate:
    """Return what a window made over what its GPUs make alone."""
    found = fleets.efficiency(window)
    assert found is not None  # noqa: S101 - every window together was timed alone too
    return found
