"""Text encoders and decoder that several families share, without weights."""

from __future__ import annotations

from typing import Any

from measure.blueprint import Document


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
