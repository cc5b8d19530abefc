"""Judges against hand-worked numbers and against torchmetrics."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional.image.lpips import _LPIPS, ScalingLayer
from torchmetrics.functional.multimodal import clip_score

from fluxcost.errors import DocumentError, InputError
from measure.quality.clip import ClipJudge
from measure.quality.lpips import ALEXNET, LpipsJudge, distance, from_torchmetrics, save_judge
from tests.measure.quality.conftest import random_tensors

CPU = torch.device("cpu")
CAPTIONS = ("a red cup", "two keys", "a")


def noise(seed, width=48, height=40):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


class AsTorchmetricsExpects:
    """torchmetrics 1.9 takes features as tensors; transformers 5 returns them in an output."""

    def __init__(self, model) -> None:
        self.model, self.config = model, model.config

    def to(self, device):
        return self

    def get_image_features(self, pixels):
        return self.model.get_image_features(pixels).pooler_output

    def get_text_features(self, ids, mask):
        return self.model.get_text_features(ids, mask).pooler_output


def test_cosines_are_torchmetrics_clip_scores(clip):
    judge = ClipJudge(str(clip), CPU)
    picture = noise(1)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    loaded = AsTorchmetricsExpects(judge._model), judge._processor
    for caption, cosine in zip(CAPTIONS, judge.cosines(picture, CAPTIONS), strict=True):
        score = clip_score(pixels, caption, lambda: loaded).item()
        assert score / 100 == pytest.approx(max(cosine, 0.0), abs=1e-6)


def test_a_caption_has_the_same_cosine_alone_and_among_longer_ones(clip):
    judge = ClipJudge(str(clip), CPU)
    alone = [judge.cosines(noise(1), [caption])[0] for caption in CAPTIONS]
    assert judge.cosines(noise(1), CAPTIONS) == pytest.approx(alone, abs=1e-6)


def test_a_caption_the_model_cannot_read_whole_is_refused(clip):
    with pytest.raises(InputError, match=r"a caption of 102 tokens.*reads 64: shorten it"):
        ClipJudge(str(clip), CPU).cosines(noise(1), ["x" * 100])


def test_a_folder_that_is_no_clip_is_refused(tmp_path):
    with pytest.raises(DocumentError, match="cannot be loaded as a CLIP model"):
        ClipJudge(str(tmp_path), CPU)


def test_distance_of_one_pixel_by_hand():
    # (3, 4) and (4, 3) have length 5: (0.6, 0.8) and (0.8, 0.6) differ by 0.04 in each channel.
    first = [torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)]
    second = [torch.tensor([4.0, 3.0]).reshape(1, 2, 1, 1)]
    assert distance(first, second, [torch.tensor([1.0, 2.0])]) == pytest.approx(0.12)


def test_distance_averages_over_the_map_and_adds_up_layers():
    # One of two pixels differs by (1, -1) once normed, so each layer gives (1 + 1) / 2.
    first = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).reshape(1, 2, 1, 2)
    second = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    heads = [torch.ones(2), 3 * torch.ones(2)]
    assert distance([first] * 2, [second] * 2, heads) == pytest.approx(1.0 + 3.0)


def test_a_picture_is_at_no_distance_from_itself_and_distance_has_no_direction(lpips):
    judge = LpipsJudge(str(lpips), CPU)
    assert judge.distance(noise(1), noise(1)) == 0
    assert judge.distance(noise(1), noise(2)) > 0
    assert judge.distance(noise(1), noise(2)) == judge.distance(noise(2), noise(1))
    with pytest.raises(InputError, match="expected one size"):
        judge.distance(noise(1), noise(2, width=64))


def alexnet_in_slices(tensors):
    """Build torchvision's AlexNet in the slices of torchmetrics, and its heads, from a state."""
    layers, places = [], (0, 3, 6, 8, 10)
    state = {}
    for number, each in enumerate(ALEXNET.convolutions):
        conv = torch.nn.Conv2d(
            each.inputs, each.outputs, each.kernel, stride=each.stride, padding=each.padding
        )
        conv.load_state_dict({part: tensors[f"{number}.{part}"] for part in ("weight", "bias")})
        pool = [torch.nn.MaxPool2d(3, 2)] if each.pool_before else []
        layers.append(torch.nn.Sequential(*pool, conv, torch.nn.ReLU()))
        for part in ("weight", "bias"):
            name = f"net.slice{number + 1}.{places[number]}.{part}"
            state[name] = tensors[f"{number}.{part}"]
        state[f"lin{number}.model.1.weight"] = tensors[f"{number}.head"].reshape(1, -1, 1, 1)
    return layers, state


def test_the_whole_of_alexnet_agrees_with_torchmetrics(tmp_path):
    layers, state = alexnet_in_slices(random_tensors(ALEXNET, seed=3))
    save_judge(ALEXNET, from_torchmetrics(state), tmp_path)
    heads = []
    for number in range(5):
        head = torch.nn.Conv2d(ALEXNET.convolutions[number].outputs, 1, 1, bias=False)
        head.weight.data = state[f"lin{number}.model.1.weight"]
        heads.append(head)

    def forward(values):
        found = []
        for layer in layers:
            values = layer(values)
            found.append(values)
        return found

    theirs: Any = SimpleNamespace(
        scaling_layer=ScalingLayer(),
        resize=None,
        spatial=False,
        L=5,
        lins=heads,
        net=SimpleNamespace(forward=forward),
    )
    first, second = noise(1, 96, 80), noise(2, 96, 80)
    values = [
        torch.from_numpy(np.array(each)).permute(2, 0, 1)[None] / 255 for each in (first, second)
    ]
    with torch.no_grad():
        expected: Any = _LPIPS.forward(theirs, values[0], values[1], normalize=True)
    found = LpipsJudge(str(tmp_path), CPU).distance(first, second)
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_a_folder_without_a_network_is_refused_with_the_command_that_writes_one(tmp_path):
    with pytest.raises(DocumentError, match=r"python -m measure.quality.lpips"):
        LpipsJudge(str(tmp_path), CPU)
