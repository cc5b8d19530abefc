"""A byte-level tokenizer built in memory, so that synthetic weights need no download.

The pipeline pads every prompt to 512 tokens, so the vocabulary changes which rows of the embedding
are read, and nothing about the time.
"""

from __future__ import annotations

from typing import Any

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
