"""FLOPs, parameters and bytes against published counts and counts by hand."""

from pathlib import Path

import pytest

import fluxcost
from fluxcost.errors import (
    DocumentError,
    FormatVersionError,
    InputError,
    MissingDataError,
    UnknownNameError,
)
from fluxcost.performance.architecture import load_architecture
from fluxcost.performance.flops import (
    decoder_weights,
    denoise_step,
    reference_encode,
    text_encode,
    text_encoder_parameters,
    transformer_parameters,
    vae_decode,
)
from fluxcost.workload.shape import Shape

ARCHITECTURES = Path(fluxcost.__file__).parent / "data" / "architectures"
KLEIN = load_architecture("flux2-klein-4b")

STEP_TFLOP = {
    (512, 512): (9.45, 0.72),
    (768, 768): (17.30, 2.44),
    (1280, 720): (25.25, 5.19),
    (1024, 1024): (28.30, 6.52),
    (2048, 2048): (103.69, 87.70),
}
DECODE_TFLOP = {
    (512, 512): 2.51,
    (768, 768): 5.75,
    (1280, 720): 9.14,
    (1024, 1024): 10.47,
    (2048, 2048): 48.5,
}
ACTIVATION_GB = {(512, 512): 4.58, (1024, 1024): 13.73, (2048, 2048): 50.35}


@pytest.mark.parametrize("size", STEP_TFLOP)
def test_a_step_counts_the_published_flops(size: tuple[int, int]):
    work = denoise_step(KLEIN, Shape(*size, 4))
    products, attention = STEP_TFLOP[size]
    assert work.matmul_flop / 1e12 == pytest.approx(products, abs=0.006)
    assert work.attention_flop / 1e12 == pytest.approx(attention, abs=0.006)


@pytest.mark.parametrize("size", DECODE_TFLOP)
def test_decoding_counts_the_published_flops(size: tuple[int, int]):
    assert vae_decode(KLEIN, Shape(*size, 4)).flop / 1e12 == pytest.approx(
        DECODE_TFLOP[size], rel=0.003
    )


def test_z_image_counts_the_published_flops():
    """62.49 TFLOP a step of 1024 x 1024 beside a prompt of 512 tokens.

    Attention by hand: 30 blocks over 4608 tokens, 2 over the image's 4096, 2 over the prompt's 512.
    """
    made = load_architecture("z-image-turbo")
    whole = made.pipeline.model_copy(update={"text_tokens": 512})
    work = denoise_step(made.model_copy(update={"pipeline": whole}), Shape(1024, 1024, 8))
    assert work.flop / 1e12 == pytest.approx(62.49, abs=0.02)
    by_hand = 4 * 3840 * (30 * 4608**2 + 2 * 4096**2 + 2 * 512**2)
    assert work.attention_flop == by_hand
    assert transformer_parameters(made.transformer) / 1e9 == pytest.approx(6.15, abs=0.005)


def test_a_denoiser_has_a_block(tmp_path):
    text = (ARCHITECTURES / "z-image-turbo.yaml").read_text("utf-8")
    path = tmp_path / "none.yaml"
    path.write_text(text.replace("num_single_layers: 30", "num_single_layers: 0"), "utf-8")
    with pytest.raises(InputError, match="num_layers or num_single_layers of at least 1"):
        load_architecture(path)


def test_the_text_encoder_counts_the_published_flops():
    whole = text_encode(KLEIN)
    read = text_encode(KLEIN, whole=False)
    assert whole.flop / 1e12 == pytest.approx(3.88 + 0.40, abs=0.01)
    assert read.flop / 1e12 == pytest.approx(2.91, abs=0.005)
    assert text_encode(KLEIN, batch=3).flop == pytest.approx(3 * whole.flop)


def test_parameters_are_those_published():
    assert transformer_parameters(KLEIN.transformer) / 1e9 == pytest.approx(3.876, abs=0.0005)
    assert decoder_weights(KLEIN.vae) / 1e6 == pytest.approx(49.6, abs=0.05)


def test_the_small_decoder_has_the_published_weights_and_work():
    """27.9 million by its card; 1.43 TFLOP at 512 x 512 and 6.00 at 1024 x 1024 by its widths."""
    small = load_architecture("flux2-klein-4b-small-decoder")
    assert decoder_weights(small.vae) / 1e6 == pytest.approx(27.9, abs=0.05)
    for side, teraflop in ((512, 1.43), (1024, 6.00)):
        decode = vae_decode(small, Shape(side, side, 4))
        assert decode.flop / 1e12 == pytest.approx(teraflop, rel=0.01)
    shape = Shape(1024, 1024, 4, reference_images=1)
    assert reference_encode(small, shape) == reference_encode(KLEIN, shape)
    assert denoise_step(small, shape) == denoise_step(KLEIN, shape)


