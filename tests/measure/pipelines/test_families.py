"""Models of other families: true sizes on no device, and tiny ones whose calls are counted."""

import functools
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.flops import (
    decoder_weights,
    denoise_slopes,
    denoise_step,
    denoiser_parameters,
    text_encode,
    text_encoder_parameters,
    vae_decode,
)
from fluxcost.workload.shape import Shape
from measure.bench import Bench, open_bench
from measure.pipelines import families
from measure.pipelines.blueprint import FAMILIES, load_blueprint
from measure.pipelines.components import denoiser, networks, text_encoders
from measure.pipelines.synthetic_weights import SYNTHETIC_MARK
from measure.stacks import recipe
from measure.suites import Point
from measure.telemetry import NullTelemetry
from tests.measure.conftest import TINY_MODEL

DATA = Path(__file__).parents[2] / "data"
CPU = torch.device("cpu")
ONE_VECTOR_AN_IMAGE = (
    *("time_text_embed", "norm1", "norm1_context", "norm", "norm_out"),
    *("time_embedding", "add_embedding", "time_emb_proj"),
    *("t_embedder", "adaLN_modulation"),
)
"""Parts of the denoisers that see one vector an image; the formula leaves them out."""


COUNTED_ENCODERS = ("T5EncoderModel", "CLIPTextModelWithProjection.text_model", "Qwen3Model")
"""The encoder whose work is counted; a pooled prompt's projection is one vector a prompt."""


def parameters(module):
    return sum(each.numel() for each in module.parameters())


@functools.cache
def at_true_shapes(name):
    """Return a shipped model's pipeline on no device; nothing here changes it."""
    document = load_blueprint(name).document
    return families.FAMILIES[document.family].assemble(document, torch.device("meta"))


