"""Host work taken out of every call: what only the shape decides, and converting pictures.

diffusers copies floating-point pixels to the host and rounds them there. The same arithmetic on the
device, in the same order and precision, leaves a quarter of the bytes to copy and none to compute.

Position ids and the schedule of noise levels are made on the CPU and copied to the device, and each
copy waits for the device; where a pipeline runs is found by walking over all its modules. Kept from
the first call of a shape, they are the same values at no cost.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image


class Copying:
    """Pixels on their way to the host; the device goes on with other work meanwhile."""

    def __init__(self, values: torch.Tensor) -> None:
        """Round and copy values in 0 to 1, shape (batch, 3, height, width)."""
        pixels = values.permute(0, 2, 3, 1).float().mul(255).round().to(torch.uint8).contiguous()
        self._arrived: torch.cuda.Event | None = None
        if pixels.is_cuda:  # through pinned memory, at several times the rate of pageable memory
            host = torch.empty_like(pixels, device="cpu", pin_memory=True)
            host.copy_(pixels, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch
            self._arrived.record()
            pixels = host
        self._pixels = pixels

    def pictures(self) -> list[Image.Image]:
        """Wait for the pixels and return one picture per row."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return [Image.fromarray(each) for each in self._pixels.numpy()]


def convert_on_device(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Let the pipeline round and interleave pixels on its device when pictures are asked for."""
    processor = pipeline.image_processor
    postprocess = processor.postprocess

    def faster(image: torch.Tensor, output_type: str = "pil") -> Any:  # noqa: ANN401 - as diffusers
        if output_type != "pil":
            return postprocess(image, output_type=output_type)
        return Copying(postprocess(image, output_type="pt")).pictures()

    processor.postprocess = faster


@contextmanager
def pictures_later(pipeline: Any) -> Iterator[None]:  # noqa: ANN401 - diffusers is untyped
    """While the block runs, a call returns a `Copying` in place of pictures, and does not wait."""
    processor = pipeline.image_processor
    postprocess = processor.postprocess
    processor.postprocess = lambda image, output_type: Copying(postprocess(image, output_type="pt"))
    try:
        yield
    finally:
        processor.postprocess = postprocess


_SCHEDULE = ("timesteps", "sigmas", "num_inference_steps")
"""What `set_timesteps` of the Euler schedulers works out."""

_IDS = ("_prepare_text_ids", "_prepare_latent_ids", "_prepare_latent_image_ids")
"""What the FLUX pipelines call their makers of position ids; other families have none."""


def remember_host_work(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Let a pipeline that stays on its device work out ids, schedule and device once a shape."""
    device = pipeline._execution_device  # noqa: SLF001 - what the pipeline itself asks
    kind = type(pipeline)
    fixed = {"__module__": kind.__module__, "_execution_device": device}
    pipeline.__class__ = type(kind.__name__, (kind,), fixed)
    for name in _IDS:
        if hasattr(pipeline, name):
            setattr(pipeline, name, _ids_kept(getattr(pipeline, name), device))
    pipeline.scheduler.set_timesteps = _schedule_kept(pipeline.scheduler)


def _ids_kept(
    prepare: Callable[..., torch.Tensor], device: torch.device
) -> Callable[..., torch.Tensor]:
    """Return a maker of ids that makes those of the same shapes once."""
    kept: dict[Hashable, torch.Tensor] = {}

    def ids(*given: Any) -> torch.Tensor:  # noqa: ANN401 - as diffusers
        key = tuple(each.shape if isinstance(each, torch.Tensor) else each for each in given)
        if key not in kept:
            kept[key] = prepare(*given).to(device)
        return kept[key]

    return ids


def _schedule_kept(scheduler: Any) -> Callable[..., None]:  # noqa: ANN401 - diffusers is untyped
    """Return `set_timesteps` that works out each schedule once; the signature stays readable.

    A schedule is begun at its start: a pipeline that does not say so would have the scheduler look
    for its first step on the device, and wait for it.
    """
    work_out = scheduler.set_timesteps
    signature = inspect.signature(work_out)
    kept: dict[Hashable, dict[str, Any]] = {}

    @functools.wraps(work_out)
    def set_timesteps(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the scheduler
        asked = signature.bind(*args, **kwargs).arguments
        key = tuple((name, _fixed(value)) for name, value in asked.items())
        if key not in kept:
            work_out(*args, **kwargs)
            kept[key] = {name: getattr(scheduler, name) for name in _SCHEDULE}
        vars(scheduler).update(kept[key], _step_index=None, _begin_index=0)

    return set_timesteps


def _fixed(value: Any) -> Hashable:  # noqa: ANN401 - an argument of a scheduler
    """Return an argument as something that can be looked up."""
    numbers = isinstance(value, (list, np.ndarray, torch.Tensor))
    return tuple(float(each) for each in value) if numbers else str(value)
