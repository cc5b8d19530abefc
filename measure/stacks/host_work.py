"""Host work that diffusers repeats in every call although only the shape of the call decides it.

Position ids and the schedule of noise levels are made on the CPU and copied to the device, and each
copy waits for the device; where a pipeline runs is found by walking over all its modules. Kept from
the first call of a shape, they are the same values at no cost.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

import torch

_SCHEDULE = ("timesteps", "sigmas", "num_inference_steps")
"""What `set_timesteps` of the flow-matching Euler scheduler works out."""


def remember_host_work(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Let a pipeline that stays on its device work out ids, schedule and device once a shape."""
    device = pipeline._execution_device  # noqa: SLF001 - what the pipeline itself asks
    kind = type(pipeline)
    fixed = {"__module__": kind.__module__, "_execution_device": device}
    pipeline.__class__ = type(kind.__name__, (kind,), fixed)
    for name, shape in (("_prepare_text_ids", _rows), ("_prepare_latent_ids", _grid)):
        setattr(pipeline, name, _ids_kept(getattr(pipeline, name), shape, device))
    pipeline.scheduler.set_timesteps = _schedule_kept(pipeline.scheduler)


def _rows(states: torch.Tensor) -> Hashable:
    """Return what text ids depend on: batch and tokens."""
    return states.shape[:2]


def _grid(latents: torch.Tensor) -> Hashable:
    """Return what latent ids depend on: batch, height and width."""
    return latents.shape[:1] + latents.shape[2:]


def _ids_kept(
    prepare: Callable[[torch.Tensor], torch.Tensor],
    shape: Callable[[torch.Tensor], Hashable],
    device: torch.device,
) -> Callable[[torch.Tensor], torch.Tensor]:
    kept: dict[Hashable, torch.Tensor] = {}

    def ids(values: torch.Tensor) -> torch.Tensor:
        key = shape(values)
        if key not in kept:
            kept[key] = prepare(values).to(device)
        return kept[key]

    return ids


def _schedule_kept(scheduler: Any) -> Callable[..., None]:  # noqa: ANN401 - diffusers is untyped
    """Return `set_timesteps` that works out each schedule once; the signature stays readable."""
    work_out = scheduler.set_timesteps
    kept: dict[Hashable, dict[str, Any]] = {}

    @functools.wraps(work_out)
    def set_timesteps(
        num_inference_steps: int | None = None,
        device: Any = None,  # noqa: ANN401 - a name or a device
        sigmas: Any = None,  # noqa: ANN401 - a list or an array
        mu: float | None = None,
        timesteps: Any = None,  # noqa: ANN401 - a list or an array
    ) -> None:
        asked = (_values(sigmas), _values(timesteps), num_inference_steps, mu, str(device))
        if asked not in kept:
            work_out(num_inference_steps, device, sigmas, mu, timesteps)
            kept[asked] = {name: getattr(scheduler, name) for name in _SCHEDULE}
        vars(scheduler).update(kept[asked], _step_index=None, _begin_index=None)

    return set_timesteps


def _values(numbers: Any) -> tuple[float, ...] | None:  # noqa: ANN401 - a list or an array
    return None if numbers is None else tuple(float(each) for each in numbers)
