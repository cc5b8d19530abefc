"""The components of a pipeline by what they do, and untrained ones that families share.

The pipeline pads every prompt to 512 tokens, so the vocabulary changes which rows of the embedding
are read, and nothing about the time.
"""

from __future__ import annotations

from typing import Any

import torch

from measure.pipelines.blueprint import Document

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")


def denoiser(pipeline: Any) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Return the network that runs every step: a transformer, or a UNet in older families."""
    found = getattr(pipeline, "transformer", None)
    return pipeline.unet if found is None else found


def text_encoders(pipeline: Any) -> tuple[Any, ...]:  # noqa: ANN401 - diffusers is untyped
    """Return the text encoders in the pipeline's order, at least one."""
    found = (getattr(pipeline, name, None) for name in ENCODERS)
    return tuple(each for each in found if each is not None)


def networks(pipeline: Any) -> tuple[torch.nn.Module, ...]:  # noqa: ANN401 - diffusers is untyped
    """Return every network of the pipeline: denoiser, decoder, text encoders."""
    return (denoiser(pipeline), pipeline.vae, *text_encoders(pipeline))


_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

CLIP_ENDS = ("<|startoftext|>", "<|endoftext|>")
"""The last two of the vocabulary's 514 words; the encoder pools where the last one stands."""

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def clip_byte_tokenizer() -> Any:  # noqa: ANN401 - transformers is untyped
    """Return a CLIP tokenizer over the 256 bytes, inside and at the end of a word, of 77 tokens."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    characters = sorted(ByteLevel.alphabet())
    words = [*characters, *(f"{each}</w>" for each in characters), *CLIP_ENDS]
    return CLIPTokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=77
    )


def byte_tokenizer() -> Any:  # noqa: ANN401 - transformers is untyped
    """Return a Qwen2 tokenizer over the 256 bytes and three control tokens."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2TokenizerFast

    vocabulary = {char: i for i, char in enumerate(sorted(ByteLevel.alphabet()))}
    for token in _SPECIAL:
        vocabulary[token] = len(vocabulary)
    tokenizer = Qwen2TokenizerFast(
        vocab=vocabulary, merges=[], pad_token=_SPECIAL[0], padding_side="right"
    )
    tokenizer.chat_template = _CHAT_TEMPLATE
    return tokenizer


def t5_encoder(document: Document) -> Any:  # noqa: ANN401 - transformers is untyped
    """Return the T5 encoder of the file's `text_encoder`, on the current device."""
    from transformers import T5Config, T5EncoderModel

    values = document.text_encoder
    config = T5Config(
        d_model=values["hidden_size"],
        d_ff=values["intermediate_size"],
        d_kv=values["head_dim"],
        num_layers=values["num_hidden_layers"],
        num_heads=values["num_attention_heads"],
        vocab_size=values["vocab_size"],
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        tie_word_embeddings=False,
    )
    return T5EncoderModel(config)


def clip_config(document: Document, name: str) -> Any:  # noqa: ANN401 - transformers is untyped
    """Return the configuration of one of the file's `extra_encoders`."""
    from transformers import CLIPTextConfig

    return CLIPTextConfig(**document.extra_encoders[name])


def autoencoder(document: Document) -> Any:  # noqa: ANN401 - diffusers is untyped
    """Return the AutoencoderKL of the file's `vae`, on the current device."""
    from diffusers import AutoencoderKL

    values = document.vae
    levels = len(values["block_out_channels"])
    return AutoencoderKL(
        **values,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
    )
