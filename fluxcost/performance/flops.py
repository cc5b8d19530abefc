"""The work of each stage: FLOPs and the least bytes that must move.

A matrix product of m x k by k x n is 2 m k n FLOPs. Normalizations, activations, softmax, position
encodings and host time are not counted, so what follows from these numbers are floors.
Bytes count each weight once a call and each operand of a product or an attention read and written
once, with everything between them fused: 2 bytes a value (bf16).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fluxcost.performance.architecture import (
    PIXELS_PER_TOKEN,
    Architecture,
    TextEncoder,
    Transformer,
    Unet,
    Vae,
)
from fluxcost.performance.unet_flops import attention_flop, unet_layers, unet_parameters
from fluxcost.workload.shape import Shape

BYTES_PER_VALUE = 2
"""bf16."""

TIMESTEP_HIDDEN = 1024
"""Hidden values of a timestep's embedding of few values (diffusers, ZImageTransformer2DModel)."""

VAE_SHRINK = 8
"""Pixels of a side per latent: three halvings in the AutoencoderKL family (diffusers)."""


@dataclass(frozen=True)
class Work:
    """Arithmetic and traffic of one stage.

    Attributes:
        matmul_flop: FLOPs of matrix products and convolutions.
        attention_flop: FLOPs of attention's two products.
        traffic_bytes: Least bytes read from and written to device memory.
    """

    matmul_flop: float
    attention_flop: float
    traffic_bytes: float

    @property
    def flop(self) -> float:
        """All FLOPs."""
        return self.matmul_flop + self.attention_flop


def transformer_parameters(transformer: Transformer) -> int:
    """Return the number of parameters of the denoiser (norm scales of the heads included)."""
    width, refiners = transformer.width, transformer.num_refiner_layers
    blocks = transformer.num_layers * 2 + transformer.num_single_layers + 2 * refiners
    norms = (4 * transformer.num_layers + 2 * transformer.num_single_layers + 4 * refiners) * (
        transformer.attention_head_dim
    )
    context = transformer.joint_attention_dim * width
    weights = blocks * block_weights(transformer) + context + norms
    if transformer.modulation_inputs is not None:
        return weights + _narrow_modulation(transformer, transformer.modulation_inputs)
    doubles, singles = transformer.num_layers, transformer.num_single_layers
    if transformer.shared_modulation:
        doubles, singles = 1, 1
    modulation = (12 * doubles + 3 * singles) * width**2
    head = 2 * width**2 + 2 * transformer.in_channels * width
    embedded = [transformer.timestep_guidance_channels] * (1 + transformer.guidance_embeds)
    if transformer.pooled_projection_dim is not None:
        embedded.append(transformer.pooled_projection_dim)
    embeds = sum((inputs + width) * width for inputs in embedded)
    if transformer.last_block_drops_text:  # and 4 of its 6 modulations
        weights -= _dropped_weights(transformer) + 4 * width**2
    return weights + modulation + head + embeds


def _narrow_modulation(transformer: Transformer, inputs: int) -> int:
    """Return what a denoiser modulated from a few values has beside its blocks.

    Blocks that see the image, and the head, take the timestep's embedding of `inputs` values.
    """
    width = transformer.width
    modulated = transformer.num_single_layers + transformer.num_refiner_layers
    embed = (transformer.timestep_guidance_channels + inputs) * TIMESTEP_HIDDEN
    ends = (inputs + 2 * transformer.token_channels) * width
    return 4 * modulated * inputs * width + embed + ends


def block_weights(transformer: Transformer) -> int:
    """Return the weights a token meets in a block: Q, K, V, output 4 d^2, feed-forward 3 r d^2.

    A feed-forward without a gate has 2 r d^2.
    """
    per_square = 4 + transformer.mlp_products * transformer.mlp_ratio
    return round(per_square * transformer.width**2)


def _dropped_weights(transformer: Transformer) -> int:
    """Return what a last block that only reads text lacks: its output and its feed-forward."""
    return block_weights(transformer) - 3 * transformer.width**2


