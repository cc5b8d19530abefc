"""Runs a check: from a request on the command line to a verdict on the console."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from fluxcost.errors import InputError
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.library import load_calibration
from measure.bench import Bench, open_bench, open_instruments
from measure.blueprint import load_blueprint
from measure.campaign import describe_run
from measure.check.choice import telling_points
from measure.check.verdict import Verdict, judge
from measure.environment import describe_gpu
from measure.protocol import measure_cell
from measure.runner import device_of
from measure.stacks import recipe
from measure.suites import Point, Protocol


@dataclass(frozen=True)
class CheckRequest:
    """What the command line asked for.

    Attributes:
        calibration: Alias or file; None for the shipped one of this GPU, model and stack.
        model: Model name or architecture file.
        stack: Alias of the stack.
        weights: Checkpoint; None for synthetic ones.
        device: cuda, cuda:N or cpu.
        cells: How many to measure.
        seed: Of weights and latents.
    """

    calibration: str | None
    model: str
    stack: str
    weights: str | None
    device: str
    cells: int
    seed: int


def check(request: CheckRequest, console: Console, protocol: Protocol | None = None) -> Verdict:
    """Measure a handful of cells again and say whether the calibration holds.

    Raises:
        InputError: The calibration is of another GPU, model or stack.
        UnknownNameError: No such calibration, or none ships for this GPU, model and stack.
        MissingDataError: The calibration has no samples, or no cell could be measured.
        MeasurementError: The GPU is not idle, or the weights do not behave.
    """
    device = device_of(request.device)
    blueprint = load_blueprint(request.model)
    name = blueprint.document.name
    gpu = describe_gpu(device)
    calibration = load_calibration(request.calibration or f"{gpu.key}/{name}/{request.stack}")
    there = (calibration.gpu.key, calibration.model, calibration.stack.alias)
    if there != (gpu.key, name, request.stack):
        raise InputError(
            f"{calibration.alias} is of another GPU, model or stack than "
            f"{gpu.key}/{name}/{request.stack}; give one of the same."
        )
    fitted = fit(calibration, architecture=blueprint.architecture)
    protocol = protocol or Protocol()
    points = telling_points(fitted, protocol, request.cells)
    instruments = open_instruments(device)
    chosen = recipe(request.stack, device, blueprint.document.family)
    bench = open_bench(blueprint, chosen, device, instruments, request.weights, request.seed)
    again = _measure(bench, calibration, points, protocol, console)
    return _show(fitted, again, console)


def _measure(
    bench: Bench,
    calibration: Calibration,
    points: tuple[Point, ...],
    protocol: Protocol,
    console: Console,
) -> Calibration:
    """Return the points measured now, as a record."""
    bench.check(min(points))
    run = describe_run(bench)
    cells = []
    for order, point in enumerate(points):
        console.print(f"measuring {point}")
        bench.instruments.refuse_company()
        cells.append(
            measure_cell(bench, point, protocol, run=run.id, order=order, suites=("check",))
        )
    return Calibration(
        gpu=calibration.gpu,
        model=calibration.model,
        stack=bench.recipe.stack,
        runs=(run,),
        cells=tuple(cells),
    )


def _show(fitted: Fit, again: Calibration, console: Console) -> Verdict:
    verdict = judge(fitted, again)
    table = Table("cell", "stated s", "measured s", "measured / stated", "inside its interval")
    for cell in verdict.cells:
        ratio = f"{cell.ratio.value:.3f} ({cell.ratio.low:.3f}-{cell.ratio.high:.3f})"
        seconds = (f"{each:.4f}" for each in (cell.stated.value, cell.measured_s))
        table.add_row(cell.label, *seconds, ratio, "yes" if cell.inside else "no")
    console.print(table)
    for line in (*verdict.failed, *verdict.changed):
        console.print(line)
    console.print(verdict.sentence(fitted.calibration.alias))
    return verdict
