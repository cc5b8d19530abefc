"""The compiled stack makes the same picture as the eager one, and knows what it resolved to."""

from typing import Any

import pytest
import torch
import torch.fx.experimental._config as symbols

from fluxcost.errors import UnknownNameError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.workload.shape import Shape
from measure.bench import Bench
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.families import build
from measure.stacks import compiled_bf16, recipe
from measure.suites import Point
from tests.measure.conftest import TINY_MODEL

CPU = torch.device("cpu")
DYNAMIC = "compiled-bf16-dynamic"
POINT = Point(Shape(64, 64, 2), 1)

# diffusers asks for versions inside the decoder; dynamo traces the call and says so once.
quiet = pytest.mark.filterwarnings("ignore:Dynamo detected a call to a .functools.lru_cache")


@quiet
def test_the_text_encoder_cut_short_gives_the_same_embedding_bit_for_bit(
    bench: Bench, compiled_bench: Bench
):
    whole, cut = (
        each.pipeline.encode_prompt(prompt=["a red bicycle"], device=CPU)[0]
        for each in (bench, compiled_bench)
    )
    assert torch.equal(whole, cut)
    layers = [len(each.pipeline.text_encoder.model.layers) for each in (bench, compiled_bench)]
    assert layers == [28, 27]


@quiet
def test_the_picture_is_the_eager_one_up_to_the_rounding_of_bfloat16(
    bench: Bench, compiled_bench: Bench
):
    bench.calls = compiled_bench.calls = 0
    eager, fast = (
        each.generate(POINT, output_type="pt").float() for each in (bench, compiled_bench)
    )
    assert float((eager - fast).abs().max()) <= 4 * torch.finfo(torch.bfloat16).eps
    assert float(eager.std()) > 0.05


@quiet
def test_a_compiled_decoder_is_timed_and_stays_in_place(compiled_bench: Bench):
    decoder = compiled_bench.pipeline.vae.decode
    sample = compiled_bench.time_call(POINT)
    assert 0 < sample.spans.vae_decode_s < sample.wall_s
    assert compiled_bench.pipeline.vae.decode is decoder


def test_settings_are_resolved_for_the_device():
    here, there = (recipe("compiled-bf16", torch.device(name)).stack for name in ("cpu", "cuda"))
    assert here.settings["attention"] == "sdpa-default"
    assert there.settings["attention"] == "cudnn"
    assert here.hash != there.hash
    assert here.alias == there.alias == "compiled-bf16"


def test_kernels_for_any_shape_are_a_stack_of_their_own():
    fixed, any_shape = (recipe(name, CPU).stack for name in ("compiled-bf16", DYNAMIC))
    differing = {
        key for key, value in fixed.settings.items() if value != any_shape.settings.get(key)
    }
    assert differing == {"compile"}
    assert "dynamic shapes" in str(any_shape.settings["compile"])
    assert any_shape.alias == DYNAMIC


@pytest.mark.parametrize("dynamic", [True, False])
def test_every_part_is_compiled_for_any_shape_or_for_each(
    *, dynamic: bool, monkeypatch: pytest.MonkeyPatch
):
    asked: list[bool] = []

    def compiling(part: Any = None, **options: Any) -> Any:
        asked.append(options["dynamic"])
        return part

    monkeypatch.setattr(torch, "compile", compiling)
    monkeypatch.setattr(torch.nn.Module, "compile", compiling)
    pipeline = build(load_blueprint(TINY_MODEL).document, 0, CPU, torch.bfloat16)
    monkeypatch.setattr(pipeline.transformer, "compile_repeated_blocks", compiling)
    try:
        compiled_bf16.recipe(CPU, dynamic=dynamic).prepare(pipeline)
        assert symbols.use_duck_shape is not dynamic
    finally:
        symbols.use_duck_shape = True
    assert asked == [dynamic] * (1 + 27 + 1)  # blocks, text layers, decoder


def test_settings_tell_what_only_some_families_have_and_klein_s_are_as_shipped():
    gpu = torch.device("cuda")
    shared, klein, flux, xl = (
        recipe("compiled-bf16", gpu, family).stack
        for family in (None, "flux2-klein", "flux1", "sdxl")
    )
    assert shared == klein
    assert flux.settings == klein.settings | {"clip_layers": "not compiled"}
    assert klein == load_calibration("h100-sxm/flux2-klein-4b/compiled-bf16").stack
    assert flux.settings.items() < xl.settings.items()
    assert xl.settings["unet_memory_format"] == "channels_last"
    assert recipe("eager-bf16", gpu, "sdxl") == recipe("eager-bf16", gpu)


def test_an_unknown_stack_names_the_nearest():
    with pytest.raises(UnknownNameError, match="nearest: compiled-fp8, compiled-bf16"):
        recipe("compiled", CPU)
