"""LPIPS: the distance of two pictures by the features of a small image network.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018): at
some layers, norm both feature maps to length 1 over channels, square the difference, weigh the
channels by a trained head, average over the map, and add up the layers.

A judge is a folder of `lpips.json` (the convolutions) and `lpips.safetensors` (their weights and
the heads). Where torchvision is installed, `python -m measure.quality.lpips FOLDER` writes the
usual one: torchvision's AlexNet and the heads that come with torchmetrics.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from fluxcost.documents import read_json, write_atomically
from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.quality.quality_record import Judge
from fluxcost.records import Count, FirstVersion, Name, Record
from measure.quality.checkpoint import revision_of

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""Mean and deviation of ImageNet's pixels, of values -1 to 1 (the reference implementation)."""

EPSILON = 1e-8
"""Added to squared lengths before the root, as torchmetrics does."""


class Convolution(Record):
    """One convolution and its rectifier, at whose output a head reads."""

    inputs: Count
    outputs: Count
    kernel: Count
    stride: Count = 1
    padding: Annotated[int, Field(ge=0)] = 0
    pool_before: bool = Field(default=False, description="3x3 maximum over every second pixel.")


class Backbone(Record):
    """The convolutions of a judge."""

    format: Literal["fluxcost-lpips"]
    version: FirstVersion
    name: Name
    convolutions: tuple[Convolution, ...] = Field(min_length=1)


ALEXNET = Backbone(
    format="fluxcost-lpips",
    version=1,
    name="alexnet",
    convolutions=(
        Convolution(inputs=3, outputs=64, kernel=11, stride=4, padding=2),
        Convolution(inputs=64, outputs=192, kernel=5, padding=2, pool_before=True),
        Convolution(inputs=192, outputs=384, kernel=3, padding=1, pool_before=True),
        Convolution(inputs=384, outputs=256, kernel=3, padding=1),
        Convolution(inputs=256, outputs=256, kernel=3, padding=1),
    ),
)
"""torchvision's AlexNet."""


def distance(
    first: Sequence[torch.Tensor], second: Sequence[torch.Tensor], heads: Sequence[torch.Tensor]
) -> float:
    """Return the distance of two pictures' feature maps.

    Args:
        first: Feature maps of one picture, each of shape (1, channels, height, width).
        second: Those of the other.
        heads: Weight of each channel, one vector of shape (channels,) a layer.
    """
    total = 0.0
    for a, b, head in zip(first, second, heads, strict=True):
        squared = (_unit(a) - _unit(b)) ** 2
        total += float((squared * head[None, :, None, None]).sum(dim=1).mean())
    return total


def _unit(features: torch.Tensor) -> torch.Tensor:
    return features / torch.sqrt(EPSILON + (features**2).sum(dim=1, keepdim=True))


class LpipsJudge:
    """A backbone and its heads on a device."""

    def __init__(self, name: str, device: torch.device) -> None:
        from safetensors.torch import load_file

        folder = Path(name)
        weights = folder / "lpips.safetensors"
        if not weights.is_file():
            raise DocumentError(
                f"--lpips {name}: no lpips.safetensors in it; write the folder with "
                f"`python -m measure.quality.lpips {name}` where torchvision is installed."
            )
        where = str(folder / "lpips.json")
        self._backbone = Backbone.parse(read_json(folder / "lpips.json"), where)
        self._tensors = {key: value.to(device) for key, value in load_file(weights).items()}
        self._device = device
        self.identity = Judge(name=self._backbone.name, revision=revision_of(name))

    @torch.no_grad()
    def features(self, picture: Image.Image) -> list[torch.Tensor]:
        """Return the feature maps of a picture after each rectifier."""
        pixels = torch.from_numpy(np.asarray(picture.convert("RGB"), dtype=np.float32))
        values = (pixels.permute(2, 0, 1)[None] / 127.5 - 1).to(self._device)
        shift, scale = (
            torch.tensor(each, device=self._device)[None, :, None, None] for each in (SHIFT, SCALE)
        )
        maps, flow = [], (values - shift) / scale
        for number, each in enumerate(self._backbone.convolutions):
            if each.pool_before:
                flow = torch.nn.functional.max_pool2d(flow, kernel_size=3, stride=2)
            weight, bias = (self._tensors[f"{number}.{part}"] for part in ("weight", "bias"))
            flow = torch.nn.functional.conv2d(
                flow, weight, bias, stride=each.stride, padding=each.padding
            ).relu()
            maps.append(flow)
        return maps

    def distance(self, first: Image.Image, second: Image.Image) -> float:
        """Return how far apart two pictures of one size look; 0 for the same picture.

        Raises:
            InputError: Their sizes differ.
        """
        if first.size != second.size:
            raise InputError(f"pictures of {first.size} and {second.size}; expected one size.")
        heads = [self._tensors[f"{i}.head"] for i in range(len(self._backbone.convolutions))]
        return distance(self.features(first), self.features(second), heads)


def save_judge(backbone: Backbone, tensors: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Write a judge's folder.

    Args:
        backbone: Its convolutions.
        tensors: `N.weight`, `N.bias` and `N.head` of each, N from 0.
        folder: Made if it is not there.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.contiguous() for key, value in tensors.items()}, folder / "lpips.safetensors"
    )
    write_atomically(folder / "lpips.json", backbone.model_dump_json(indent=1) + "\n")


def from_torchmetrics(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a judge's tensors from the state of torchmetrics' LPIPS with AlexNet.

    The names are those of torchvision's `features`, in slices: net.slice3.6.weight, lin2.model.1...
    """
    found: dict[str, torch.Tensor] = {}
    for number, layer in enumerate((0, 3, 6, 8, 10)):
        for part in ("weight", "bias"):
            found[f"{number}.{part}"] = state[f"net.slice{number + 1}.{layer}.{part}"]
        found[f"{number}.head"] = state[f"lin{number}.model.1.weight"].flatten()
    return found


def main(folder: Path) -> None:
    """Write the usual judge; needs torchvision, which downloads AlexNet's weights once."""
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    state = LearnedPerceptualImagePatchSimilarity(net_type="alex").net.state_dict()
    save_judge(ALEXNET, from_torchmetrics(state), folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
