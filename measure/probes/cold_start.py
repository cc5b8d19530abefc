"""From nothing to the first image: build, load with a cold and a warm page cache, first call."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from fluxcost.performance.calibration import ColdStart
from measure.bench import Bench
from measure.pipelines.families import load
from measure.pipelines.parts import networks
from measure.suites import Point
from measure.telemetry import GIB

_SPARE = 1.2
"""Disk room asked for, over the file's size."""


def time_first_call(bench: Bench, point: Point) -> float:
    """Return the wall seconds of the process's first call, kernels loading on the way."""
    return bench.time_call(point).wall_s


def measure_cold_start(bench: Bench, first_call_s: float, scratch: Path, name: str) -> ColdStart:
    """Save the pipeline once, load it with a cold and a warm page cache, and remove the file.

    Args:
        bench: The pipeline to save.
        first_call_s: From `time_first_call`, taken before anything else ran.
        scratch: A folder with room for the weights; where it lacks room, only build and first call
            are recorded.
        name: Of the folder made there, the campaign's own: what a killed start of the same campaign
            left under it, as large as the weights, is removed first.
    """
    folder = scratch / name
    shutil.rmtree(folder, ignore_errors=True)
    size = _weight_bytes(bench)
    if shutil.disk_usage(scratch).free < _SPARE * size:
        return ColdStart(build_s=bench.build_s, first_call_s=first_call_s)
    try:
        started_s = time.perf_counter()
        bench.pipeline.save_pretrained(folder, safe_serialization=True)
        _flush(folder)
        save_s = time.perf_counter() - started_s
        _drop_from_page_cache(folder)
        return ColdStart(
            build_s=bench.build_s,
            first_call_s=first_call_s,
            save_s=save_s,
            file_gib=sum(file.stat().st_size for file in _files(folder)) / GIB,
            load_cold_cache_s=_load_s(bench, folder),
            load_warm_cache_s=_load_s(bench, folder),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _load_s(bench: Bench, folder: Path) -> float:
    started_s = bench.clock.now_s()
    load(bench.blueprint.document.family, str(folder), bench.device, bench.recipe.dtype)
    return bench.clock.now_s() - started_s


def _weight_bytes(bench: Bench) -> int:
    modules = networks(bench.pipeline)
    return sum(p.numel() * p.element_size() for module in modules for p in module.parameters())


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _flush(folder: Path) -> None:
    for path in _files(folder):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def _drop_from_page_cache(folder: Path) -> None:
    """Ask the kernel to forget these files; needs no privilege, since they are clean."""
    for path in _files(folder):
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