def denoiser_parameters(architecture: Architecture) -> int:
    """Return the number of parameters of the denoiser, transformer or UNet."""
    if architecture.unet is not None:
        return unet_parameters(architecture.unet)
    return transformer_parameters(architecture.transformer)


def denoise_slopes(architecture: Architecture) -> tuple[float, float]:
    """Return FLOPs of a forward's products a token, and of its attention a token squared.

    A UNet's token is 16 x 16 pixels, as a transformer's is; its prompt stands apart.
    """
    if architecture.unet is not None:
        unet, many = architecture.unet, 2**20
        per_token = sum(
            2 * each.weights * each.positions(PIXELS_PER_TOKEN, 0) for each in unet_layers(unet)
        )
        return per_token, attention_flop(unet, PIXELS_PER_TOKEN * many, 0) / many**2
    part = architecture.transformer
    blocks = part.blocks + part.num_refiner_layers  # the prompt's refiners do not see the image
    return float(2 * block_weights(part) * blocks), float(4 * part.width * blocks)


def _unet_step(architecture: Architecture, unet: Unet, shape: Shape, batch: int) -> Work:
    forwards = architecture.pipeline.forwards_per_step * batch
    text = architecture.text_tokens
    layers = list(unet_layers(unet))
    places = [each.positions(shape.pixels, text) for each in layers]
    flop = sum(2 * each.weights * at for each, at in zip(layers, places, strict=True))
    moved = sum(each.moved * at for each, at in zip(layers, places, strict=True))
    return Work(
        matmul_flop=float(forwards * flop),
        attention_flop=forwards * attention_flop(unet, shape.pixels, text),
        traffic_bytes=BYTES_PER_VALUE * (unet_parameters(unet) + forwards * moved),
    )


def denoise_step(architecture: Architecture, shape: Shape, batch: int = 1) -> Work:
    """Return the work of one denoising step of a batch of images."""
    if architecture.unet is not None:
        return _unet_step(architecture, architecture.unet, shape, batch)
    part = architecture.transformer
    forwards = architecture.pipeline.forwards_per_step * batch
    tokens = architecture.tokens(shape)
    text = architecture.text_tokens
    width, refiners = part.width, part.num_refiner_layers
    # A token meets the refiners of its own kind only.
    blocks = 2 * tokens * block_weights(part) * (part.blocks + refiners)
    ends = 2 * width * (text * part.joint_attention_dim + 2 * (tokens - text) * part.token_channels)
    if part.last_block_drops_text:
        blocks -= 2 * text * _dropped_weights(part)
    apart = refiners * ((tokens - text) ** 2 + text**2)
    attention = 4 * width * (tokens**2 * part.blocks + apart)
    # Values moved per token, in widths: 4 for attention; a single block adds d in, 3d+2rd out,
    # (1+r)d in, d out; a double block runs its four products apart: 4d + 2d + (1+2r)d + (1+r)d,
    # and so do a refiner and a single block that is not fused. Without a gate 2r is r.
    ratio, widened = part.mlp_ratio, (part.mlp_products - 1) * part.mlp_ratio
    single = 4 + 1 + (3 + widened) + (1 + ratio) + 1
    double = 4 + 4 + 2 + (1 + widened) + (ratio + 1)
    fused = part.num_single_layers if part.fused_single_blocks else 0
    moved = tokens * width * (single * fused + double * (part.blocks + refiners - fused))
    return Work(
        matmul_flop=float(forwards * (blocks + ends)),
        attention_flop=float(forwards * attention),
        traffic_bytes=BYTES_PER_VALUE * (transformer_parameters(part) + forwards * moved),
    )


def text_encode(architecture: Architecture, batch: int = 1, *, whole: bool = True) -> Work:
    """Return the work of encoding a batch of prompts.

    Args:
        architecture: The model.
        batch: Prompts, each padded to the encoder's length, and a negative one with each where
            the pipeline encodes it.
        whole: All layers and the output head, as pipelines run it; otherwise only the layers whose
            states the denoiser reads, which is the least any stack must do.
    """
    part = architecture.text_encoder
    layers = part.num_hidden_layers
    if not whole:
        layers = min(layers, max(architecture.pipeline.text_encoder_out_layers))
    tokens = architecture.pipeline.max_sequence_length
    prompts = batch * (2 if architecture.pipeline.encodes_negative else 1)
    queries = part.num_attention_heads * part.head_dim
    head = part.hidden_size * part.vocab_size if whole and part.output_head else 0
    weights = layers * _layer_weights(part) + head
    return Work(
        matmul_flop=2.0 * prompts * tokens * weights,
        attention_flop=4.0 * prompts * tokens**2 * queries * layers,
        traffic_bytes=float(BYTES_PER_VALUE * weights),
    )


