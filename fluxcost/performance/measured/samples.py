"""Seconds of calls, one by one, and of their stages."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from fluxcost.records import NonNegative, Positive, Record


class Samples(Record):
    """Raw samples of one cell, one entry a call, in the order taken. Seconds.

    `denoise_step_s[i][k]` is step k of call i. Stages partition the device's timeline from the
    first encoder kernel to the last decoder kernel; `host_s` is what remains of the wall time.
    """

    wall_s: tuple[Positive, ...] = Field(min_length=1)
    text_encode_s: tuple[NonNegative, ...]
    denoise_step_s: tuple[tuple[NonNegative, ...], ...]
    vae_decode_s: tuple[NonNegative, ...]
    reference_encode_s: tuple[NonNegative, ...] = Field(
        default=(), description="Reference images to latents; empty where there are none."
    )

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {
            len(self.wall_s),
            len(self.text_encode_s),
            len(self.denoise_step_s),
            len(self.vae_decode_s),
            len(self.reference_encode_s or self.wall_s),
        }
        if len(lengths) != 1:
            raise ValueError("the same number of samples in every stage")
        return self

    @property
    def host_s(self) -> tuple[float, ...]:
        """Wall time less the device stages, per call."""
        encode_s = self.reference_encode_s or (0.0,) * len(self.wall_s)
        rows = zip(
            self.wall_s,
            self.text_encode_s,
            encode_s,
            self.denoise_step_s,
            self.vae_decode_s,
            strict=True,
        )
        return tuple(wall - text - own - sum(steps) - vae for wall, text, own, steps, vae in rows)
