"""One image on several GPUs by diffusers' context parallelism, beside one GPU alone.

The tokens of an image are split over the GPUs; Ulysses attention trades tokens for heads and back
around each attention. Text encoding and decoding are not split: every GPU does both. It lowers the
latency of one image and raises its price, so it is never mixed with replicas.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from fluxcost.performance.calibration.extra_measurements import ContextParallelImage
from measure.bench import Bench
from measure.errors import MeasurementError
from measure.probes.sameness import relative_error
from measure.protocol import WarmUp, warm_up
from measure.replicas.process_group import ReplicaGroup
from measure.replicas.process_window import FleetRun, calls_for
from measure.suites import Point, Protocol, Suite, point

METHOD = "ulysses"


def pending_context_parallel(
    suites: Sequence[Suite], have: Sequence[ContextParallelImage], gpus: int
) -> list[Point]:
    """Return the points at which one image is still to be made by all GPUs together."""
    done = {(s.width, s.height, s.steps, s.batch) for s in have if s.gpus == gpus}
    asked = dict.fromkeys(each for s in suites if s.scaling for each in s.scaling.split)
    return [point(each) for each in asked if each not in done]


def measure_context_parallel(
    fleet: ReplicaGroup,
    bench: Bench,
    points: Sequence[Point],
    protocol: Protocol,
    fleet_run: FleetRun,
) -> Iterator[ContextParallelImage]:
    """Yield each point timed on all GPUs together; from then on the pipelines stay joined.

    Raises:
        MeasurementError: There is one GPU only, or diffusers cannot split this model.
    """
    if fleet.size < 2:
        raise MeasurementError("--split-image has one GPU; expected at least 2: see --gpus.")
    alone = [_timed_alone(fleet, bench, each, protocol) for each in points]
    shard_pipelines(bench.pipeline, fleet.size)
    for each, (alone_s, lone) in zip(points, alone, strict=True):
        wall_s, drawn = _timed_parallel(fleet, bench, each, protocol)
        if fleet.rank > 0:
            continue  # the first replica has the lone picture to compare with, and the journal
        yield ContextParallelImage(
            run=fleet_run.run,
            width=each.shape.width,
            height=each.shape.height,
            steps=each.shape.steps,
            batch=each.batch,
            gpus=fleet.size,
            method=METHOD,
            wall_s=wall_s,
            alone_s=alone_s,
            difference=relative_error(drawn, lone),
        )


def shard_pipelines(pipeline: Any, gpus: int) -> None:  # noqa: ANN401 - diffusers is untyped
    """Split the transformer's tokens over the replicas, from now on.

    Raises:
        MeasurementError: The model's heads do not divide, or diffusers has no plan for it.
    """
    from diffusers import ContextParallelConfig

    heads = pipeline.transformer.config.num_attention_heads
    if heads % gpus:
        raise MeasurementError(
            f"--split-image has {gpus} GPUs; expected a divisor of the {heads} attention heads."
        )
    # diffusers calls this PyTorch function under its older name.
    warnings.filterwarnings("ignore", r".*all_gather_tensor", FutureWarning)
    with _a_device_to_count():
        pipeline.transformer.enable_parallelism(config=ContextParallelConfig(ulysses_degree=gpus))


@contextmanager
def _a_device_to_count() -> Iterator[None]:
    """Let diffusers number devices on a host without accelerators, where it divides by none."""
    count = torch.accelerator.device_count
    if count() == 0:
        torch.accelerator.device_count = lambda: 1
    try:
        yield
    finally:
        torch.accelerator.device_count = count


Timed = tuple[tuple[float, ...], torch.Tensor]
"""Wall seconds of each call, and the picture of one fixed prompt and noise."""


def _timed_alone(fleet: ReplicaGroup, bench: Bench, where: Point, protocol: Protocol) -> Timed:
    """Time the first replica while the others wait; only it needs the answer."""
    walls: list[float] = []
    picture = torch.empty(0)
    if fleet.rank == 0:
        calls_s = warm_up(bench, where, protocol).calls_s
        walls = [bench.time_call(where).wall_s for _ in range(calls_for(calls_s[-1], protocol))]
        picture = _picture(bench, where)
    return tuple(round(each, 6) for each in fleet.meet(walls)[0]), picture


def _timed_parallel(fleet: ReplicaGroup, bench: Bench, where: Point, protocol: Protocol) -> Timed:
    """Time all replicas on the same images; a call lasts until the slowest has it."""
    warm = WarmUp()
    # A fixed count, since replicas that judged warmth by their own clocks would call unequally.
    for _ in range(2 * protocol.window):
        bench.calls = 0
        warm.calls_s.append(bench.time_call(where).wall_s)
    calls = calls_for(max(fleet.meet(warm.calls_s[-1])), protocol)
    walls = []
    for job in range(calls):
        bench.calls = job
        walls.append(bench.time_call(where).wall_s)
    picture = _picture(bench, where)
    by_rank = fleet.meet(walls)
    return tuple(round(max(each), 6) for each in zip(*by_rank, strict=True)), picture


def _picture(bench: Bench, where: Point) -> torch.Tensor:
    bench.calls = 0
    return torch.as_tensor(bench.generate(where, output_type="pt")).float().cpu()
