"""Does a stack still make the same picture? Its error beside the one bfloat16 makes anyway.

Three pipelines get the same weights, prompt and noise: float32 (the truth), eager bfloat16 (what a
reader already accepts) and the stack. A lossless stack may be as far from the truth as eager
bfloat16 is, a little more or less, since it rounds in another order; one that skips a block or
reads another layer is further.
"""

from __future__ import annotations

from typing import Any

import torch

from fluxcost.performance.calibration import Sameness
from measure.bench import Bench
from measure.errors import MeasurementError
from measure.pipelines import flux2_klein
from measure.suites import Point

LOSSLESS_WITHIN = 1.25
"""Times eager bfloat16's own error that a stack's may be and still count as rounding.

At tiny widths a skipped block gives 1.7 to 1.8 and one text layer read for another 1.5 to 1.65
(tests/measure/test_sameness.py). bfloat16's own error grows from step to step, so the suites ask
for one step: at 25 blocks of width 512 on a CPU a skipped block then gave 7, another text layer 15
and 8-bit linears 2.7, where in 4 steps they gave 1.16, 1.75 and 1.01.
"""

LEAST_SPREAD = 0.01
"""Standard deviation of the true picture, of values 0 to 1, under which sameness says nothing."""


def measure_sameness(bench: Bench, point: Point, run: str) -> Sameness:
    """Compare the bench's picture with float32's and eager bfloat16's at one point.

    The bench's weights must be as built; only synthetic weights can be built again.

    Raises:
        MeasurementError: The true picture hardly varies, so that anything would look the same.
    """
    stack = _picture(bench.pipeline, point, bench)
    rebuilt = flux2_klein.build(bench.blueprint.document, bench.seed, bench.device, torch.bfloat16)
    # A stack's choice of attention is the process's default from then on; eager's is PyTorch's own.
    rebuilt.transformer.set_attention_backend("native")
    eager = _picture(rebuilt, point, bench)
    # The truth starts from the same bfloat16 weights: only the arithmetic on them is exact.
    for module in (rebuilt.transformer, rebuilt.vae, rebuilt.text_encoder):
        module.float()
    truth = _picture(rebuilt, point, bench)
    spread = float(truth.std())
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
        error=relative_error(stack, truth),
        eager_error=relative_error(eager, truth),
        spread=spread,
    )


def is_lossless(same: Sameness) -> bool:
    """Say whether a stack's error is no more than rounding in another order."""
    return same.error <= LOSSLESS_WITHIN * same.eager_error


def relative_error(picture: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the norm of the difference over the norm of the truth's deviation from its mean.

    Pictures sit around mid-gray; dividing by the whole norm would hide errors in what is drawn.
    """
    return float(torch.linalg.norm(picture - truth) / torch.linalg.norm(truth - truth.mean()))


def _picture(pipeline: Any, point: Point, bench: Bench) -> torch.Tensor:  # noqa: ANN401 - diffusers is untyped
    """Return one picture of fixed prompt and noise, float32 on the CPU."""
    shape = point.shape
    size = (pipeline.transformer.config.in_channels, shape.height // 16, shape.width // 16)
    generator = torch.Generator().manual_seed(bench.seed)
    # Rounded once for all three, so that they start from the same noise.
    noise = torch.randn((point.batch, *size), generator=generator).to(torch.bfloat16)
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(
        prompt=["a lighthouse on a basalt cliff"] * point.batch,
        width=shape.width,
        height=shape.height,
        num_inference_steps=shape.steps,
        guidance_scale=1.0,
        latents=noise.to(bench.device),
        output_type="pt",
    ).images
    return torch.as_tensor(images).float().cpu()
