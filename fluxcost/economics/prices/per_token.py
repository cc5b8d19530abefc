"""Prices per token, in up to six buckets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fluxcost.economics.prices.api_request import PLAIN_REQUEST, ApiRequest
from fluxcost.economics.prices.per_image import SizeName, of_size
from fluxcost.economics.terms import Usd
from fluxcost.errors import MissingDataError
from fluxcost.records import Count, Record
from fluxcost.workload.shape import Shape


class TokenRates(Record):
    """USD per `per_tokens` tokens of each bucket; None where not found."""

    image_out_usd: Usd = Field(description="Output image tokens.")
    text_out_usd: Usd | None = Field(default=None, description="Output text tokens.")
    image_in_usd: Usd | None = Field(default=None, description="Input image tokens.")
    cached_image_in_usd: Usd | None = Field(default=None, description="Cached ones of them.")
    text_in_usd: Usd | None = Field(default=None, description="Prompt tokens.")
    cached_text_in_usd: Usd | None = Field(default=None, description="Cached ones of them.")


class LongContext(TokenRates):
    """The rates of a whole request whose input is longer than a number of tokens."""

    over_input_tokens: Count = Field(description="Most input tokens at the ordinary rates.")


class PerToken(TokenRates):
    """Tokens in and out; the image part needs the tokens an image of each size takes."""

    shape: Literal["per-token"]
    per_tokens: Count = Field(
        default=1_000_000, description="Tokens the quoted prices buy, such as 1000 or 1000000."
    )
    image_out_tokens: dict[SizeName, Count] = Field(
        default_factory=dict,
        description="Output tokens of one image, by size; empty when not found.",
    )
    long_context: LongContext | None = Field(
        default=None, description="The rates of requests with a long input."
    )

    def usd_per_image(self, shape: Shape, request: ApiRequest = PLAIN_REQUEST) -> float:
        """Return USD for the tokens of one request for one image.

        Raises:
            MissingDataError: The tokens of an image, or the rate of a bucket used, are not known.
            InputError: The size is not in the list.
        """
        tokens = self._tokens(shape, request)
        rates = self._rates(tokens)
        usd = 0.0
        for bucket, count in tokens.items():
            rate = getattr(rates, f"{bucket}_usd")
            if count and rate is None:
                raise MissingDataError(
                    f"{bucket}_tokens is {count} and {bucket}_usd was not found; add the rate."
                )
            usd += count * (rate or 0.0)
        return usd / self.per_tokens

    def _tokens(self, shape: Shape, request: ApiRequest) -> dict[str, float]:
        return {
            "image_out": request.image_out_tokens or self._image_tokens(shape),
            "text_out": request.text_out_tokens,
            "image_in": request.image_in_tokens,
            "cached_image_in": request.cached_image_in_tokens,
            "text_in": request.text_in_tokens,
            "cached_text_in": request.cached_text_in_tokens,
        }

    def _image_tokens(self, shape: Shape) -> float:
        if not self.image_out_tokens:
            raise MissingDataError(
                "image_out_tokens is empty; add the output tokens of an image of each size."
            )
        return of_size(self.image_out_tokens, shape)

    def _rates(self, tokens: dict[str, float]) -> TokenRates:
        given = sum(count for bucket, count in tokens.items() if bucket.endswith("_in"))
        if self.long_context is not None and given > self.long_context.over_input_tokens:
            return self.long_context
        return self
