"""What a model is made of: the architecture file, and the tokens a shape becomes.

Format `fluxcost-architecture`, version 1: the configuration values of diffusers and transformers
under their own names. Only the values that decide arithmetic and bytes are read here; the rest
(scheduler, position encoding, normalization constants) is for the program that builds the model.
"""

from __future__ import annotations

import functools
import math
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator

from fluxcost.documents import YAML_SUFFIXES, read_yaml, refuse_other_version
from fluxcost.errors import DocumentError, InputError, MissingDataError, UnknownNameError
from fluxcost.records import Count, Name, Positive, Record
from fluxcost.workload.shape import MULTIPLE_PX, Shape

LATENT_PX = 64
"""Pixels of a latent position: the VAE shrinks each side by 8 (diffusers, AutoencoderKL)."""

FEED_FORWARD = 4
"""Width of a transformer block's feed-forward over its own (diffusers, GEGLU)."""


class Unet(Record):
    """A UNet's configuration values that decide arithmetic and bytes."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    in_channels: Count
    out_channels: Count
    block_out_channels: tuple[Count, ...] = Field(min_length=2)
    layers_per_block: Count
    transformer_layers_per_block: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        description="Depth of each level; 0 where it has no attention."
    )
    cross_attention_dim: Count = Field(description="Width of the prompt embedding.")
    addition_time_embed_dim: Count
    projection_class_embeddings_input_dim: Count
    attention_head_dim: tuple[Count, ...] = Field(
        description="Heads of each level, under the name diffusers gives them."
    )

    @property
    def width(self) -> int:
        """Channels of the deepest level."""
        return self.block_out_channels[-1]

    @property
    def num_attention_heads(self) -> int:
        """Heads of the deepest level."""
        return self.attention_head_dim[-1]

    @property
    def mlp_ratio(self) -> float:
        """Width of a feed-forward over that of its block."""
        return float(FEED_FORWARD)


FORMAT: Literal["fluxcost-architecture"] = "fluxcost-architecture"
VERSION = 1

MOST_REFERENCE_PX = 1024 * 1024
"""Largest area of a reference image before it is resized (diffusers, Flux2KleinPipeline)."""

PIXELS_PER_TOKEN = 256
"""The VAE shrinks each side by 8 and 2x2 latents make one token (diffusers, Flux2 pipelines)."""


class _ConfigPart(Record):
    """A part of the configuration, of which fields that cost no time are skipped."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Transformer(_ConfigPart):
    """The denoiser: double-stream blocks, then single-stream blocks, all without bias.

    Where there are refiners, the image's tokens go through some blocks alone and the prompt's
    through as many, before any block sees both.
    """

    num_layers: int = Field(ge=0, description="Double-stream blocks.")
    num_single_layers: int = Field(ge=0)
    num_refiner_layers: int = Field(
        default=0, ge=0, description="Blocks of the image's tokens alone, and of the prompt's."
    )
    fused_single_blocks: bool = Field(
        default=True,
        description="Whether a single block's attention and feed-forward share their products.",
    )
    patch_size: Count = Field(default=1, description="Side of a token, in latents.")
    last_block_drops_text: bool = Field(
        default=False, description="Whether the last block only reads the prompt's tokens."
    )
    attention_head_dim: Count
    num_attention_heads: Count
    joint_attention_dim: Count = Field(description="Width of the prompt embedding.")
    mlp_ratio: Positive
    in_channels: Count
    timestep_guidance_channels: Count
    gated_mlp: bool = Field(
        default=True, description="Three products a feed-forward instead of two."
    )
    shared_modulation: bool = Field(
        default=True, description="One modulation a model instead of one a block."
    )
    modulation_inputs: Count | None = Field(
        default=None,
        description="Values each block's four modulations are made from; None: the width, and six "
        "or three modulations.",
    )
    guidance_embeds: bool = False
    pooled_projection_dim: Count | None = Field(
        default=None, description="Width of the pooled prompt, where there is one."
    )

    @model_validator(mode="after")
    def _has_blocks(self) -> Self:
        if not self.blocks:
            raise ValueError("num_layers or num_single_layers of at least 1")
        return self

    @property
    def width(self) -> int:
        """Width of the residual stream."""
        return self.num_attention_heads * self.attention_head_dim

    @property
    def blocks(self) -> int:
        """Blocks of both kinds; each runs one attention over all tokens."""
        return self.num_layers + self.num_single_layers

    @property
    def token_channels(self) -> int:
        """Values a token enters and leaves with."""
        return self.in_channels * self.patch_size**2

    @property
    def mlp_products(self) -> int:
        """Matrix products of a feed-forward."""
        return 3 if self.gated_mlp else 2


class TextEncoder(_ConfigPart):
    """A language model read at some of its layers, each with a gated feed-forward."""

    hidden_size: Count
    num_hidden_layers: Count
    num_attention_heads: Count
    num_key_value_heads: Count
    head_dim: Count
    intermediate_size: Count
    vocab_size: Count
    gated_mlp: bool = Field(
        default=True, description="Three products a feed-forward instead of two."
    )
    output_head: bool = Field(default=True, description="Whether pipelines run the vocabulary's.")
    tie_word_embeddings: bool = Field(
        default=True, description="Whether the head's weights are those of the embedding."
    )
    other_parameters: int = Field(
        default=0, ge=0, description="Loaded beside it: a pooled-prompt encoder, a vision tower."
    )


