"""Microbenchmarks of a machine: matrix products, attention, copies and launches.

A floor computed from these tells how far a stack is from what the machine can do; a measured time
under the floor of the chip's datasheet is a bug in the measurement. Each rate is read hot, after
the same work ran back to back: a GPU at its power limit is slower than in a burst, and a stack's
steps run hot.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from fluxcost.performance.architecture import Architecture, Unet
from fluxcost.performance.calibration.measuring_run import AttentionCeiling, Ceilings, MatmulCeiling
from fluxcost.performance.flops import step_products
from fluxcost.workload.shape import Shape
from measure.stage_timing import Clock

REPEATS = 20
WARMUPS = 3
HOT_S = 0.7
"""Seconds of the same work before a rate is read; clocks settle within a few tenths."""

LAUNCHES = 5000
_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
SIDES = (512, 1024, 2048)
"""Pixels square of images whose sizes are timed: attention at all, products at the first two."""

LEAST_SHARE = 0.005
"""Of a step's FLOPs: products below it are not timed."""

Size = tuple[int, int, int]


def measure_ceilings(clock: Clock, architecture: Architecture, dtype: torch.dtype) -> Ceilings:
    """Measure matrix products, attention, copy and launches at the model's own sizes."""
    shapes = [Shape(side, side, 1) for side in (SIDES if clock.is_cuda else SIDES[:1])]
    sizes = dict.fromkeys(size for shape in shapes[:2] for size in _sizes(architecture, shape))
    return Ceilings(
        matmul=tuple(_matmul(clock, *size, dtype) for size in sizes),
        attention=tuple(
            ceiling
            for shape in shapes
            for name in _BACKENDS
            if (ceiling := _attention(clock, architecture, name, architecture.tokens(shape), dtype))
            is not None
        ),
        copy_gb_per_s=_copy_gb_per_s(clock),
        launches_per_s=_launches_per_s(clock),
    )


def _sizes(architecture: Architecture, shape: Shape) -> list[Size]:
    """Return rows, inner and columns of the products that make up a step of a shape."""
    if architecture.unet is not None:
        return _unet_sizes(architecture.tokens(shape), architecture.unet)
    products = step_products(architecture, shape)
    least = LEAST_SHARE * sum(each.flop for each in products)
    return [each.size for each in products if each.flop >= least]


def _unet_sizes(tokens: int, unet: Unet) -> list[Size]:
    """Return products of a UNet's deepest level, most of whose other work is convolutions."""
    width, mlp = unet.width, int(unet.width * unet.mlp_ratio)
    return [(tokens, width, 2 * mlp), (tokens, mlp, width)]


def _seconds(clock: Clock, work: Callable[[], object]) -> float:
    """Return the median device seconds of a piece of work."""
    started_s = clock.now_s()
    while clock.now_s() - started_s < (HOT_S if clock.is_cuda else 0.0):
        for _ in range(REPEATS):
            work()
    for _ in range(WARMUPS):
        work()
    marks = []
    for _ in range(REPEATS):
        start = clock.mark()
        work()
        marks.append((start, clock.mark()))
    clock.now_s()
    return statistics.median(start.seconds_until(end) for start, end in marks)


def _matmul(clock: Clock, rows: int, inner: int, columns: int, dtype: torch.dtype) -> MatmulCeiling:
    # Random data: a GPU at its power limit multiplies zeros faster.
    left = torch.randn(rows, inner, device=clock.device, dtype=dtype)
    right = torch.randn(columns, inner, device=clock.device, dtype=dtype)
    seconds = _seconds(clock, lambda: torch.nn.functional.linear(left, right))
    rate = 2 * rows * inner * columns / seconds / 1e12
    return MatmulCeiling(rows=rows, inner=inner, columns=columns, tflop_per_s=rate)


def _attention(
    clock: Clock, architecture: Architecture, backend: str, tokens: int, dtype: torch.dtype
) -> AttentionCeiling | None:
    """Return one backend's rate, or None where it does not run here."""
    config = architecture.unet or architecture.transformer
    heads, head_dim = config.num_attention_heads, config.width // config.num_attention_heads
    if backend == "math" and clock.is_cuda:
        return None  # materializes tokens x tokens; no pipeline would use it on a GPU
    q, k, v = (
        torch.randn(1, heads, tokens, head_dim, device=clock.device, dtype=dtype) for _ in range(3)
    )
    try:
        with sdpa_kernel(_BACKENDS[backend]):
            seconds = _seconds(clock, lambda: scaled_dot_product_attention(q, k, v))
    except RuntimeError:
        return None
    rate = 4 * tokens**2 * heads * head_dim / seconds / 1e12
    return AttentionCeiling(
        backend=backend, tokens=tokens, heads=heads, head_dim=head_dim, tflop_per_s=rate
    )


def _copy_gb_per_s(clock: Clock) -> float:
    """Return bytes read plus written per second, over a buffer far larger than any cache."""
    size = 4 * 2**30 if clock.is_cuda else 2**28
    source = torch.zeros(size, dtype=torch.uint8, device=clock.device)
    target = torch.empty_like(source)
    return 2 * size / _seconds(clock, lambda: target.copy_(source)) / 1e9


def _launches_per_s(clock: Clock) -> float:
    """Return how many smallest kernels this host launches per second."""
    number = torch.zeros(1, device=clock.device)
    for _ in range(LAUNCHES // 10):
        number.add_(1)
    start_s = clock.now_s()
    for _ in range(LAUNCHES):
        number.add_(1)
    seconds = clock.now_s() - start_s
    return LAUNCHES / max(seconds, time.get_clock_info("perf_counter").resolution)