PUBLISHED = {
    # billions: denoiser, then every text encoder in the pipeline's order
    "flux2-klein-4b": (3.876, [4.022]),
    "flux2-klein-4b-small-decoder": (3.876, [4.022]),
    "flux2-klein-9b": (9.079, [8.191]),
    "flux1-schnell": (11.89, [0.1231, 4.762]),
    "sd3.5-large": (8.057, [0.1237, 0.6947, 4.762]),
    "sdxl-1.0": (2.567, [0.1231, 0.6947]),
    "z-image-turbo": (6.15, [4.022]),
}
"""klein: the conversion script's and Qwen3's cards. FLUX.1: "12B", CLIP-L 123 M, T5-XXL's encoder
4.76 B. SD3.5-large: "8.1B", the same encoders and OpenCLIP bigG's 695 M. SDXL: a "2.6B" UNet.
Z-Image: its report's 6.15 B, the text encoder of klein."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_models_at_their_true_shapes_have_the_published_parameter_counts(name):
    pipeline = at_true_shapes(name)
    billions, encoders = PUBLISHED[name]
    assert parameters(denoiser(pipeline)) / 1e9 == pytest.approx(billions, rel=2e-3)
    counts = [parameters(each) / 1e9 for each in text_encoders(pipeline)]
    assert counts == pytest.approx(encoders, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "millions"), [("flux2-klein-4b", 49.6), ("flux2-klein-4b-small-decoder", 27.9)]
)
def test_decoders_have_the_published_parameter_counts(name, millions):
    blueprint = load_blueprint(name)
    built = parameters(at_true_shapes(name).vae.decoder)
    assert built / 1e6 == pytest.approx(millions, abs=0.05)
    # Biases and norms, which the formula leaves out, are a thousandth.
    assert decoder_weights(blueprint.architecture.vae) == pytest.approx(built, rel=2e-3)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_by_formula_are_those_of_the_built_network(name):
    architecture, pipeline = load_blueprint(name).architecture, at_true_shapes(name)
    built = parameters(denoiser(pipeline))
    # Biases, which the formula leaves out, are under half a percent.
    assert denoiser_parameters(architecture) == pytest.approx(built, rel=5e-3)
    encoders = sum(parameters(each) for each in text_encoders(pipeline))
    assert text_encoder_parameters(architecture.text_encoder) == pytest.approx(encoders, rel=1e-3)


pytestmark = pytest.mark.filterwarnings(
    # diffusers 0.42's Euler scheduler turns a tensor into an array the way numpy 2.4 deprecates.
    "ignore:__array__ implementation:DeprecationWarning"
)


@pytest.fixture(scope="module", params=["tiny-flux1", "tiny-sd3", "tiny-sdxl", "tiny-z-image"])
def tiny(request):
    return open_bench(
        load_blueprint(str(DATA / f"{request.param}.yaml")),
        recipe("eager-bf16", CPU),
        CPU,
        NullTelemetry(),
        weights=None,
        seed=0,
    )


@pytest.mark.parametrize("batch", [1, 2])
def test_the_work_of_a_call_is_what_pytorch_counts(tiny, batch):
    shape = Shape(128, 64, 1)
    with FlopCounterMode(display=False) as counter:
        tiny.generate(Point(shape, batch), output_type="pt")
    found = counter.get_flop_counts()
    flops = {name: sum(operators.values()) for name, operators in found.items()}
    root = type(denoiser(tiny.pipeline)).__name__
    vectors = sum(
        count
        for name, count in flops.items()
        if name.startswith(f"{root}.") and name.rsplit(".", 1)[-1] in ONE_VECTOR_AN_IMAGE
    )
    architecture = tiny.blueprint.architecture
    if architecture.name == "z-image-tiny":  # its head runs over the prompt's tokens too, in vain
        part = architecture.transformer
        vectors += 2 * batch * architecture.text_tokens * part.width * part.token_channels
    assert denoise_step(architecture, shape, batch).matmul_flop == flops[root] - vectors
    encoder = next(name for name in COUNTED_ENCODERS if name in flops)
    assert text_encode(architecture, batch).matmul_flop == flops[encoder]
    decoder = flops["Decoder"] + flops.get("Conv2d", 0)  # quantization, where there is one
    assert vae_decode(architecture, shape, batch).matmul_flop == decoder


def prompt_seen(args, kwargs):
    """Rows and tokens of the prompt's states as the denoiser's blocks get them."""
    if "encoder_hidden_states" in kwargs:
        return kwargs["encoder_hidden_states"].shape[:2]
    _, _, prompts = args  # Z-Image takes each prompt's own tokens and rounds up to 32
    (tokens,) = {-(-len(each) // 32) * 32 for each in prompts}
    return len(prompts), tokens


def test_the_denoiser_sees_the_tokens_that_are_counted(tiny):
    shape, seen = Shape(96, 64, 2), []
    hook = denoiser(tiny.pipeline).register_forward_pre_hook(
        lambda _module, args, kwargs: seen.append(prompt_seen(args, kwargs)),
        with_kwargs=True,
    )
    try:
        tiny.generate(Point(shape, 1), output_type="pt")
    finally:
        hook.remove()
    architecture = tiny.blueprint.architecture
    asked = architecture.pipeline
    rows = asked.forwards_per_step // asked.calls_per_step
    assert seen == [(rows, architecture.text_tokens)] * (2 * asked.calls_per_step)


def test_work_grows_with_pixels_as_the_slopes_say(tiny):
    architecture = tiny.blueprint.architecture
    product, attention = denoise_slopes(architecture)
    small, large = (denoise_step(architecture, Shape(side, side, 1)) for side in (4096, 8192))
    forwards = architecture.pipeline.forwards_per_step
    tokens = 3 * 4096**2 // 256
    if architecture.unet is None:  # an image's token also enters and leaves a transformer
        product += 4 * architecture.transformer.width * architecture.transformer.token_channels
    grown = large.matmul_flop - small.matmul_flop
    assert grown / forwards / tokens == pytest.approx(product)
    # Past a few thousand tokens the prompt's hardly count.
    assert large.attention_flop / small.attention_flop == pytest.approx(16, rel=0.05)
    per_square = large.attention_flop / forwards / (8192**2 / 256) ** 2
    assert per_square == pytest.approx(attention, rel=0.05)


def test_stages_partition_a_call_of_any_family(tiny):
    sample = tiny.time_call(Point(Shape(64, 64, 3), 1))
    spans = sample.spans
    assert len(spans.denoise_step_s) == 3
    covered = spans.text_encode_s + sum(spans.denoise_step_s) + spans.vae_decode_s
    assert 0 < covered <= sample.wall_s
    tiny.check(Point(Shape(64, 64, 1), 1))


def test_the_same_seed_builds_the_same_network_marked_as_synthetic(tiny):
    again = families.build(tiny.blueprint.document, 0, CPU, torch.bfloat16)
    assert again.config[SYNTHETIC_MARK] == "seed 0"
    for one, other in zip(networks(tiny.pipeline), networks(again), strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(a, b)


def test_a_saved_pipeline_loads_as_its_family(tiny, tmp_path):
    tiny.pipeline.save_pretrained(tmp_path)
    family = tiny.blueprint.document.family
    loaded = families.load(family, str(tmp_path), CPU, torch.bfloat16)
    assert type(loaded) is type(tiny.pipeline)


def test_a_stack_made_for_one_family_refuses_another(tiny):
    made = recipe("compiled-bf16-cached-prompts", CPU)
    with pytest.raises(InputError, match=r"-cached-prompts prepares .* measure it with eager-bf16"):
        open_bench(tiny.blueprint, made, CPU, NullTelemetry(), weights=None, seed=0)


def test_the_families_that_can_be_built_are_those_named():
    assert tuple(sorted(families.FAMILIES)) == FAMILIES


def test_a_model_comes_with_pytorch_s_own_attention_whatever_ran_before(bench: Bench):
    bench.pipeline.transformer.set_attention_backend("flex")
    try:
        other = families.build(load_blueprint(TINY_MODEL).document, 0, CPU, torch.float32)
    finally:
        bench.pipeline.transformer.set_attention_backend("native")
    processors = [getattr(each, "processor", None) for each in other.transformer.modules()]
    named = {each._attention_backend.value for each in processors if each is not None}
    assert named == {"native"}


def test_a_folder_that_is_no_checkpoint_is_refused_in_one_sentence(tmp_path: Path):
    with pytest.raises(DocumentError) as refused:
        families.load("sdxl", str(tmp_path), CPU, torch.bfloat16)
    told = str(refused.value)
    assert told.startswith(
        f"--weights {tmp_path}: cannot be loaded as a StableDiffusionXLPipeline (Error no file"
    )
    assert told.endswith("or the hub name of a checkpoint, or leave it out for synthetic weights.")
