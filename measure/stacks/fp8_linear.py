"""Linear layers in 8-bit floats: e4m3 weights and inputs, one scale a row of each.

The weight is rounded once, the input on every call; the product accumulates in float32 on the
tensor cores and comes out in the input's dtype. Lossy: see the record's sameness.
"""

from __future__ import annotations

import torch
from torch import nn

LARGEST = torch.finfo(torch.float8_e4m3fn).max
_SMALLEST_SCALE = 1e-12
"""Keeps a row of zeros from dividing by zero."""


class Fp8Linear(nn.Module):
    """A bias-free linear layer in row-wise scaled e4m3."""

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        rounded, scale = quantize_rows(linear.weight)
        self.register_buffer("weight", rounded)
        self.register_buffer("scale", scale.t())

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return values @ weight.T, shape (..., outputs)."""
        rows, scale = quantize_rows(values.reshape(-1, values.shape[-1]))
        product = torch._scaled_mm(  # noqa: SLF001 - the only row-wise fp8 product inductor knows
            rows,
            self.weight.t(),
            scale_a=scale,
            scale_b=self.scale,
            out_dtype=values.dtype,
            use_fast_accum=True,
        )
        return product.reshape(*values.shape[:-1], -1)


def quantize_rows(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (e4m3 values, float32 scale of shape (rows, 1)); values are about rounded x scale."""
    exact = values.float()
    scale = exact.abs().amax(dim=-1, keepdim=True).clamp(min=_SMALLEST_SCALE) / LARGEST
    rounded = (exact / scale).clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn)
    return rounded, scale


def large_linears(blocks: nn.Module, least: int) -> dict[str, nn.Linear]:
    """Return the bias-free linears under a module with both sides at least `least`, by name."""
    return {
        name: each
        for name, each in blocks.named_modules()
        if isinstance(each, nn.Linear)
        and "bias" not in dict(each.named_parameters())
        and min(each.in_features, each.out_features) >= least
    }


def replace_large_linears(blocks: nn.Module, least: int) -> int:
    """Put fp8 in place of a module's large linears; return how many."""
    found = large_linears(blocks, least)
    for name, linear in found.items():
        parent, _, leaf = name.rpartition(".")
        setattr(blocks.get_submodule(parent), leaf, Fp8Linear(linear))
    return len(found)