class Vae(_ConfigPart):
    """The image encoder's and decoder's channels, from the image inwards."""

    block_out_channels: tuple[Count, ...] = Field(min_length=1)
    decoder_block_out_channels: tuple[Count, ...] | None = Field(
        default=None, min_length=1, description="Of a decoder narrower than the encoder."
    )
    layers_per_block: Count
    latent_channels: Count
    out_channels: Count = 3
    use_quant_conv: bool = True
    use_post_quant_conv: bool = True

    @property
    def decoder_channels(self) -> tuple[int, ...]:
        """The decoder's channels, the encoder's unless it has its own."""
        return self.decoder_block_out_channels or self.block_out_channels


class Pipeline(_ConfigPart):
    """What the pipeline does around the networks."""

    max_sequence_length: Count = Field(description="Text tokens, padded.")
    text_encoder_out_layers: tuple[Count, ...] = Field(min_length=1)
    forwards_per_step: Count = Field(default=1, description="2 under classifier-free guidance.")
    takes_references: bool = Field(
        default=False, description="Whether images may be given with the prompt, as tokens."
    )
    guidance_in_batch: bool = Field(
        default=False, description="Whether the forwards of a step are one call of twice the batch."
    )
    text_encodings: Count = Field(
        default=1, description="Calls of text encoders a pipeline call makes, negatives included."
    )
    encodes_negative: bool = Field(
        default=False, description="Whether a negative prompt is encoded beside each prompt."
    )
    text_tokens: Count | None = Field(
        default=None, description="Of the denoiser, where more than one encoder gives them."
    )
    designed_steps: Count | None = Field(
        default=None,
        description="Steps it was distilled to, or its publisher's own default.",
    )

    @property
    def calls_per_step(self) -> int:
        """Calls of the denoiser in a step."""
        return 1 if self.guidance_in_batch else self.forwards_per_step


class Architecture(_ConfigPart):
    """A model's configuration, as far as arithmetic and bytes need it."""

    format: Literal["fluxcost-architecture"]
    version: Count
    name: Name
    license: Name
    commercial_use: StrictBool = Field(
        default=True, description="Whether the license lets anyone sell what the weights make."
    )
    pipeline: Pipeline
    blocks: Transformer | None = Field(default=None, alias="transformer")
    unet: Unet | None = Field(default=None, description="In place of a transformer.")
    text_encoder: TextEncoder
    vae: Vae

    @model_validator(mode="after")
    def _has_one_denoiser(self) -> Self:
        if (self.blocks is None) == (self.unet is None):
            raise ValueError("a transformer or a unet, one of them")
        return self

    @property
    def transformer(self) -> Transformer:
        """The denoiser, where it is a transformer.

        Raises:
            MissingDataError: It is a UNet.
        """
        if self.blocks is None:
            raise MissingDataError(
                f"{self.name} denoises with a UNet, which this is not known for; measure it."
            )
        return self.blocks

    @property
    def text_tokens(self) -> int:
        """Text tokens of one image, padding included."""
        return self.pipeline.text_tokens or self.pipeline.max_sequence_length

    def tokens(self, shape: Shape) -> int:
        """Tokens the denoiser sees for one image: its own, its references' and the prompt's."""
        own = shape.pixels // PIXELS_PER_TOKEN
        return own + self.reference_pixels(shape) // PIXELS_PER_TOKEN + self.text_tokens

    def reference_pixels(self, shape: Shape) -> int:
        """Pixels of all reference images as the denoiser sees them, each as large as the image.

        Raises:
            InputError: The model takes no reference images.
        """
        if not shape.reference_images:
            return 0
        if not self.pipeline.takes_references:
            raise InputError(
                f"reference_images is {shape.reference_images}; {self.name} takes none: use 0."
            )
        width, height = reference_size(shape.width, shape.height)
        return shape.reference_images * width * height


def reference_size(width: int, height: int) -> tuple[int, int]:
    """Return the pixels a reference is resized to: at most 1024 x 1024 in area, sides of 16.

    Source: diffusers, Flux2KleinPipeline; smaller ones are only cropped to sides of 16.
    """
    if width * height > MOST_REFERENCE_PX:
        scale = math.sqrt(MOST_REFERENCE_PX / (width * height))
        width, height = int(width * scale), int(height * scale)
    return width // MULTIPLE_PX * MULTIPLE_PX, height // MULTIPLE_PX * MULTIPLE_PX


def load_architecture(name: str | Path) -> Architecture:
    """Load a shipped architecture by its name, or any by the path of its file.

    Raises:
        UnknownNameError: No shipped architecture has this name.
        DocumentError: The file cannot be read or is not an architecture file.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    return _read(architecture_path(name))


def architecture_path(name: str | Path) -> Path:
    """Return the file of a shipped architecture's name, or the path given.

    Raises:
        UnknownNameError: No shipped architecture has this name.
    """
    path = Path(name)
    if path.suffix in YAML_SUFFIXES:
        return path
    shipped = {entry.stem: entry for entry in _folder().glob("*.yaml")}
    if str(name) not in shipped:
        raise UnknownNameError("architecture", str(name), shipped)
    return shipped[str(name)]


def _folder() -> Path:
    return Path(str(files("fluxcost"))) / "data" / "architectures"


@functools.cache
def _read(path: Path) -> Architecture:
    document: Any = read_yaml(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DocumentError(f"{path}: not a {FORMAT} file; give a file of that format.")
    refuse_other_version(document, str(path), VERSION)
    return Architecture.parse(document, str(path))
