"""How much the scale of synthetic weights changes the time: zeros, a checkpoint's, ten times."""

from __future__ import annotations

from collections.abc import Iterator

from fluxcost.performance.calibration.extra_measurements import WeightScale
from measure.bench import Bench
from measure.pipelines.components import networks
from measure.pipelines.synthetic_weights import fill_synthetic
from measure.protocol import take_samples, warm_up
from measure.suites import Point, Protocol

SCALES = (1.0, 0.0, 10.0, 1.0)
"""The checkpoint's scale first and last, so that drift shows as a difference between the two."""


def measure_weight_scales(
    bench: Bench, point: Point, protocol: Protocol, run: str
) -> Iterator[WeightScale]:
    """Yield the same cell timed at each scale; the bench's weights end as they began."""
    shape = point.shape
    for scale in SCALES:
        _fill(bench, scale)
        warm_up(bench, point, protocol)
        taken = take_samples(bench, point, protocol)
        yield WeightScale(
            width=shape.width,
            height=shape.height,
            steps=shape.steps,
            batch=point.batch,
            run=run,
            scale=scale,
            wall_s=tuple(round(sample.wall_s, 6) for sample in taken.samples),
        )


def _fill(bench: Bench, scale: float) -> None:
    parts = networks(bench.pipeline)
    for offset, module in enumerate(parts):
        fill_synthetic(module, bench.seed + offset, scale)
