"""What of a run's environment moves its timings, named once for all who compare records."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fluxcost.performance.calibration.measuring_run import Environment, MeasuringRun
from fluxcost.performance.calibration.schema import Calibration


def _version_of(package: str) -> Callable[[Environment], str | None]:
    return lambda environment: environment.packages.get(package)


_READ: dict[str, Callable[[Environment], str | float | None]] = {
    "gpu": lambda environment: environment.gpu_name,
    "power_limit_w": lambda environment: environment.power_limit_w,
    "driver": lambda environment: environment.driver,
    "cpu": lambda environment: environment.cpu_model,
    "cpu_cores": lambda environment: environment.cpu_cores,
    "torch": _version_of("torch"),
    "diffusers": _version_of("diffusers"),
    "transformers": _version_of("transformers"),
    "weights": lambda environment: environment.weights,
}

CONDITIONS = tuple(_READ)
"""Names of the conditions, hardware first."""


def conditions(calibration: Calibration) -> dict[str, str]:
    """Return what the runs with cells say of each condition; empty where none says anything.

    Runs that differ are listed together, in a stable order.
    """
    used = {cell.run for cell in calibration.ok_cells}
    return conditions_of([run for run in calibration.runs if run.id in used])


def conditions_of(runs: Iterable[MeasuringRun]) -> dict[str, str]:
    """Return what some runs say of each condition, as `conditions` does."""
    environments = [run.environment for run in runs]
    return {
        name: ", ".join(sorted({str(read(each)) for each in environments} - {"None"}))
        for name, read in _READ.items()
    }
