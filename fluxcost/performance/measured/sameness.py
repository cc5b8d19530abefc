"""Whether a stack still makes the picture that it should."""

from __future__ import annotations

from pydantic import Field

from fluxcost.records import Count, Name, NonNegative, Positive, Record


class Sameness(Record):
    """How far a stack's picture is from float32's, beside how far eager bfloat16's is.

    Errors are the norm of the difference over the norm of the true picture's deviation from its
    mean, from the same weights, prompt and noise. Errors of latents likewise, before decoding.
    """

    width: Count
    height: Count
    steps: Count
    batch: Count
    run: Name
    error: NonNegative = Field(description="Of the stack.")
    eager_error: NonNegative = Field(description="Of eager bfloat16, the yardstick.")
    spread: Positive = Field(description="Standard deviation of the true picture, values 0 to 1.")
    latent_error: NonNegative | None = Field(default=None, description="Of the stack's latents.")
    eager_latent_error: NonNegative | None = Field(
        default=None, description="Of eager bfloat16's latents."
    )
    planted_errors: dict[str, NonNegative] = Field(
        default={}, description="Error of eager bfloat16 with one fault planted, by the fault."
    )
