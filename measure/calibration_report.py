"""Prints a calibration as tables: cells, stages, ceilings and probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from scipy.stats import binom

from fluxcost.errors import MissingDataError, UnknownNameError
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from measure.cold_starts.cold_start_records import cold_start_table
from measure.endpoint.endpoint_report import print_loads
from measure.probes.sameness import is_lossless
from measure.replicas.scaling_report import print_fleets

NOISY = 0.10
"""Spread (standard deviation over mean) from which a cell is called noisy, as in pyperf."""

SOAK_ENDS = 5
"""Calls at the start and end of a soak that its ratio compares, at least."""


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return a distribution-free interval for the median, from order statistics.

    The r-th smallest and r-th largest of n samples hold the median with probability
    1 - 2 P[Bin(n, 1/2) < r]; r is the largest that reaches `level`, or 1.
    """
    ordered = sorted(values)
    n = len(ordered)
    r = 1
    while r + 1 <= n // 2 and 1 - 2 * binom.cdf(r, n, 0.5) >= level:
        r += 1
    return ordered[r - 1], ordered[n - r]


def print_report(calibration: Calibration, console: Console) -> None:
    """Print every table the calibration has data for."""
    console.print(f"[bold]{calibration.alias}[/]  {calibration.content_hash[:12]}")
    _print_runs(calibration, console)
    console.print(_cell_table(calibration))
    console.print(_stage_table(calibration))
    _print_troubles(calibration, console)
    _print_limits(calibration, console)
    _print_probes(calibration, console)
    print_fleets(calibration, console)
    if calibration.loads:
        print_loads(calibration.loads, console)


def _print_runs(calibration: Calibration, console: Console) -> None:
    for run in calibration.runs:
        e = run.environment
        limit = "" if e.power_limit_w is None else f", limit {e.power_limit_w:.0f} W"
        packages = " ".join(f"{name} {version}" for name, version in e.packages.items())
        console.print(
            f"run {run.id}: {e.gpu_name}{limit}, driver {e.driver}, {e.cpu_model} x {e.cpu_cores}, "
            f"{packages}; weights {e.weights}"
        )


def _cell_table(calibration: Calibration) -> Table:
    table = Table(title="Whole call, seconds")
    for heading in ("cell", "n", "p50", "95% of p50", "p90", "p95", "p99", "spread", "images/s"):
        table.add_column(heading, justify="left" if heading == "cell" else "right")
    for heading in ("peak GiB", "J/image"):
        table.add_column(heading, justify="right")
    for cell in sorted(calibration.ok_cells, key=_size):
        if cell.calls_s:
            table.add_row(cell.label, *_timing_row(cell), *_resource_row(cell))
        elif cell.reported_latency_s:
            rate = cell.batch / cell.reported_latency_s
            table.add_row(
                cell.label, "-", f"{cell.reported_latency_s:.3f}", *["-"] * 5, f"{rate:.2f}"
            )
    return table


def _timing_row(cell: Cell) -> list[str]:
    wall = np.array(cell.calls_s)
    low, high = median_interval(cell.calls_s)
    p50, p90, p95, p99 = np.percentile(wall, [50, 90, 95, 99])
    spread = wall.std(ddof=1) / wall.mean() if len(wall) > 1 else 0.0
    return [
        str(len(wall)),
        f"{p50:.4f}",
        f"{low:.4f}-{high:.4f}",
        *(f"{value:.4f}" for value in (p90, p95, p99)),
        f"{spread:.1%}",
        f"{cell.batch / wall.mean():.3f}",
    ]


def _resource_row(cell: Cell) -> list[str]:
    peak = cell.memory.allocated_gib if cell.memory else None
    energy = cell.energy
    joules = energy.joules / energy.calls / cell.batch if energy else None
    return [
        "-" if peak is None else f"{peak:.2f}",
        "-" if joules is None else f"{joules:.0f}",
    ]


def _stage_table(calibration: Calibration) -> Table:
    table = Table(title="Stages, median milliseconds; a step over its floors, fastest in brackets")
    floors = _StepFloors(calibration)
    stages = ("text encode", "denoise step", "first step", "VAE decode", "host")
    for heading in ("cell", *stages, "/ datasheet", "/ ceilings"):
        table.add_column(heading, justify="left" if heading == "cell" else "right")
    for cell in sorted(calibration.ok_cells, key=_size):
        if (samples := cell.samples) is None:
            continue
        steps = np.array(samples.denoise_step_s)
        columns = (
            np.array(samples.text_encode_s),
            np.median(steps, axis=1),
            steps[:, 0],
            np.array(samples.vae_decode_s),
            np.array(samples.host_s),
        )
        medians = (f"{np.median(column) * 1000:.1f}" for column in columns)
        table.add_row(cell.label, *medians, *floors.ratios(cell, steps))
    return table


