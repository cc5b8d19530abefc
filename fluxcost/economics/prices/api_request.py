"""What an API request holds besides its shape, as far as prices depend on it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fluxcost.records import Count, Name, Positive, Record

Tokens = Annotated[int, Field(ge=0, strict=True)]


class ApiRequest(Record):
    """Tokens, reference sizes and add-ons of one request for one image."""

    text_in_tokens: Tokens = Field(default=0, description="Of the prompt, not cached.")
    cached_text_in_tokens: Tokens = Field(default=0, description="Of the prompt, cached.")
    image_in_tokens: Tokens = Field(default=0, description="Of reference images, not cached.")
    cached_image_in_tokens: Tokens = Field(default=0, description="Of them, cached.")
    text_out_tokens: Tokens = Field(default=0, description="Of text written beside the image.")
    image_out_tokens: Count | None = Field(
        default=None, description="Of the image; the price's table by size unless given."
    )
    reference_sizes: tuple[tuple[Count, Count], ...] | None = Field(
        default=None,
        description="Width and height of each reference image; as large as the image made unless "
        "given.",
    )
    add_ons: dict[Name, Count] = Field(
        default_factory=dict, description="Add-ons of the tariff and how many of each."
    )
    images_per_gpu_minute: Positive | None = Field(
        default=None, description="What a subscription's GPU minute makes; only its user knows."
    )


PLAIN_REQUEST = ApiRequest()
"""A short prompt and nothing else."""
