"""A tiny checkpoint, CLIP and LPIPS network in folders, as a user's would be."""

import json
from pathlib import Path

import pytest
import torch

from measure.pipelines import families
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.families import silence_libraries
from measure.pipelines.synthetic_weights import SYNTHETIC_MARK
from measure.quality.lpips import Backbone, Convolution, save_judge
from tests.measure.conftest import TINY_MODEL

PROMPTS = """
format: fluxcost-prompts
version: 1
name: few
description: Two kinds of pictures, two prompts each.
categories:
  color:
    - {text: a red cup on a tan mat, foils: [a tan cup on a red mat, a red cup on a red mat]}
    - {text: a tan dog by a gray cat, foils: [a gray dog by a tan cat, a tan dog by a tan cat]}
  counting:
    - {text: two apples, foils: [one apple, three apples]}
    - {text: three keys, foils: [one key, two keys]}
"""


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory) -> Path:
    """A saved build of synthetic weights, which says so."""
    folder: Path = tmp_path_factory.mktemp("synthetic")
    document = load_blueprint(TINY_MODEL).document
    families.build(document, 0, torch.device("cpu"), torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """The same weights without their mark: to the code under test a trained checkpoint."""
    folder: Path = tmp_path_factory.mktemp("checkpoint")
    document = load_blueprint(TINY_MODEL).document
    families.build(document, 0, torch.device("cpu"), torch.bfloat16).save_pretrained(folder)
    index = folder / "model_index.json"
    values = json.loads(index.read_text())
    del values[SYNTHETIC_MARK]
    index.write_text(json.dumps(values))
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip"), seed=0)


def save_clip(folder: Path, seed: int) -> Path:
    """Save a CLIP of width 32 that reads bytes and pictures of 32 pixels."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        CLIPConfig,
        CLIPImageProcessorPil,
        CLIPModel,
        CLIPProcessor,
        CLIPTokenizer,
    )

    silence_libraries()
    characters = sorted(ByteLevel.alphabet())
    words = [*characters, *(f"{each}</w>" for each in characters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])
    layers = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    text = {
        "vocab_size": len(words),
        "max_position_embeddings": 64,
        "bos_token_id": len(words) - 2,
        "eos_token_id": len(words) - 1,
    }
    image = {"image_size": 32, "patch_size": 8}
    torch.manual_seed(seed)
    config = CLIPConfig(text_config=layers | text, vision_config=layers | image, projection_dim=16)
    CLIPModel(config).save_pretrained(folder)
    pixels = CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    CLIPProcessor(image_processor=pixels, tokenizer=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def lpips(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("lpips")
    backbone = Backbone(
        format="fluxcost-lpips",
        version=1,
        name="tiny",
        convolutions=(
            Convolution(inputs=3, outputs=4, kernel=3, stride=2, padding=1),
            Convolution(inputs=4, outputs=6, kernel=3, padding=1, pool_before=True),
        ),
    )
    save_judge(backbone, random_tensors(backbone, seed=0), folder)
    return folder


def random_tensors(backbone: Backbone, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for number, each in enumerate(backbone.convolutions):
        shape = (each.outputs, each.inputs, each.kernel, each.kernel)
        found[f"{number}.weight"] = torch.randn(shape, generator=generator)
        found[f"{number}.bias"] = torch.randn(each.outputs, generator=generator)
        found[f"{number}.head"] = torch.rand(each.outputs, generator=generator)
    return found


@pytest.fixture
def prompts(tmp_path) -> Path:
    path: Path = tmp_path / "few.yaml"
    path.write_text(PROMPTS)
    return path