class _StepFloors:
    """How many times its floor a denoise step takes, at the datasheet's rates and the run's own."""

    def __init__(self, calibration: Calibration) -> None:
        try:
            self._fit: Fit | None = fit(calibration)
        except UnknownNameError:
            self._fit = None  # an architecture of the user's own, whose file is not at hand

    def ratios(self, cell: Cell, steps_s: npt.NDArray[np.float64]) -> list[str]:
        """Return 'median (fastest)' over both floors, '-' where one is not known."""
        return [self._ratio(cell, steps_s, "peak"), self._ratio(cell, steps_s, "ceilings")]

    def _ratio(
        self, cell: Cell, steps_s: npt.NDArray[np.float64], basis: Literal["peak", "ceilings"]
    ) -> str:
        if self._fit is None:
            return "-"
        try:
            floor_s = self._fit.floor(cell.shape, cell.batch, basis).denoise_step_s
        except MissingDataError:
            return "-"
        return f"{np.median(steps_s) / floor_s:.2f} ({steps_s.min() / floor_s:.2f})"


def _print_troubles(calibration: Calibration, console: Console) -> None:
    """Say in plain words what a reader should distrust."""
    for cell in calibration.cells:
        if cell.status != "ok":
            console.print(f"[yellow]{cell.label}: {cell.status}: {cell.reason}[/]")
            continue
        if not cell.stable:
            console.print(f"[yellow]{cell.label}: never became stable while warming up[/]")
        if cell.samples and len(cell.samples.wall_s) > 1:
            wall = np.array(cell.samples.wall_s)
            if (spread := wall.std(ddof=1) / wall.mean()) > NOISY:
                console.print(
                    f"[yellow]{cell.label}: spread {spread:.0%}; measure on a quieter machine[/]"
                )


def _print_probes(calibration: Calibration, console: Console) -> None:
    for soak in calibration.soaks:
        wall = np.array(soak.wall_s)
        part = max(len(wall) // 10, SOAK_ENDS)
        ratio = np.median(wall[:part]) / np.median(wall[-part:])
        console.print(
            f"soak {soak.width}x{soak.height} batch {soak.batch}: {len(wall)} calls in "
            f"{wall.sum():.0f} s, sustained/burst speed {ratio:.3f}"
        )
    for line in calibration.pipelined:
        console.print(
            f"without a pause, {line.width}x{line.height}, {line.steps} steps, batch {line.batch}: "
            f"{line.images_per_s:.3f} images/s over {line.done_s[-1]:.0f} s"
        )
    for scale in calibration.weight_scales:
        console.print(
            f"weights x {scale.scale:g}: {np.median(scale.wall_s):.4f} s at "
            f"{scale.width}x{scale.height}, {scale.steps} steps"
        )
    for same in calibration.sameness:
        console.print(
            f"picture at {same.width}x{same.height}, {same.steps} steps: {same.error:.3%} from "
            f"float32, eager bfloat16 {same.eager_error:.3%}: "
            f"{'lossless' if is_lossless(same) else 'lossy'}"
        )
        for fault, error in same.planted_errors.items():
            console.print(f"  with an injected fault, {fault}: {error:.3%}")
        if same.latent_error is not None and same.eager_latent_error is not None:
            console.print(
                f"  latents: {same.latent_error:.3%}, eager bfloat16 {same.eager_latent_error:.3%}"
            )
    for run in calibration.runs:
        if run.cold_start:
            console.print(cold_start_table(calibration.stack.alias, run.cold_start))
    _print_ceilings(calibration, console)


def _print_limits(calibration: Calibration, console: Console) -> None:
    """Say where memory ran out, and where an adaptive calibration did."""
    for edge in calibration.memory_edges:
        refused = edge.smallest_refused
        limit = "every batch tried ran" if refused is None else f"{refused} did not"
        console.print(f"memory at {edge.width}x{edge.height}: batch {edge.largest} ran, {limit}")
    for end in calibration.adaptive_stops:
        bill = "" if end.usd is None else f", ${end.usd:.2f}"
        console.print(
            f"adaptive calibration to {end.target_error:.1%}: stopped by {end.stop} after "
            f"{end.cells} cells, {end.minutes:.1f} min of timed calls{bill}"
        )


def _print_ceilings(calibration: Calibration, console: Console) -> None:
    table = Table(title="Ceilings")
    for heading in ("what", "size", "rate"):
        table.add_column(heading)
    for run in calibration.runs:
        if (ceilings := run.ceilings) is None:
            continue
        for m in ceilings.matmul:
            size = f"{m.rows} x {m.inner} x {m.columns}"
            table.add_row("matrix product", size, f"{m.tflop_per_s:.1f} TFLOP/s")
        for a in ceilings.attention:
            table.add_row(
                f"attention {a.backend}", f"{a.tokens} tokens", f"{a.tflop_per_s:.1f} TFLOP/s"
            )
        if ceilings.copy_gb_per_s is not None:
            table.add_row("copy", "", f"{ceilings.copy_gb_per_s:.0f} GB/s")
        if ceilings.launches_per_s is not None:
            table.add_row("launches", "", f"{ceilings.launches_per_s:.0f} /s")
    console.print(table)


def _size(cell: Cell) -> tuple[int, int, int]:
    return cell.width * cell.height, cell.batch, cell.steps
