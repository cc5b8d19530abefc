"""The process of a cold start: python -m measure.cold_starts.cold_start_process TASK ANSWER.

Both are JSON files. Nothing that a server would not import is imported before the first image.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch

from fluxcost.errors import FluxcostError, InputError
from fluxcost.performance.calibration.measuring_run import FirstCalls, ProcessStart
from measure.bench import Bench, open_instruments
from measure.cold_starts.cold_start_records import (
    ColdStartAnswer,
    ColdStartTask,
    SavedWeights,
    SaveWeightsTask,
    TaskFile,
)
from measure.environment import describe_environment, describe_gpu
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.components import networks
from measure.pipelines.families import build, load, pipeline_class
from measure.stacks import recipe
from measure.stage_timing import Clock
from measure.suites import Quadruple, point
from measure.telemetry import GIB

MIB = 2**20
_SPARE = 1.2
"""Disk room asked for, over the weights' size."""


def save_weights(order: SaveWeightsTask) -> SavedWeights:
    """Build a pipeline with synthetic weights and save it.

    Raises:
        InputError: The disk has no room for it.
    """
    document = load_blueprint(order.model).document
    pipeline = build(document, order.seed, torch.device(order.device), torch.bfloat16)
    _refuse_full_disk(order.folder, _weight_bytes(pipeline))
    started_s = time.monotonic()
    pipeline.save_pretrained(order.folder, safe_serialization=True)
    for path in weight_files(order.folder):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    return SavedWeights(
        folder=order.folder,
        label=f"synthetic (seed {order.seed}, scale 1)",
        file_gib=size_bytes(order.folder) / GIB,
        save_s=time.monotonic() - started_s,
    )


def time_cold_start(order: ColdStartTask, started_s: float) -> ColdStartAnswer:
    """Load the weights, prepare the pipeline and make the calls, timing each part.

    Args:
        order: What to load and call.
        started_s: When the process was started, on the monotonic clock.

    Raises:
        InputError: The stack cannot prepare a model of this family or run on this device.
    """
    device = torch.device(order.device)
    instruments = open_instruments(device)
    blueprint = load_blueprint(order.model)
    family = blueprint.document.family
    chosen = recipe(order.stack, device, family)
    chosen.refuse_other_family(blueprint.document.name, family)
    pipeline_class(family)
    imported_s = time.monotonic()
    pipeline = load(family, str(order.weights.folder), device, chosen.dtype)
    pipeline.set_progress_bar_config(disable=True)
    clock = Clock(device)
    clock.now_s()
    loaded_s = time.monotonic()
    release = chosen.prepare(pipeline)
    clock.now_s()
    prepared_s = time.monotonic()
    label = order.weights.label
    ready_s = prepared_s - started_s
    bench = Bench(
        blueprint, chosen, pipeline, clock, instruments, label, order.seed, ready_s, release
    )
    calls = tuple(_called(bench, each, order.calls) for each in order.points)
    return ColdStartAnswer(
        gpu=describe_gpu(device),
        environment=describe_environment(device, instruments, label),
        model=blueprint.document.name,
        architecture_hash=blueprint.hash,
        stack=chosen.stack,
        start=ProcessStart(
            page_cache=order.page_cache,
            compile_cache=order.compile_cache,
            import_s=round(imported_s - started_s, 6),
            load_s=round(loaded_s - imported_s, 6),
            prepare_s=round(prepared_s - loaded_s, 6),
            calls=calls,
            compile_cache_mib=size_bytes(order.cache) / MIB,
        ),
    )


def _called(bench: Bench, numbers: Quadruple, calls: int) -> FirstCalls:
    each = point(numbers)
    return FirstCalls(
        width=each.shape.width,
        height=each.shape.height,
        steps=each.shape.steps,
        batch=each.batch,
        wall_s=tuple(round(bench.time_call(each).wall_s, 6) for _ in range(calls)),
    )


def weight_files(folder: Path) -> list[Path]:
    """Return the files under a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def size_bytes(folder: Path) -> int:
    """Return the bytes of all files under a folder."""
    return sum(path.stat().st_size for path in weight_files(folder))


def _weight_bytes(pipeline: Any) -> int:  # noqa: ANN401 - diffusers is untyped
    modules = networks(pipeline)
    return sum(p.numel() * p.element_size() for module in modules for p in module.parameters())


def _refuse_full_disk(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < _SPARE * size:
        raise InputError(
            f"{folder} has {free / GIB:.1f} GiB free and the weights take {size / GIB:.1f}; give "
            "another folder by --scratch."
        )


def main() -> None:
    """Do the task of the first file and write the answer to the second."""
    given, answer = map(Path, sys.argv[1:])
    task = TaskFile.model_validate_json(given.read_text("utf-8"))
    try:
        if isinstance(task.order, SaveWeightsTask):
            done: SavedWeights | ColdStartAnswer = save_weights(task.order)
        else:
            done = time_cold_start(task.order, task.started_s)
    except FluxcostError as error:
        sys.exit(str(error))
    answer.write_text(done.model_dump_json(), "utf-8")


if __name__ == "__main__":
    main()
