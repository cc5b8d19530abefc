"""Does a calibration still hold on this machine? Informative cells, measured again and judged.

Every parameter of every stage's formula may have changed: launches with the CPU, products with the
clocks, decoding with a library's kernels. Each is assumed to have changed by about a tenth. A cell
is informative about the parameters its time depends on; the next one is chosen for the uncertainty
that the ones before left.

The calibration holds where both are true:

- 1 lies in the 90 % interval of the geometric mean of measured over stated;
- no more cells lie outside their own 90 % interval than chance puts there in nine checks of ten.

Intervals are the calibration's, which include between-run effects, with the sampling error of the
new cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from rich.console import Console
from rich.table import Table

from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import LEVEL, Estimate, Source, derive
from fluxcost.performance.calibration.conditions import CONDITIONS, conditions
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.noise.sampling import median_sigma
from fluxcost.performance.observations import fitted_cells
from measure.adaptive.information_gain import cell_noise, stage_shares
from measure.bench import Bench, open_bench, open_instruments
from measure.calibration_comparison import geometric_mean
from measure.campaign import describe_run
from measure.campaign_runner import device_of
from measure.environment import describe_gpu
from measure.forecast import seconds_of_cell
from measure.pipelines.blueprint import load_blueprint
from measure.protocol import measure_cell
from measure.stacks import recipe
from measure.suites import Point, Protocol

CHANGE_SOUGHT = 0.1
"""Relative change taken as likely of each parameter; two runs of one H200 differed by as much."""


def most_informative_points(fitted: Fit, protocol: Protocol, count: int) -> tuple[Point, ...]:
    """Return measured points, most telling per second first.

    Args:
        fitted: Of the calibration.
        protocol: How long a cell takes.
        count: How many.

    Raises:
        InputError: count is below 2, or more than the calibration's cells.
        MissingDataError: The calibration has no samples.
    """
    cells = fitted_cells(fitted.calibration)
    points = sorted({Point(cell.shape, cell.batch) for cell in cells})
    if not points:
        raise MissingDataError(
            f"{fitted.calibration.alias}: no call was timed stage by stage; check a measured one."
        )
    if not 2 <= count <= len(points):
        raise InputError(f"--cells is {count}; expected 2 to {len(points)}, the cells there are.")
    shares, calls_s = stage_shares(fitted, points)
    pixels = np.array([float(point.shape.pixels) for point in points])
    batch = np.array([float(point.batch) for point in points])
    unsure = np.zeros((len(points), len(points)))
    for stage, process in fitted.times.fits.items():
        slopes = CHANGE_SOUGHT * shares[stage][:, None] * process.slopes(pixels, batch)
        unsure += slopes @ slopes.T
    noise = np.array([cell_noise(fitted, point) for point in points]) ** 2
    seconds = np.array([seconds_of_cell(call_s, protocol) for call_s in calls_s])
    chosen: list[int] = []
    for _ in range(count):
        removed = unsure**2 / (np.diagonal(unsure) + noise)[:, None]
        rates = removed.sum(axis=1) / seconds
        rates[chosen] = -np.inf
        best = int(np.argmax(rates))
        unsure = unsure - np.outer(unsure[best], unsure[best]) / (unsure[best, best] + noise[best])
        chosen.append(best)
    return tuple(points[index] for index in chosen)


PASS_SHARE = 0.9
"""Share of checks of an unchanged machine that this many cells outside must allow."""


@dataclass(frozen=True)
class RemeasuredCell:
    """One cell measured again.

    Attributes:
        label: Shape and batch.
        stated: Median seconds by the calibration.
        measured_s: Median seconds now.
        ratio: Measured over stated.
    """

    label: str
    stated: Estimate
    measured_s: float
    ratio: Estimate

    @property
    def inside(self) -> bool:
        """Whether the interval of the ratio holds 1."""
        return self.ratio.low <= 1 <= self.ratio.high


@dataclass(frozen=True)
class CheckVerdict:
    """Whether a calibration holds.

    Attributes:
        cells: Measured again.
        mean: Geometric mean of the ratios.
        allowed: Cells that may lie outside their interval.
        changed: What differs between the calibration's runs and this one, one sentence each.
        failed: Cells that could not be measured, with the reason.
    """

    cells: tuple[RemeasuredCell, ...]
    mean: Estimate
    allowed: int
    changed: tuple[str, ...]
    failed: tuple[str, ...] = ()

    @property
    def outside(self) -> int:
        """Cells outside their interval."""
        return sum(not cell.inside for cell in self.cells)

    @property
    def holds(self) -> bool:
        """Whether both rules are met and every cell could be measured."""
        within = self.mean.low <= 1 <= self.mean.high
        return within and self.outside <= self.allowed and not self.failed

    def sentence(self, alias: str) -> str:
        """Say the verdict and what it rests on."""
        found = (
            f"calls take {self.mean.value:.3f} times as long as stated "
            f"({self.mean.low:.3f} to {self.mean.high:.3f}), {self.outside} of {len(self.cells)} "
            f"cells outside their interval, at most {self.allowed} allowed"
        )
        if self.failed:
            found += f", {len(self.failed)} not measured"
        if self.holds:
            return f"{alias} holds for this machine: {found}."
        return f"{alias} does not hold for this machine: {found}; measure your own calibration."


def judge(fitted: Fit, again: Calibration) -> CheckVerdict:
    """Compare cells measured again with what a calibration states of them.

    Raises:
        MissingDataError: No cell could be measured.
    """
    cells = tuple(
        _remeasured(fitted, again, index)
        for index, cell in enumerate(again.cells)
        if cell.status == "ok"
    )
    failed = tuple(f"{cell.label}: {cell.reason}" for cell in again.cells if cell.status != "ok")
    if not cells:
        raise MissingDataError(f"no cell could be measured again: {'; '.join(failed)}.")
    mean = geometric_mean(cell.ratio for cell in cells)
    return CheckVerdict(
        cells, mean, _allowed(len(cells)), _changed(fitted.calibration, again), failed
    )


def _remeasured(fitted: Fit, again: Calibration, index: int) -> RemeasuredCell:
    cell = again.cells[index]
    calls_s = np.array(cell.calls_s)
    stated = fitted.latency(cell.shape, cell.batch)
    measured = Estimate.spread(
        float(np.median(calls_s)),
        {f"again/{index}/{cell.label}": median_sigma(calls_s)},
        "s",
        Source.MEASURED,
        f"{cell.label}, measured again",
    )
    ratio = derive(lambda now, then: now / then, measured, stated, unit="")
    return RemeasuredCell(cell.label, stated, measured.value, ratio)


def _allowed(cells: int) -> int:
    """Return the least number outside that chance exceeds in at most one check of ten."""
    miss, total = 1 - LEVEL, 0.0
    for outside in range(cells + 1):
        total += comb(cells, outside) * miss**outside * LEVEL ** (cells - outside)
        if total >= PASS_SHARE - 1e-12:
            return outside
    return cells


def _changed(calibration: Calibration, again: Calibration) -> tuple[str, ...]:
    then, now = conditions(calibration), conditions(again)
    rows = [("stack", calibration.stack.hash, again.stack.hash)]
    rows += [(name, then[name], now[name]) for name in CONDITIONS]
    return tuple(
        f"{name} was {before}, is {after}" for name, before, after in rows if before != after
    )


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


def check_calibration(
    request: CheckRequest, console: Console, protocol: Protocol | None = None
) -> CheckVerdict:
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
    points = most_informative_points(fitted, protocol, request.cells)
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


def _show(fitted: Fit, again: Calibration, console: Console) -> CheckVerdict:
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
