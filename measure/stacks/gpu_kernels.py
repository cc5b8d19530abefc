"""Kernels in place of PyTorch's choice: cuDNN attention, group norm in channels_last order.

Newer networks of diffusers ask its dispatcher, which takes a name. Older ones call PyTorch's
function themselves, so the choice is made around the call. Attention to a prompt of 77 tokens keeps
PyTorch's choice: it is hardly any work.

The usual arithmetic reduces each group at once, across memory that lies channel by channel within a
pixel. Here each channel is reduced over the pixels first, then the few channel sums of a group are
joined; both passes read memory in order. The result is the same up to rounding in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


class CudnnAttention:
    """A processor of diffusers whose attention takes one kernel."""

    def __init__(self, processor: Any, kernel: SDPBackend) -> None:  # noqa: ANN401 - diffusers is untyped
        self._processor = processor
        self._kernel = kernel

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes through
        """Return what the processor does."""
        with sdpa_kernel(self._kernel):
            return self._processor(*args, **kwargs)


def attend_through_cudnn(network: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Send a denoiser's attention among its own tokens through cuDNN."""
    network.set_attention_backend("_native_cudnn")
    for each in undispatched(network):
        each.set_processor(CudnnAttention(each.processor, SDPBackend.CUDNN_ATTENTION))


def undispatched(network: torch.nn.Module) -> list[Any]:
    """Return the self-attentions of a network that diffusers' dispatcher does not reach."""
    from diffusers.models.attention_processor import Attention

    return [
        each
        for each in network.modules()
        if isinstance(each, Attention)
        and not each.is_cross_attention
        and not hasattr(each.processor, "_attention_backend")
    ]


class PixelFirstGroupNorm(nn.Module):
    """A group norm's parameters, its statistics taken over pixels before channels."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.groups = norm.num_groups
        self.eps = norm.eps
        self.weight = norm.weight
        self.bias = norm.bias

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return normed values of shape (batch, channels, ...)."""
        pixels = tuple(range(2, values.dim()))
        exact = values.float()
        mean = self._by_group(exact.mean(dim=pixels))
        variance = (self._by_group(exact.square().mean(dim=pixels)) - mean.square()).clamp(min=0)
        scale = self.weight.float() * torch.rsqrt(variance + self.eps)
        shift = self.bias.float() - mean * scale
        over_pixels = (..., *(None for _ in pixels))
        return (exact * scale[over_pixels] + shift[over_pixels]).to(values.dtype)

    def _by_group(self, by_channel: torch.Tensor) -> torch.Tensor:
        """Return each channel's group mean, shape (batch, channels) as given."""
        grouped = by_channel.reshape(by_channel.shape[0], self.groups, -1)
        return grouped.mean(dim=2, keepdim=True).expand_as(grouped).flatten(1)


def norm_pixels_first(module: nn.Module) -> int:
    """Put it in place of a module's affine group norms; return how many."""
    found = [
        (parent, name, each)
        for parent in module.modules()
        for name, each in parent.named_children()
        if isinstance(each, nn.GroupNorm) and each.affine
    ]
    for parent, name, norm in found:
        setattr(parent, name, PixelFirstGroupNorm(norm))
    return len(found)