def _layer_weights(part: TextEncoder) -> int:
    queries = part.num_attention_heads * part.head_dim
    keys = part.num_key_value_heads * part.head_dim
    products = 3 if part.gated_mlp else 2
    return part.hidden_size * (2 * queries + 2 * keys + products * part.intermediate_size)


def text_encoder_parameters(part: TextEncoder) -> int:
    """Return the number of parameters of the text encoder as loaded, norm scales left out."""
    apart = part.output_head and not part.tie_word_embeddings
    embeddings = (2 if apart else 1) * part.vocab_size * part.hidden_size
    return part.num_hidden_layers * _layer_weights(part) + embeddings + part.other_parameters


@dataclass(frozen=True)
class _Conv:
    """One convolution of the decoder: channels, side of the kernel, pixels per output value."""

    inputs: int
    outputs: int
    kernel: int
    shrink: int

    @property
    def weights(self) -> int:
        return self.kernel**2 * self.inputs * self.outputs


def _decoder_convs(vae: Vae) -> list[_Conv]:
    """List the decoder's convolutions, latents first (diffusers, AutoencoderKL decoder)."""
    latent, top = vae.latent_channels, vae.decoder_channels[-1]
    shrink = VAE_SHRINK
    convs = [_Conv(latent, latent, 1, shrink)] if vae.use_post_quant_conv else []
    convs.append(_Conv(latent, top, 3, shrink))
    convs += [_Conv(top, top, 3, shrink)] * 4  # the two residual blocks in the middle
    convs += [_Conv(top, top, 1, shrink)] * 4  # the middle attention's Q, K, V and output
    width = top
    levels = list(reversed(vae.decoder_channels))
    for level, outputs in enumerate(levels):
        for _ in range(vae.layers_per_block + 1):
            convs += [_Conv(width, outputs, 3, shrink), _Conv(outputs, outputs, 3, shrink)]
            if width != outputs:
                convs.append(_Conv(width, outputs, 1, shrink))
            width = outputs
        if level < len(levels) - 1:
            shrink //= 2
            convs.append(_Conv(width, width, 3, shrink))
    convs.append(_Conv(width, vae.out_channels, 3, shrink))
    return convs


def _encoder_convs(vae: Vae) -> list[_Conv]:
    """List the encoder's convolutions, pixels first (diffusers, AutoencoderKL encoder)."""
    shrink, width = 1, vae.block_out_channels[0]
    convs = [_Conv(vae.out_channels, width, 3, shrink)]
    for level, outputs in enumerate(vae.block_out_channels):
        for _ in range(vae.layers_per_block):
            convs += [_Conv(width, outputs, 3, shrink), _Conv(outputs, outputs, 3, shrink)]
            if width != outputs:
                convs.append(_Conv(width, outputs, 1, shrink))
            width = outputs
        if level < len(vae.block_out_channels) - 1:
            shrink *= 2
            convs.append(_Conv(width, width, 3, shrink))
    convs += [_Conv(width, width, 3, shrink)] * 4  # the two residual blocks in the middle
    convs += [_Conv(width, width, 1, shrink)] * 4  # the middle attention's Q, K, V and output
    moments = 2 * vae.latent_channels
    convs.append(_Conv(width, moments, 3, shrink))
    return [*convs, _Conv(moments, moments, 1, shrink)] if vae.use_quant_conv else convs


