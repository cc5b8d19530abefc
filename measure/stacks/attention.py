"""Attention through cuDNN, for denoisers that name a kernel and for those that leave it to PyTorch.

Newer networks of diffusers ask its dispatcher, which takes a name. Older ones call PyTorch's
function themselves, so the choice is made around the call. Attention to a prompt of 77 tokens keeps
PyTorch's choice: it is hardly any work.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


class Through:
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
        each.set_processor(Through(each.processor, SDPBackend.CUDNN_ATTENTION))


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
