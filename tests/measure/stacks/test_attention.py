"""One attention kernel for processors that diffusers does not dispatch, traced as one graph."""

from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend

from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.components import denoiser
from measure.pipelines.families import build
from measure.stacks.gpu_kernels import CudnnAttention, undispatched
from tests.measure.conftest import DATA

CPU = torch.device("cpu")


def network(name: str) -> Any:
    document = load_blueprint(str(DATA / f"{name}.yaml")).document
    return denoiser(build(document, 0, CPU, torch.float32))


@pytest.mark.parametrize(
    ("name", "attentions"),
    [
        ("tiny", 0),  # diffusers' dispatcher takes the kernel's name
        ("tiny-flux1", 0),
        ("tiny-sd3", 3),  # one a block
        ("tiny-sdxl", 1 * 2 + 2 * 2 + 2 + 2 * 3 + 1 * 3),  # the first of each block's two
    ],
)
def test_self_attention_that_diffusers_does_not_dispatch_is_found(name: str, attentions: int):
    assert len(undispatched(network(name))) == attentions


@pytest.mark.parametrize("name", ["tiny-sd3", "tiny-sdxl"])
def test_a_processor_through_one_kernel_is_traced_whole_and_gives_the_same(name: str):
    made = network(name)
    attention = undispatched(made)[0]
    width = attention.to_q.in_features
    values = torch.randn(1, 12, width, generator=torch.Generator().manual_seed(5))
    context = torch.randn(1, 7, width, generator=torch.Generator().manual_seed(6))
    given = (values, context) if attention.add_k_proj is not None else (values,)
    with torch.no_grad():
        expected = attention(*given)
        attention.set_processor(CudnnAttention(attention.processor, SDPBackend.MATH))
        seen = torch.compile(attention, backend="eager", fullgraph=True)(*given)
    for one, other in zip(*map(_parts, (expected, seen)), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_kernel_that_cannot_run_here_is_not_silently_another():
    attention = undispatched(network("tiny-sd3"))[0]
    attention.set_processor(CudnnAttention(attention.processor, SDPBackend.CUDNN_ATTENTION))
    values = torch.zeros(1, 4, attention.to_q.in_features)
    with torch.no_grad(), pytest.raises(RuntimeError, match="No viable backend"):
        attention(values, values)


def _parts(made: Any) -> tuple[torch.Tensor, ...]:
    return made if isinstance(made, tuple) else (made,)
