"""Does a stack still make the same picture? Its error beside the one bfloat16 makes anyway.

Three pipelines get the same weights, prompt and noise: float32 (the truth), eager bfloat16 (what a
reader already accepts) and the stack. A lossless stack may be as far from the truth as eager
bfloat16 is, a little more or less, since it rounds in another order; one that skips a block or
reads another layer is further.

The stack's pipeline and a float32 one are in memory at once: 6 bytes a parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from fluxcost.performance.measured.sameness import Sameness
from measure.bench import Bench
from measure.errors import MeasurementError
from measure.pipelines.families import build, call_arguments
from measure.pipelines.parts import denoiser, networks
from measure.probes.planted import PLANTED, Planted
from measure.suites import Point

LOSSLESS_WITHIN = 1.25
"""Times eager bfloat16's own error that a stack's may be and still count as rounding.

bfloat16's own error grows from step to step, so the suites ask for one step. There, at tiny widths,
a skipped block gives 10 to 17 and one text layer read for another 1.6 to 2.5; in 4 steps, 1.5 and
1.1 (tests/measure/test_sameness.py). At 25 blocks of width 512 a skipped block gave 7 and 8-bit
linears 2.7 in one step, 1.16 and 1.01 in four.
"""

LEAST_SPREAD = 0.01
"""Standard deviation of the true picture, of values 0 to 1, under which sameness says nothing."""


def measure_sameness(bench: Bench, point: Point, run: str) -> Sameness:
    """Compare the bench's picture with float32's and eager bfloat16's at one point.

    The bench's weights must be as built; only synthetic weights can be built again.

    Raises:
        MeasurementError: The true picture hardly varies, so that anything would look the same.
    """
    planted = PLANTED[bench.blueprint.document.family]
    draw = _Drawing(bench, point, planted)
    stack = draw(bench.pipeline)
    rebuilt = build(bench.blueprint.document, bench.seed, bench.device, torch.bfloat16)
    eager = draw(rebuilt)
    faults = {}
    for fault, plant in planted.faults.items():
        with plant(rebuilt) as options:
            faults[fault] = draw(rebuilt, **options)
    # The truth starts from the same bfloat16 weights: only the arithmetic on them is exact.
    for module in networks(rebuilt):
        module.float()
    truth = draw(rebuilt)
    spread = float(truth.picture.std())
    if spread < LEAST_SPREAD:
        raise MeasurementError(
            f"the float32 picture has standard deviation {spread:.2g}; expected at least "
            f"{LEAST_SPREAD:g}: it would look the same whatever a stack did."
        )
    return Sameness(
        width=point.shape.width,
        height=point.shape.height,
        steps=point.shape.steps,
        batch=point.batch,
        run=run,
        error=relative_error(stack.picture, truth.picture),
        eager_error=relative_error(eager.picture, truth.picture),
        spread=spread,
        latent_error=relative_error(stack.latents, truth.latents),
        eager_latent_error=relative_error(eager.latents, truth.latents),
        planted_errors={
            fault: relative_error(drawn.picture, truth.picture) for fault, drawn in faults.items()
        },
    )


def is_lossless(same: Sameness) -> bool:
    """Say whether a stack's error is no more than rounding in another order.

    Where faults were injected, each must be further off than that, or the comparison shows nothing.
    """
    bound = LOSSLESS_WITHIN * same.eager_error
    return same.error <= bound and all(error > bound for error in same.planted_errors.values())


def relative_error(picture: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the norm of the difference over the norm of the truth's deviation from its mean.

    Pictures sit around mid-gray; dividing by the whole norm would hide errors in what is drawn.
    """
    return float(torch.linalg.norm(picture - truth) / torch.linalg.norm(truth - truth.mean()))


@dataclass(frozen=True)
class Drawn:
    """What a pipeline made of the fixed prompt and noise, float32 on the CPU."""

    latents: torch.Tensor
    picture: torch.Tensor


class _Drawing:
    """The fixed prompt and noise, given to one pipeline after the other."""

    def __init__(self, bench: Bench, point: Point, planted: Planted) -> None:
        self._bench = bench
        self._point = point
        self._planted = planted

    def __call__(self, pipeline: Any, **options: Any) -> Drawn:  # noqa: ANN401 - diffusers is untyped
        pipeline.set_progress_bar_config(disable=True)
        return Drawn(*(self._made(pipeline, kind, options) for kind in ("latent", "pt")))

    def _made(self, pipeline: Any, kind: str, options: dict[str, Any]) -> torch.Tensor:  # noqa: ANN401
        shape, batch = self._point.shape, self._point.batch
        network = denoiser(pipeline)
        size = self._planted.noise(network.config.in_channels, shape.height, shape.width)
        generator = torch.Generator().manual_seed(self._bench.seed)
        # Rounded once for all, so that they start from the same noise.
        noise = torch.randn((batch, *size), generator=generator).to(torch.bfloat16)
        made = pipeline(
            prompt=["a lighthouse on a basalt cliff"] * batch,
            width=shape.width,
            height=shape.height,
            num_inference_steps=shape.steps,
            latents=noise.to(self._bench.device, network.dtype),
            output_type=kind,
            **call_arguments(self._bench.blueprint.document) | self._planted.options | options,
        ).images
        return torch.as_tensor(made).float().cpu()
