"""Keeps host work that diffusers repeats in every call although only the shape decides it.

Position ids and the schedule of noise levels are made on the CPU and copied to the device, and each
copy waits for the device; where a pipeline runs is found by walking over all its modules. Kept from
the first call of a shape, they are the same values at no cost.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import torch

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
