"""Each lever against the plain arithmetic it replaces."""

import numpy as np
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor
from torch import nn

from fluxcost.errors import InputError
from measure.pipelines import families
from measure.pipelines.blueprint import load_blueprint
from measure.stacks import compiled_fp8, recipe
from measure.stacks.fp8_linear import LARGEST, Fp8Linear, large_linears, quantize_rows
from measure.stacks.gpu_kernels import PixelFirstGroupNorm, norm_pixels_first
from measure.stacks.host_work import Copying, convert_on_device
from tests.measure.conftest import TINY_MODEL

CPU = torch.device("cpu")
SEED = torch.Generator().manual_seed


@pytest.mark.parametrize(
    ("shape", "groups"), [((2, 64, 16, 24), 32), ((1, 8, 9, 7), 4), ((3, 12, 50), 3)]
)
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_group_norm_equals_torchs(shape: tuple[int, ...], groups: int, offset: float):
    norm = nn.GroupNorm(groups, shape[1], eps=1e-6)
    with torch.no_grad():
        norm.weight.normal_(generator=SEED(1))
        norm.bias.normal_(generator=SEED(2))
        values = torch.randn(shape, generator=SEED(3)) * 3 + offset
        expected = norm(values.double().float())
        assert torch.allclose(PixelFirstGroupNorm(norm)(values), expected, atol=2e-4, rtol=1e-4)


def test_group_norm_keeps_dtype_and_memory_order():
    values = torch.randn(2, 8, 6, 6, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    normed = PixelFirstGroupNorm(nn.GroupNorm(4, 8).to(torch.bfloat16))(values)
    assert normed.dtype == torch.bfloat16
    assert normed.is_contiguous(memory_format=torch.channels_last)


def test_every_group_norm_of_the_decoder_is_replaced_and_keeps_its_weights():
    document = load_blueprint(TINY_MODEL).document
    decoder = families.build(document, 0, CPU, torch.bfloat16).vae.decoder
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    count = sum(isinstance(each, nn.GroupNorm) for each in decoder.modules())
    assert norm_pixels_first(decoder) == count > 10
    assert not any(isinstance(each, nn.GroupNorm) for each in decoder.modules())
    after = decoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_pictures_equal_those_diffusers_makes(dtype: torch.dtype):
    decoded = torch.randn(2, 3, 40, 24, generator=SEED(5)).to(dtype)  # many outside -1 to 1

    class Pipeline:
        image_processor = VaeImageProcessor()

    expected = VaeImageProcessor().postprocess(decoded, output_type="pil")
    pipeline = Pipeline()
    convert_on_device(pipeline)
    made = pipeline.image_processor.postprocess(decoded, output_type="pil")
    assert [picture.size for picture in made] == [(24, 40)] * 2
    for ours, theirs in zip(made, expected, strict=True):
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    values = pipeline.image_processor.postprocess(decoded, output_type="pt")
    assert torch.equal(values, VaeImageProcessor().postprocess(decoded, output_type="pt"))


def test_a_picture_lies_the_right_way():
    values = torch.zeros(1, 3, 2, 3)
    values[0, 1, 0, 2] = 1.0  # green, first row, last column
    picture = Copying(values).pictures()[0]
    assert picture.getpixel((2, 0)) == (0, 255, 0)
    assert picture.getpixel((0, 1)) == (0, 0, 0)


def test_quantized_rows_are_within_half_a_step_of_e4m3():
    values = torch.randn(50, 64, generator=SEED(7)) * torch.logspace(-6, 4, 50)[:, None]
    values[0] = 0
    rounded, scale = quantize_rows(values)
    back = rounded.float() * scale
    assert rounded.dtype == torch.float8_e4m3fn
    # 3 bits behind the point: at most 1/16 of a normal number, or half the smallest step.
    bound = torch.maximum(values.abs() / 16, scale * 2.0**-10)
    assert bool(((back - values).abs() <= bound * (1 + 1e-6)).all())
    assert bool((rounded.float().abs().amax(dim=1)[1:] == LARGEST).all())
    assert not bool(back[0].any())


def test_a_quantized_product_is_near_the_exact_one():
    linear = nn.Linear(256, 128, bias=False, dtype=torch.bfloat16)
    values = torch.randn(2, 5, 256, generator=SEED(9)).to(torch.bfloat16)
    with torch.no_grad():
        exact = linear(values).float()
        quantized = Fp8Linear(linear)(values).float()
    assert quantized.shape == exact.shape
    error = float(torch.linalg.norm(quantized - exact) / torch.linalg.norm(exact))
    # Two independent roundings, each uniform within 1/16 relative: about 2.5 % each.
    assert 0.01 < error < 0.06


def test_only_the_blocks_large_linears_are_quantized():
    document = load_blueprint(TINY_MODEL).document
    transformer = families.build(document, 0, CPU, torch.bfloat16).transformer
    blocks = (transformer.transformer_blocks, transformer.single_transformer_blocks)
    expected = sum(
        isinstance(each, nn.Linear) for block in blocks for each in block.modules()
    )  # all block linears are at least as wide as the model
    assert compiled_fp8.quantize_blocks(transformer) == expected > 0
    assert all(not large_linears(block, 1) for block in blocks)
    kept = {name for name, each in transformer.named_modules() if isinstance(each, nn.Linear)}
    assert {"x_embedder", "context_embedder", "proj_out", "norm_out.linear"} <= kept


def test_linears_under_the_width_or_with_a_bias_are_left():
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide = nn.Linear(32, 64, bias=False)
            self.narrow = nn.Linear(32, 16, bias=False)
            self.biased = nn.Linear(32, 32)

    assert list(large_linears(Block(), least=32)) == ["wide"]


def test_fp8_is_refused_where_the_device_has_none(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="device is cpu; measure compiled-bf16 there"):
        recipe("compiled-fp8", CPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    with pytest.raises(InputError, match=r"compute capability 8\.9 or more; device has 8\.0"):
        recipe("compiled-fp8", torch.device("cuda"))


def test_fp8_says_that_it_is_lossy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    gpu = torch.device("cuda")
    settings = recipe("compiled-fp8", gpu).stack.settings
    assert settings["lossy"] is True
    shared = recipe("compiled-bf16", gpu).stack.settings
    assert "lossy" not in shared
    assert shared.items() <= settings.items()
    assert shared["cuda_graphs"] is True
