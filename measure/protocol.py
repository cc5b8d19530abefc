"""The measuring protocol of one cell.

    |  warm-up: calls until two windows agree  | samples: >= n and >= seconds |
    ^ caches emptied, state read                ^ energy counter read       ^ read again, state read

A cell is warm when it says so, not after a fixed count: allocator, kernel selection and clocks
settle at their own pace. Warm-up calls are kept and never pooled. All samples are kept.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import torch

from fluxcost.performance.calibration.measured_cell import Cell, Energy, Memory, Samples, Telemetry
from measure.bench import Bench, TimedCall
from measure.suites import Point, Protocol
from measure.telemetry import GIB


def measure_cell(
    bench: Bench, point: Point, protocol: Protocol, *, run: str, order: int, suites: tuple[str, ...]
) -> Cell:
    """Measure one cell; running out of memory or failing is a cell with its reason, not an end.

    Raises:
        KeyboardInterrupt: Passed through; nothing is recorded for the cell in flight.
    """
    head = _head(point, run) | {
        "reference_images": point.shape.reference_images,
        "order": order,
        "suites": suites,
    }
    _free(bench)
    before = bench.instruments.snapshot()
    try:
        warmup = warm_up(bench, point, protocol)
        taken = take_samples(bench, point, protocol)
    except Exception as error:  # whatever a call raises is this cell's result
        _free(bench)
        return Cell(**head, **_why_not(error), before=before)
    return Cell(
        **head,
        warmup_s=tuple(_rounded(each) for each in warmup.calls_s),
        stable=warmup.stable,
        samples=sample_columns(taken.samples),
        memory=_memory(bench),
        energy=taken.energy,
        before=before,
        during=tuple(taken.telemetry),
        after=bench.instruments.snapshot(),
    )


def try_call(bench: Bench, point: Point, *, run: str) -> Cell:
    """Make one call from an empty cache: does it run, and what memory does it take?

    Its time is that of a first call, which loads kernels, and stands for no other.
    """
    head = _head(point, run)
    _free(bench)
    before = bench.instruments.snapshot()
    try:
        sample = bench.time_call(point)
    except Exception as error:  # whatever a call raises is this cell's result
        return Cell(**head, **_why_not(error), before=before)
    return Cell(
        **head, stable=False, samples=sample_columns([sample]), memory=_memory(bench), before=before
    )


@dataclass
class WarmUp:
    """Calls made before a cell was stable."""

    calls_s: list[float] = field(default_factory=list)
    stable: bool = False


def warm_up(bench: Bench, point: Point, protocol: Protocol) -> WarmUp:
    """Call until the last window's median agrees with the window before, or a limit is reached.

    The first call may compile for minutes; the time limit starts after it.
    """
    result = WarmUp([bench.time_call(point).wall_s])
    started_s = time.perf_counter()
    while not result.stable:
        result.calls_s.append(bench.time_call(point).wall_s)
        slow = result.calls_s[-1] > protocol.slow_call_s
        result.stable = is_stable(
            result.calls_s, 1 if slow else protocol.window, protocol.tolerance
        )
        spent_s = time.perf_counter() - started_s
        if len(result.calls_s) >= protocol.max_warmup_calls or spent_s > protocol.max_warmup_s:
            break
    return result


def is_stable(calls_s: list[float], window: int, tolerance: float) -> bool:
    """Say whether the median of the last window is within tolerance of the window before."""
    if len(calls_s) < 2 * window:
        return False
    last = statistics.median(calls_s[-window:])
    before = statistics.median(calls_s[-2 * window : -window])
    return abs(last - before) <= tolerance * before


@dataclass
class TimedSamples:
    """Samples of a warm cell, with the device's state after each and the energy of the window."""

    samples: list[TimedCall] = field(default_factory=list)
    telemetry: list[Telemetry] = field(default_factory=list)
    energy: Energy | None = None


def take_samples(bench: Bench, point: Point, protocol: Protocol) -> TimedSamples:
    """Time calls back to back until there are enough of them and they lasted long enough."""
    taken = TimedSamples()
    bench.clock.now_s()
    start_j = bench.instruments.energy_j()
    start_s = time.perf_counter()
    while not _enough(taken.samples, protocol):
        taken.samples.append(bench.time_call(point))
        taken.telemetry.append(bench.instruments.snapshot())
    window_s = time.perf_counter() - start_s
    end_j = bench.instruments.energy_j()
    if start_j is not None and end_j is not None and window_s >= protocol.energy_window_s:
        taken.energy = Energy(joules=end_j - start_j, window_s=window_s, calls=len(taken.samples))
    return taken


def _enough(samples: list[TimedCall], protocol: Protocol) -> bool:
    if len(samples) < protocol.min_samples_slow:
        return False
    slow = statistics.median(sample.wall_s for sample in samples) > protocol.slow_call_s
    if len(samples) < (protocol.min_samples_slow if slow else protocol.min_samples):
        return False
    return sum(sample.wall_s for sample in samples) >= protocol.min_duration_s


def sample_columns(samples: list[TimedCall]) -> Samples:
    """Turn samples into columns, to the microsecond the clocks are good for."""
    return Samples(
        wall_s=tuple(_rounded(each.wall_s) for each in samples),
        text_encode_s=tuple(_rounded(each.spans.text_encode_s) for each in samples),
        denoise_step_s=tuple(
            tuple(_rounded(step) for step in each.spans.denoise_step_s) for each in samples
        ),
        vae_decode_s=tuple(_rounded(each.spans.vae_decode_s) for each in samples),
        reference_encode_s=tuple(
            _rounded(each.spans.reference_encode_s)
            for each in samples
            if each.spans.reference_encode_s
        ),
    )


def _rounded(seconds: float) -> float:
    return round(seconds, 6)


def _memory(bench: Bench) -> Memory | None:
    """Return the peaks since `_free`; the allocator keeps what it took, so NVML shows its peak."""
    if not bench.clock.is_cuda:
        return None
    return Memory(
        allocated_gib=torch.cuda.max_memory_allocated(bench.device) / GIB,
        reserved_gib=torch.cuda.max_memory_reserved(bench.device) / GIB,
        device_gib=bench.instruments.used_gib(),
    )


def _free(bench: Bench) -> None:
    """Start the cell from an empty cache, so that its peak is its own."""
    bench.release()
    gc.collect()
    if bench.clock.is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(bench.device)


def _head(point: Point, run: str) -> dict[str, Any]:
    shape = point.shape
    return {
        "width": shape.width,
        "height": shape.height,
        "steps": shape.steps,
        "batch": point.batch,
        "run": run,
    }


def _why_not(error: Exception) -> dict[str, Any]:
    """Return the status and reason of a cell whose call raised."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return {"status": "out_of_memory", "reason": _one_line(error)}
    return {"status": "failed", "reason": f"{type(error).__name__}: {_one_line(error)}"}


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or "no message"
