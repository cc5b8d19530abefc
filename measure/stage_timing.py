"""Times the stages of a call: marks on a device's timeline, by hooks on the pipeline's modules.

CUDA work is asynchronous, so a stage is timed by events recorded in the stream; on the CPU a mark
is the monotonic clock. Both give the same partition of a call into stages.

    call  |text_encode|  |step 1|step 2|...|step n|vae_decode|        return
    host  ^ tokenizing    ^ latents, ids                      ^ image conversion

Reference images are encoded between text and the first step, a stage of their own. A step runs from
one transformer forward to the next, the last until the decoder starts, so the scheduler's
arithmetic belongs to its step. What no stage covers is host time. Where a stack keeps prompts, the
text stage is its look-up, and no encoder may run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import torch

from measure.errors import MeasurementError
from measure.pipelines.components import denoiser, text_encoders


class Mark(Protocol):
    """A moment on a device's timeline."""

    def seconds_until(self, later: Mark) -> float:
        """Return seconds from this mark to a later one; the device must be idle."""
        ...


class _CpuMark:
    def __init__(self) -> None:
        self.at_s = time.perf_counter()

    def seconds_until(self, later: Mark) -> float:
        assert isinstance(later, _CpuMark)  # noqa: S101 - marks of one clock only meet each other
        return later.at_s - self.at_s


class _CudaMark:
    def __init__(self) -> None:
        self.event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch
        self.event.record()

    def seconds_until(self, later: Mark) -> float:
        assert isinstance(later, _CudaMark)  # noqa: S101 - marks of one clock only meet each other
        return float(self.event.elapsed_time(later.event)) / 1000


class Clock:
    """Marks and synchronized wall time of one device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.is_cuda = device.type == "cuda"

    def mark(self) -> Mark:
        """Return a mark at the device's present position."""
        return _CudaMark() if self.is_cuda else _CpuMark()

    def now_s(self) -> float:
        """Wait until the device is idle, then read the monotonic clock."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


@dataclass(frozen=True)
class CallSpans:
    """Seconds of each stage of one call."""

    text_encode_s: float
    denoise_step_s: tuple[float, ...]
    vae_decode_s: float
    reference_encode_s: float = 0.0


@dataclass
class _Marks:
    text: list[Mark] = field(default_factory=list)
    forwards: list[Mark] = field(default_factory=list)
    decode: list[Mark] = field(default_factory=list)
    encode: list[Mark] = field(default_factory=list)
    missed: list[Mark] = field(default_factory=list)

    def clear(self) -> None:
        self.encode.clear()
        self.missed.clear()
        self.text.clear()
        self.forwards.clear()
        self.decode.clear()


class SpanRecorder:
    """Collects the marks of one call; `read` turns them into spans."""

    def __init__(
        self, forwards_per_step: int, text_encodings: int = 1, *, keeps_prompts: bool = False
    ) -> None:
        self._marks = _Marks()
        self._forwards_per_step = forwards_per_step
        self._text_encodings = 1 if keeps_prompts else text_encodings
        self._keeps_prompts = keeps_prompts

    def reset(self) -> None:
        """Forget the marks of the call before."""
        self._marks.clear()

    def read(self, steps: int, references: int = 0) -> CallSpans:
        """Return the spans of the call that just ended; the device must be idle.

        Raises:
            MeasurementError: The call did not run exactly `steps` x forwards-per-step forwards, one
                text encoding, one decode and one encode a reference image: its time is not the
                time of what was asked.
        """
        marks = self._marks
        expected = steps * self._forwards_per_step
        if len(marks.forwards) != expected:
            raise MeasurementError(
                f"a call of {steps} steps ran {len(marks.forwards)} transformer forwards; "
                f"expected {expected}; check that the pipeline is the distilled one."
            )
        if len(marks.text) != 2 * self._text_encodings or len(marks.decode) != 2:
            raise MeasurementError(
                f"a call ran {len(marks.text) // 2} text encodings and {len(marks.decode) // 2} "
                f"decodes; expected {self._text_encodings} and 1."
            )
        if marks.missed:
            raise MeasurementError(
                "a call encoded a prompt that was to be known; expected prompts that came before."
            )
        if len(marks.encode) != 2 * references:
            raise MeasurementError(
                f"a call of {references} reference images ran {len(marks.encode) // 2} encodes; "
                "expected one for each."
            )
        starts = [*marks.forwards[:: self._forwards_per_step], marks.decode[0]]
        return CallSpans(
            text_encode_s=marks.text[0].seconds_until(marks.text[-1]),
            denoise_step_s=tuple(a.seconds_until(b) for a, b in pairwise(starts)),
            vae_decode_s=marks.decode[0].seconds_until(marks.decode[1]),
            reference_encode_s=marks.encode[0].seconds_until(marks.encode[-1])
            if marks.encode
            else 0.0,
        )

    @contextmanager
    def attached(self, pipeline: Any, clock: Clock) -> Iterator[None]:  # noqa: ANN401 - diffusers is untyped
        """Hook the pipeline's text encoders, denoiser and decoder while the block runs."""

        def marking(marks: list[Mark]) -> Callable[..., None]:
            return lambda *_: marks.append(clock.mark())

        handles = [denoiser(pipeline).register_forward_pre_hook(marking(self._marks.forwards))]
        encodings = self._marks.missed if self._keeps_prompts else self._marks.text
        for encoder in text_encoders(pipeline):
            handles.append(encoder.register_forward_pre_hook(marking(encodings)))
            handles.append(encoder.register_forward_hook(marking(encodings)))
        looked_up = _marked(pipeline, "encode_prompt", self._marks.text, clock)
        try:
            with (
                looked_up if self._keeps_prompts else nullcontext(),
                _marked(pipeline.vae, "decode", self._marks.decode, clock),
                _marked(pipeline.vae, "encode", self._marks.encode, clock),
            ):
                yield
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def _marked(module: Any, name: str, marks: list[Mark], clock: Clock) -> Iterator[None]:  # noqa: ANN401 - diffusers is untyped
    """Mark the start and end of a method that is not a module's forward, which hooks do not see."""
    method, had_own = getattr(module, name), name in vars(module)

    def marked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes through
        marks.append(clock.mark())
        result = method(*args, **kwargs)
        marks.append(clock.mark())
        return result

    setattr(module, name, marked)
    try:
        yield
    finally:
        if had_own:
            setattr(module, name, method)  # a stack has put its own there
        else:
            delattr(module, name)