def reference_encode(architecture: Architecture, shape: Shape) -> Work:
    """Return the work of encoding a call's reference images, once whatever the batch."""
    convs = _encoder_convs(architecture.vae)
    pixels = architecture.reference_pixels(shape)
    each = pixels // max(1, shape.reference_images)
    values = {conv: pixels / conv.shrink**2 for conv in convs}
    latents = each / VAE_SHRINK**2
    moved = sum(values[conv] * (conv.inputs + conv.outputs) for conv in convs)
    weights = sum(conv.weights for conv in convs) if pixels else 0
    attention = 4 * latents**2 * architecture.vae.block_out_channels[-1]
    return Work(
        matmul_flop=float(sum(2 * values[conv] * conv.weights for conv in convs)),
        attention_flop=shape.reference_images * attention,
        traffic_bytes=BYTES_PER_VALUE * (weights + moved),
    )


def decoder_weights(vae: Vae) -> int:
    """Return the number of weights of the decoder, biases and norms left out."""
    return sum(conv.weights for conv in _decoder_convs(vae))


def vae_decode(architecture: Architecture, shape: Shape, batch: int = 1) -> Work:
    """Return the work of decoding a batch of images."""
    convs = _decoder_convs(architecture.vae)
    values = {conv: shape.pixels / conv.shrink**2 for conv in convs}
    latents = shape.pixels / VAE_SHRINK**2
    moved = sum(values[conv] * (conv.inputs + conv.outputs) for conv in convs)
    return Work(
        matmul_flop=batch * sum(2 * values[conv] * conv.weights for conv in convs),
        attention_flop=batch * 4 * latents**2 * architecture.vae.decoder_channels[-1],
        traffic_bytes=BYTES_PER_VALUE * (decoder_weights(architecture.vae) + batch * moved),
    )


@dataclass(frozen=True)
class MatrixProduct:
    """A product of rows x inner by inner x columns, made `times` a step.

    Attributes:
        rows: Tokens of the whole batch.
        inner: Values of a token that go in.
        columns: Values of a token that come out.
        times: How often it is made in a step.
    """

    rows: int
    inner: int
    columns: int
    times: int

    @property
    def size(self) -> tuple[int, int, int]:
        """Rows, inner and columns."""
        return self.rows, self.inner, self.columns

    @property
    def flop(self) -> float:
        """FLOPs of all of them."""
        return 2.0 * self.rows * self.inner * self.columns * self.times


def step_products(
    architecture: Architecture, shape: Shape, batch: int = 1
) -> tuple[MatrixProduct, ...]:
    """Return the products of one denoising step of a batch; a token's own, so no modulation.

    Raises:
        MissingDataError: The denoiser is a UNet, whose work is convolutions.
    """
    part, pipeline = architecture.transformer, architecture.pipeline
    text = architecture.text_tokens
    image = architecture.tokens(shape) - text
    at_once = batch * pipeline.forwards_per_step // pipeline.calls_per_step
    return tuple(
        MatrixProduct(rows * at_once, inner, columns, times * pipeline.calls_per_step)
        for rows, inner, columns, times in _of_forward(part, image, text)
        if times
    )


def _of_forward(part: Transformer, image: int, text: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield rows, inner, columns and count of the products of one forward of one image."""
    width, hidden = part.width, round(part.mlp_ratio * part.width)
    into = (part.mlp_products - 1) * hidden
    doubles, singles = part.num_layers, part.num_single_layers
    yield image, part.token_channels, width, 1
    yield text, part.joint_attention_dim, width, 1
    # A double block runs its products on the image's tokens and on the prompt's, apart.
    for rows, whole in ((image, doubles), (text, doubles - part.last_block_drops_text)):
        yield rows, width, width, 3 * doubles + whole  # queries, keys, values; output
        yield rows, width, into, whole
        yield rows, hidden, width, whole
    # A single block may fuse attention's products with the feed-forward's, over all tokens.
    fused, apart = (singles, 0) if part.fused_single_blocks else (0, singles)
    yield image + text, width, 3 * width + into, fused
    yield image + text, width + hidden, width, fused
    refiners = part.num_refiner_layers
    for rows, blocks in ((image + text, apart), (image, refiners), (text, refiners)):
        yield rows, width, width, 4 * blocks
        yield rows, width, hidden, (part.mlp_products - 1) * blocks
        yield rows, hidden, width, blocks
    yield image, width, part.token_channels, 1
