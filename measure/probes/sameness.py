"""Does a stack still make the same picture? Its error beside that of eager bfloat16.

To show that the comparison detects faults, faults are injected into eager bfloat16 and must be
further from the truth than rounding: the last block skipped, and the text encoder's last layer
that the pipeline reads skipped or replaced by another.

Three pipelines get the same weights, prompt and noise: float32 (the truth), eager bfloat16 (what a
reader already accepts) and the stack. A lossless stack may be as far from the truth as eager
bfloat16 is, a little more or less, since it rounds in another order; one that skips a block or
reads another layer is further.

The stack's pipeline and a float32 one are in memory at once: 6 bytes a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from fluxcost.performance.calibration.extra_measurements import Sameness
from measure.bench import Bench
from measure.errors import MeasurementError
from measure.pipelines.components import denoiser, networks
from measure.pipelines.families import build, call_arguments
from measure.stacks.text_encoder import read_text_layers
from measure.suites import Point

Options = dict[str, Any]
"""Further arguments of a pipeline's call."""

Fault = Callable[[Any], AbstractContextManager[Options]]
"""Takes a pipeline; while it holds, calls with the options it gives are faulty."""


@dataclass(frozen=True)
class FamilyComparison:
    """How a family is compared.

    Attributes:
        noise: Shape of one image's noise, of the denoiser's channels, height and width in pixels.
        faults: By what is wrong.
        options: Given to every call that is compared.
    """

    noise: Callable[[int, int, int], tuple[int, ...]]
    faults: Mapping[str, Fault]
    options: Options = field(default_factory=dict)


def _tokens_first(channels: int, height: int, width: int) -> tuple[int, ...]:
    return (height // 16) * (width // 16), channels


def _at_sixteenth(channels: int, height: int, width: int) -> tuple[int, ...]:
    return channels, height // 16, width // 16


def _at_eighth(channels: int, height: int, width: int) -> tuple[int, ...]:
    return channels, height // 8, width // 8


def _without_last(part: Callable[[Any], Any], name: str) -> Fault:
    """Return the fault of a part of the pipeline that lacks the last of its layers."""

    @contextmanager
    def planted(pipeline: Any) -> Iterator[Options]:  # noqa: ANN401 - diffusers is untyped
        owner = part(pipeline)
        whole = getattr(owner, name)
        setattr(owner, name, whole[:-1])
        yield {}
        setattr(owner, name, whole)

    return planted


@contextmanager
def _reading_another_layer(pipeline: Any) -> Iterator[Options]:  # noqa: ANN401 - diffusers is untyped
    read = read_text_layers(pipeline)
    yield {"text_encoder_out_layers": (*read[:-1], read[-1] - 1)}


@contextmanager
def _skipping_a_layer(_pipeline: Any) -> Iterator[Options]:  # noqa: ANN401 - diffusers is untyped
    yield {"clip_skip": 1}


BLOCK, TEXT = "last block skipped", "text layer before the last one read"

FAMILY_COMPARISONS = {
    "flux1": FamilyComparison(
        _tokens_first,
        {
            BLOCK: _without_last(lambda made: made.transformer, "single_transformer_blocks"),
            TEXT: _without_last(lambda made: made.text_encoder_2.encoder, "block"),
        },
    ),
    "flux2-klein": FamilyComparison(
        _at_sixteenth,
        {
            BLOCK: _without_last(lambda made: made.transformer, "single_transformer_blocks"),
            TEXT: _reading_another_layer,
        },
    ),
    "sd3": FamilyComparison(
        _at_eighth,
        {
            BLOCK: _without_last(lambda made: made.transformer, "transformer_blocks"),
            TEXT: _without_last(lambda made: made.text_encoder_3.encoder, "block"),
        },
    ),
    "sdxl": FamilyComparison(
        _at_eighth,
        {
            BLOCK: _without_last(
                lambda made: made.unet.up_blocks[1].attentions[-1], "transformer_blocks"
            ),
            TEXT: _skipping_a_layer,
        },
        # Its schedule of one step would start where hardly any noise is left to remove.
        {"timesteps": [999]},
    ),
    "z-image": FamilyComparison(
        _at_eighth,
        {
            BLOCK: _without_last(lambda made: made.transformer, "layers"),
            TEXT: _without_last(lambda made: made.text_encoder, "layers"),
        },
    ),
}
"""By family, as measure/pipelines/families.py names it."""


LOSSLESS_WITHIN = 1.25
"""Times eager bfloat16's own error that a stack's may be and still count as rounding.

bfloat16's own error grows from step to step, so the suites ask for one step. There, at tiny widths,
a skipped block gives 10 to 17 and one text layer read for another 1.5 to 2.5; in 4 steps, 1.5 and
1.1 (tests/measure/probes/test_sameness.py). At 25 blocks of width 512 a skipped block gave 7 and
8-bit linears 2.7 in one step, 1.16 and 1.01 in four.
"""

LEAST_SPREAD = 0.01
"""Standard deviation of the true picture, of values 0 to 1, under which sameness says nothing."""


def measure_sameness(bench: Bench, point: Point, run: str) -> Sameness:
    """Compare the bench's picture with float32's and eager bfloat16's at one point.

    The bench's weights must be as built; only synthetic weights can be built again.

    Raises:
        MeasurementError: The true picture hardly varies, so that anything would look the same.
    """
    planted = FAMILY_COMPARISONS[bench.blueprint.document.family]
    draw = _FixedInputs(bench, point, planted)
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
class ComparedOutput:
    """What a pipeline made of the fixed prompt and noise, float32 on the CPU."""

    latents: torch.Tensor
    picture: torch.Tensor


class _FixedInputs:
    """The fixed prompt and noise, given to one pipeline after the other."""

    def __init__(self, bench: Bench, point: Point, planted: FamilyComparison) -> None:
        self._bench = bench
        self._point = point
        self._planted = planted

    def __call__(self, pipeline: Any, **options: Any) -> ComparedOutput:  # noqa: ANN401 - diffusers is untyped
        pipeline.set_progress_bar_config(disable=True)
        return ComparedOutput(*(self._made(pipeline, kind, options) for kind in ("latent", "pt")))

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