FORWARD_TFLOP = {
    ("flux2-klein-9b", 512): 22.73,
    ("flux2-klein-9b", 1024): 75.51,
    ("flux2-klein-9b", 2048): 385.60,
    ("flux2-dev", 512): 87.77,
    ("flux2-dev", 1024): 282.60,
    ("flux2-dev", 2048): 1321.7,
    ("flux1-schnell", 1024): 69.45,
}
"""Of one forward, counted independently of this code from the published configurations."""


@pytest.mark.parametrize(("name", "side"), FORWARD_TFLOP)
def test_a_step_of_another_model_counts_the_published_flops(name: str, side: int):
    work = denoise_step(load_architecture(name), Shape(side, side, 4))
    assert work.flop / 1e12 == pytest.approx(FORWARD_TFLOP[name, side], rel=0.001)


@pytest.mark.parametrize(
    ("name", "denoiser_b", "text_b", "text_tflop"),
    [
        ("flux2-klein-9b", 9.079, 8.19, 7.27 + 0.64),
        ("flux2-dev", 32.18, 24.01, 22.94 + 0.69),
        ("flux1-schnell", 11.89, 4.76 + 0.12, None),
    ],
)
def test_parameters_of_another_model_are_those_published(
    name: str, denoiser_b: float, text_b: float, text_tflop: float | None
):
    """Billions: klein-9B, Qwen3-8B, FLUX.2 dev, Mistral Small 3.2, FLUX.1, T5-XXL's encoder."""
    model = load_architecture(name)
    assert transformer_parameters(model.transformer) / 1e9 == pytest.approx(denoiser_b, rel=0.002)
    assert text_encoder_parameters(model.text_encoder) / 1e9 == pytest.approx(text_b, rel=0.002)
    if text_tflop is not None:
        assert text_encode(model).flop / 1e12 == pytest.approx(text_tflop, abs=0.02)


@pytest.mark.parametrize(
    ("name", "tflop"),
    [
        ("flux2-klein-4b", 34.82),
        ("flux2-klein-9b", 75.51),
        ("flux1-schnell", 69.45),
        ("sd3.5-large", 31.14),
        ("sdxl-1.0", 6.76),
    ],
)
def test_a_forward_at_1024_takes_the_arithmetic_counted_by_hand(name: str, tflop: float):
    """Counted apart from this code, layer by layer, from the published configurations."""
    model = load_architecture(name)
    step = denoise_step(model, Shape(1024, 1024, 1))
    assert step.flop / model.pipeline.forwards_per_step / 1e12 == pytest.approx(tflop, rel=1e-3)


def test_a_unet_is_no_transformer():
    with pytest.raises(MissingDataError, match=r"sdxl-1.0 denoises with a UNet"):
        _ = load_architecture("sdxl-1.0").transformer


def test_a_step_equals_its_products_listed_one_by_one():
    """Every linear layer of the published block structure, rows x inner x columns."""
    image, text, d = 4096, 512, 3072
    tokens = image + text
    double = [
        *((rows, d, d) for rows in (image, text) for _ in range(4)),
        *((rows, d, 18432) for rows in (image, text)),
        *((rows, 9216, d) for rows in (image, text)),
    ]
    single = [(tokens, d, 27648), (tokens, 12288, d)]
    ends = [(text, 7680, d), (image, 128, d), (image, d, 128)]
    listed = sum(2 * m * k * n for m, k, n in [*double * 5, *single * 20, *ends])
    scores_and_values = 25 * 24 * 2 * (2 * tokens * tokens * 128)
    work = denoise_step(KLEIN, Shape(1024, 1024, 4))
    assert work.matmul_flop == pytest.approx(listed, rel=1e-12)
    assert work.attention_flop == pytest.approx(scores_and_values, rel=1e-12)


def test_weights_are_read_once_and_activations_once_an_image():
    weights = 2 * transformer_parameters(KLEIN.transformer)
    for size, activations in ACTIVATION_GB.items():
        one = denoise_step(KLEIN, Shape(*size, 4)).traffic_bytes
        four = denoise_step(KLEIN, Shape(*size, 4), batch=4).traffic_bytes
        assert (one - weights) / 1e9 == pytest.approx(activations, abs=0.006)
        assert four - weights == pytest.approx(4 * (one - weights))


def test_tokens_are_those_of_the_image_and_the_prompt():
    assert KLEIN.tokens(Shape(512, 512, 4)) == 1536
    assert KLEIN.tokens(Shape(1280, 720, 4)) == 4112


def test_an_unknown_architecture_names_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        load_architecture("flux2-klein-8b")
    assert "flux2-klein-9b" in caught.value.nearest


def test_a_file_can_be_given_by_path():
    assert load_architecture("tests/data/tiny.yaml").transformer.width == 32


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1", DocumentError),
        ("format: fluxcost-architecture\nversion: 2", FormatVersionError),
        ("format: fluxcost-architecture\nversion: 1", InputError),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, error: type[Exception]):
    path = tmp_path / "architecture.yaml"
    path.write_text(text)
    with pytest.raises(error, match=r"architecture\.yaml"):
        load_architecture(path)
