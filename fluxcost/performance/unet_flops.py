"""The FLOPs and weights of a UNet denoiser, as in Stable Diffusion XL: convolutions and attention.

Level l works on latents of 8 x 2^l pixels a side (diffusers, UNet2DConditionModel). A level with
transformer depth d runs d blocks after each of its residual blocks: self-attention over the
level's positions, attention from them to the prompt's tokens, and a gated feed-forward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fluxcost.performance.architecture import FEED_FORWARD, LATENT_PX, Unet


@dataclass(frozen=True)
class UnetLayer:
    """One convolution or linear layer.

    Attributes:
        weights: Its weights.
        moved: Values in and out at a position.
        level: Where it works; None for a layer over the prompt's tokens.
    """

    weights: int
    moved: int
    level: int | None

    def positions(self, pixels: float, text: int) -> float:
        """Return how many positions it works on for one image."""
        return text if self.level is None else pixels / LATENT_PX / 4**self.level


def unet_layers(unet: Unet) -> Iterator[UnetLayer]:
    """Yield every convolution and linear layer that works on positions or tokens."""
    channels, layers = unet.block_out_channels, unet.layers_per_block
    yield _conv(unet.in_channels, channels[0], 0)
    skips, width = [channels[0]], channels[0]
    for level, outputs in enumerate(channels):
        for _ in range(layers):
            yield from _residual(width, outputs, level)
            yield from _transformer(unet, level)
            width = outputs
            skips.append(width)
        if level < len(channels) - 1:
            yield _conv(width, width, level + 1)
            skips.append(width)
    last = len(channels) - 1
    yield from _residual(width, width, last)
    yield from _transformer(unet, last)
    yield from _residual(width, width, last)
    for level in range(last, -1, -1):
        for _ in range(layers + 1):
            yield from _residual(width + skips.pop(), channels[level], level)
            yield from _transformer(unet, level)
            width = channels[level]
        if level:
            yield _conv(width, width, level - 1)
    yield _conv(width, unet.out_channels, 0)


def blocks_by_level(unet: Unet) -> dict[int, int]:
    """Return level to the number of transformer blocks that work there."""
    last = len(unet.block_out_channels) - 1
    depths = unet.transformer_layers_per_block
    runs = 2 * unet.layers_per_block + 1
    return {level: depth * (runs + (level == last)) for level, depth in enumerate(depths) if depth}


def attention_flop(unet: Unet, pixels: float, text: int) -> float:
    """Return the FLOPs of attention's two products for one image, self and to the prompt."""
    total = 0.0
    for level, blocks in blocks_by_level(unet).items():
        positions = pixels / LATENT_PX / 4**level
        total += 4 * blocks * unet.block_out_channels[level] * positions * (positions + text)
    return total


def unet_parameters(unet: Unet) -> int:
    """Return the weights of the UNet, biases and norms left out."""
    embedded = 4 * unet.block_out_channels[0]
    residuals = sum(
        embedded * outputs * count for outputs, count in _residual_outputs(unet).items()
    )
    time = (unet.block_out_channels[0] + embedded) * embedded
    added = (unet.projection_class_embeddings_input_dim + embedded) * embedded
    return sum(each.weights for each in unet_layers(unet)) + residuals + time + added


def _residual_outputs(unet: Unet) -> dict[int, int]:
    """Return output channels to the number of residual blocks that have them."""
    found: dict[int, int] = {}
    for outputs in unet.block_out_channels:
        found[outputs] = found.get(outputs, 0) + 2 * unet.layers_per_block + 1
    found[unet.width] += 2  # in the middle
    return found


def _conv(inputs: int, outputs: int, level: int) -> UnetLayer:
    return UnetLayer(9 * inputs * outputs, inputs + outputs, level)


def _linear(inputs: int, outputs: int, level: int | None) -> UnetLayer:
    return UnetLayer(inputs * outputs, inputs + outputs, level)


def _residual(inputs: int, outputs: int, level: int) -> Iterator[UnetLayer]:
    yield _conv(inputs, outputs, level)
    yield _conv(outputs, outputs, level)
    if inputs != outputs:
        yield _linear(inputs, outputs, level)


def _transformer(unet: Unet, level: int) -> Iterator[UnetLayer]:
    depth, width = unet.transformer_layers_per_block[level], unet.block_out_channels[level]
    if not depth:
        return
    yield from (_linear(width, width, level),) * 2  # in and out
    for _ in range(depth):
        yield from (_linear(width, width, level),) * 6  # Q, K, V, output; Q and output to text
        yield from (_linear(unet.cross_attention_dim, width, None),) * 2  # K and V of text
        yield _linear(width, 2 * FEED_FORWARD * width, level)
        yield _linear(FEED_FORWARD * width, width, level)
