"""Stage spans of one pipeline call, by hooks on the pipeline's own modules.

    call  |text_encode|  |step 1|step 2|...|step n|vae_decode|        return
    host  ^ tokenizing    ^ latents, ids                      ^ image conversion

A step runs from one transformer forward to the next, the last until the decoder starts, so the
scheduler's arithmetic belongs to its step. What no stage covers is host time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from measure.clock import Clock, Mark
from measure.errors import MeasurementError


@dataclass(frozen=True)
class CallSpans:
    """Seconds of each stage of one call."""

    text_encode_s: float
    denoise_step_s: tuple[float, ...]
    vae_decode_s: float


@dataclass
class _Marks:
    text: list[Mark] = field(default_factory=list)
    forwards: list[Mark] = field(default_factory=list)
    decode: list[Mark] = field(default_factory=list)

    def clear(self) -> None:
        self.text.clear()
        self.forwards.clear()
        self.decode.clear()


class SpanRecorder:
    """Collects the marks of one call; `read` turns them into spans."""

    def __init__(self, forwards_per_step: int) -> None:
        self._marks = _Marks()
        self._forwards_per_step = forwards_per_step

    def reset(self) -> None:
        """Forget the marks of the call before."""
        self._marks.clear()

    def read(self, steps: int) -> CallSpans:
        """Return the spans of the call that just ended; the device must be idle.

        Raises:
            MeasurementError: The call did not run exactly `steps` x forwards-per-step forwards, one
                text encoding and one decode: its time is not the time of what was asked.
        """
        marks = self._marks
        expected = steps * self._forwards_per_step
        if len(marks.forwards) != expected:
            raise MeasurementError(
                f"a call of {steps} steps ran {len(marks.forwards)} transformer forwards; "
                f"expected {expected}; check that the pipeline is the distilled one."
            )
        if len(marks.text) != 2 or len(marks.decode) != 2:
            raise MeasurementError(
                f"a call ran {len(marks.text) // 2} text encodings and {len(marks.decode) // 2} "
                "decodes; expected one of each."
            )
        starts = [*marks.forwards[:: self._forwards_per_step], marks.decode[0]]
        return CallSpans(
            text_encode_s=marks.text[0].seconds_until(marks.text[1]),
            denoise_step_s=tuple(a.seconds_until(b) for a, b in pairwise(starts)),
            vae_decode_s=marks.decode[0].seconds_until(marks.decode[1]),
        )

    @contextmanager
    def attached(self, pipeline: Any, clock: Clock) -> Iterator[None]:  # noqa: ANN401 - diffusers is untyped
        """Hook the pipeline's text encoder, transformer and decoder while the block runs."""

        def marking(marks: list[Mark]) -> Callable[..., None]:
            return lambda *_: marks.append(clock.mark())

        handles = [
            pipeline.text_encoder.register_forward_pre_hook(marking(self._marks.text)),
            pipeline.text_encoder.register_forward_hook(marking(self._marks.text)),
            pipeline.transformer.register_forward_pre_hook(marking(self._marks.forwards)),
        ]
        vae = pipeline.vae
        decode, had_own = vae.decode, "decode" in vars(vae)

        def marked_decode(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes through
            self._marks.decode.append(clock.mark())
            decoded = decode(*args, **kwargs)
            self._marks.decode.append(clock.mark())
            return decoded

        vae.decode = marked_decode
        try:
            yield
        finally:
            if had_own:
                vae.decode = decode  # a stack has put its own decoder there
            else:
                del vae.decode
            for handle in handles:
                handle.remove()
