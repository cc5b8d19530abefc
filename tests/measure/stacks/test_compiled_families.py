"""The compiled stack on every other family: the same picture, from recordings, and nothing skipped.

Compiled by the backend that traces and calls PyTorch's own kernels; recordings as a GPU keeps them
are played by `Recorder`.
"""

from typing import Any

import pytest
import torch

from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape
from measure.bench import Bench, open_bench
from measure.pipelines import families
from measure.pipelines.blueprint import FAMILIES, load_blueprint
from measure.pipelines.components import denoiser, text_encoders
from measure.probes.sameness import (
    BLOCK,
    FAMILY_COMPARISONS,
    LOSSLESS_WITHIN,
    TEXT,
    is_lossless,
    measure_sameness,
)
from measure.stacks import compiled, compiled_bf16, eager_bf16
from measure.stacks.cuda_graphs import Graphs
from measure.stacks.gpu_kernels import PixelFirstGroupNorm
from measure.stacks.stack_recipe import StackRecipe
from measure.stacks.text_encoder import text_layers
from measure.suites import Point
from measure.telemetry import NullTelemetry
from tests.measure.conftest import DATA
from tests.measure.stacks.test_cuda_graphs import Recorder

CPU = torch.device("cpu")
POINT = Point(Shape(64, 64, 1), 1)
RECORDED = {"flux1": 2 + 1 + 1, "sd3": 3 + 1 + 1, "sdxl": 2 + 1 + 1}
"""Text encoders, denoiser, decoder: SD3's encode the negative prompt in the same recordings."""

pytestmark = [
    # diffusers asks for versions inside networks; dynamo traces the call and says so once.
    pytest.mark.filterwarnings("ignore:Dynamo detected a call to a .functools.lru_cache"),
    # diffusers 0.42's Euler scheduler turns a tensor into an array the way numpy 2.4 deprecates.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def open_tiny(family: str, made: StackRecipe) -> Bench:
    blueprint = load_blueprint(str(DATA / f"tiny-{family}.yaml"))
    return open_bench(blueprint, made, CPU, NullTelemetry(), weights=None, seed=0)


@pytest.fixture(
    scope="module",
    # FLUX.1's parts are like SD3's: CLIP, T5, joint blocks.
    params=[pytest.param("flux1", marks=pytest.mark.long), "sd3", "sdxl"],
)
def fast(request: pytest.FixtureRequest) -> tuple[Bench, Recorder]:
    """A family's tiny pipeline, compiled and recorded, and its recorder."""
    recorder = Recorder()

    def prepare(pipeline: Any) -> Any:
        return compiled.prepare(pipeline, "eager", Graphs(recorder))

    made = StackRecipe(compiled_bf16.recipe(CPU, backend="eager").stack, torch.bfloat16, prepare)
    return open_tiny(request.param, made), recorder


def test_the_picture_is_lossless_and_every_planted_fault_is_noticed(fast: tuple[Bench, Recorder]):
    bench, _ = fast
    same = measure_sameness(bench, POINT, "r")
    assert is_lossless(same)
    assert same.error == pytest.approx(same.eager_error, rel=0.15)
    assert same.spread > 0.1
    assert set(same.planted_errors) == {BLOCK, TEXT}
    # A blunt fault here: far beyond what tells rounding from a fault.
    assert min(same.planted_errors.values()) > 5 * LOSSLESS_WITHIN * same.eager_error


def test_a_block_left_out_of_the_stack_is_noticed(fast: tuple[Bench, Recorder]):
    bench, _ = fast
    family = bench.blueprint.document.family
    with FAMILY_COMPARISONS[family].faults[BLOCK](bench.pipeline):
        bench.release()  # what was recorded holds the block
        assert not is_lossless(measure_sameness(bench, POINT, "r"))
    bench.release()


def test_parts_are_recorded_once_a_shape_and_stages_still_partition_the_call(
    fast: tuple[Bench, Recorder],
):
    bench, recorder = fast
    bench.release()
    before = recorder.recorded
    for _ in range(2):
        spans = bench.time_call(Point(Shape(64, 64, 2), 1)).spans
        assert len(spans.denoise_step_s) == 2
    assert recorder.recorded - before == RECORDED[bench.blueprint.document.family]


@pytest.mark.parametrize("fast", ["sd3", "sdxl"], indirect=True)
def test_a_negative_prompt_does_not_overwrite_the_prompt(fast: tuple[Bench, Recorder]):
    """The same recordings encode both, one after the other."""
    bench, _ = fast
    family = bench.blueprint.document.family
    eager = open_tiny(family, eager_bf16.recipe(CPU))
    prompts = ("prompt", "prompt_2", "prompt_3")[: len(text_encoders(bench.pipeline))]
    asked = {key: ["a red bicycle"] for key in prompts} | {"negative_prompt": ["fog"]}
    with torch.no_grad():
        made, true = (each.pipeline.encode_prompt(**asked) for each in (bench, eager))
    for one, other in zip(made, true, strict=True):
        assert torch.allclose(one.float(), other.float(), atol=0.05)
    pooled, negative = made[2:]
    assert not torch.equal(pooled, negative)


def test_every_block_and_large_text_layer_is_compiled(fast: tuple[Bench, Recorder]):
    pipeline = fast[0].pipeline
    layers = [
        layer
        for encoder in text_encoders(pipeline)
        for layer in text_layers(encoder)
        if not type(encoder).__name__.startswith("CLIP")
    ]
    network = denoiser(pipeline)
    blocks = [each for each in network.modules() if type(each).__name__ in network._repeated_blocks]
    assert len(blocks) >= 3
    assert all(each._compiled_call_impl is not None for each in [*layers, *blocks])


def test_a_unet_s_residual_blocks_are_laid_out_for_its_convolutions(fast: tuple[Bench, Recorder]):
    network = denoiser(fast[0].pipeline)
    kinds = {type(each).__name__ for each in network.modules()}
    norms = [each for each in network.modules() if isinstance(each, PixelFirstGroupNorm)]
    blocks = [each for each in network.modules() if type(each).__name__ == "ResnetBlock2D"]
    assert len(norms) == 2 * len(blocks)
    assert bool(blocks) == ("UNet2DConditionModel" in kinds)
    for each in blocks:
        assert each.conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_family_whose_calls_differ_by_prompt_is_refused():
    with pytest.raises(InputError, match="z-image-tiny is of z-image; measure it with eager-bf16"):
        open_tiny("z-image", compiled_bf16.recipe(CPU, backend="eager"))


@pytest.mark.parametrize("side", [64, pytest.param(128, marks=pytest.mark.long)])
def test_faults_of_a_family_that_is_not_compiled_are_noticed_too(side: int):
    bench = open_tiny("z-image", eager_bf16.recipe(CPU))
    same = measure_sameness(bench, Point(Shape(side, side, 1), 1), "r")
    assert same.error == same.eager_error
    assert is_lossless(same)


def test_every_family_that_can_be_built_can_be_compared():
    assert tuple(sorted(FAMILY_COMPARISONS)) == FAMILIES == tuple(sorted(families.FAMILIES))
