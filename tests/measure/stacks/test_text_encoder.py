"""Encoders read what they read before, and are not compiled anew while they are recorded."""

from typing import Any

import pytest
import torch

from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.components import text_encoders
from measure.pipelines.families import build
from measure.stacks.text_encoder import (
    UNMASKED,
    layers_to_compile,
    mask_stated,
    stop_after_last_read_layer,
    text_layers,
)
from tests.measure.conftest import DATA, TINY_MODEL

CPU = torch.device("cpu")
TOKENS = torch.randint(0, 512, (2, 77), generator=torch.Generator().manual_seed(3))


def tiny(family: str) -> Any:
    document = load_blueprint(str(DATA / f"tiny-{family}.yaml")).document
    return build(document, 0, CPU, torch.float32)


@pytest.mark.parametrize("family", ["flux1", "sd3", "sdxl"])
def test_a_stated_mask_is_the_one_assumed(family: str):
    for encoder in text_encoders(tiny(family)):
        with torch.no_grad():
            plain, stated = (
                encode(TOKENS, output_hidden_states=True)
                for encode in (encoder.forward, mask_stated(encoder))
            )
        assert type(plain) is type(stated)
        for one, other in zip(plain.hidden_states, stated.hidden_states, strict=True):
            assert torch.allclose(one, other, atol=1e-5)
        assert torch.allclose(plain[0], stated[0], atol=1e-5)


def test_every_encoder_without_a_mask_is_known_and_klein_s_is_left_alone():
    families = ("flux1", "sd3", "sdxl")
    kinds = {type(each).__name__ for name in families for each in text_encoders(tiny(name))}
    assert kinds == set(UNMASKED)
    klein = build(load_blueprint(TINY_MODEL).document, 0, CPU, torch.float32).text_encoder
    assert mask_stated(klein) == klein.forward
    assert len(layers_to_compile(klein)) == 28


@pytest.mark.parametrize("family", ["flux1", "sd3"])
def test_what_is_recorded_is_what_was_warmed_up(family: str, monkeypatch: pytest.MonkeyPatch):
    """transformers looks whether a stream is being captured; no layer must notice."""
    compiled: list[Any] = []
    told: list[Any] = []

    def backend(graph: Any, _inputs: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    encoders = text_encoders(tiny(family))
    for encoder in encoders:
        for layer in text_layers(encoder):
            layer.register_forward_pre_hook(lambda _layer, args: told.append(args[1]))
        for layer in layers_to_compile(encoder):
            layer.compile(backend=backend, dynamic=False)
        encoder.forward = mask_stated(encoder)
    with torch.no_grad():
        before = [encoder(TOKENS, output_hidden_states=True)[0] for encoder in encoders]
        warm = len(compiled)
        assert warm > 0
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
        after = [encoder(TOKENS, output_hidden_states=True)[0] for encoder in encoders]
    assert len(compiled) == warm
    assert {tuple(mask.shape) for mask in told} == {(1, 1, 77, 77)}  # none is left to be made
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one, other)


def test_xl_s_first_encoder_stops_before_the_layer_nobody_reads():
    whole, cut = tiny("sdxl"), tiny("sdxl")
    stop_after_last_read_layer(cut)
    last = text_layers(cut.text_encoder)[-1]
    last.mlp.forward = None  # or it would be called
    with torch.no_grad():
        made, true = (each.encode_prompt(prompt=["a red bicycle"]) for each in (cut, whole))
    for one, other in zip(made, true, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("family", ["flux1", "sd3"])
def test_encoders_read_to_their_end_are_left_whole(family: str):
    whole, pipeline = tiny(family), tiny(family)
    stop_after_last_read_layer(pipeline)
    for encoder, before in zip(text_encoders(pipeline), text_encoders(whole), strict=True):
        assert len(text_layers(encoder)) == len(text_layers(before))
        assert all("forward" not in vars(each) for each in text_layers(encoder))
