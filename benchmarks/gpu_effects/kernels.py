"""Attention and matrix products of klein-4B at lengths 64 and 16 tokens apart.

    python -m benchmarks.gpu_effects.kernels --out kernels.jsonl

A kernel that fills only part of its last tile takes as long as if it were full. Each line of the
record is one visit to one kernel at one length: some launches back to back, timed together. The
visits of a round are in a seeded shuffled order, and the GPU is at work all the time, so that heat
and clock meet all lengths alike; take the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import linear, scaled_dot_product_attention

from measure.bench import open_instruments
from measure.campaign_runner import device_of
from measure.environment import describe_environment, describe_gpu
from measure.stacks.fp8_linear import quantize_rows
from measure.stage_timing import Clock

HEADS, HEAD_DIM = 24, 128
BACKENDS = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}
"""What the stacks run on Hopper, and the other kernel that PyTorch has there."""

PRODUCTS = ((3072, 27648), (12288, 3072), (3072, 18432), (9216, 3072), (3072, 3072))
"""Inner and outer sides: a single block's two products, a double block's MLP, its projections."""

FP8_PRODUCTS = PRODUCTS[:2]
COARSE = range(1024, 5121, 64)
FINE = (*range(2048, 2305, 16), *range(4480, 4737, 16))
BATCHED = range(1536, 3073, 64)


@dataclass(frozen=True)
class Kernel:
    """One kernel at one size.

    Attributes:
        kind: attention-BACKEND, product-bf16 or product-fp8.
        tokens: Of a sequence; of a product, its rows.
        batch: Sequences; 1 for a product.
        inner: Of a product, else 0.
        columns: Of a product, else 0.
    """

    kind: str
    tokens: int
    batch: int = 1
    inner: int = 0
    columns: int = 0

    @property
    def flop(self) -> int:
        """Floating-point operations of one launch, padding left out."""
        if self.inner:
            return 2 * self.tokens * self.inner * self.columns
        return 4 * self.batch * HEADS * HEAD_DIM * self.tokens**2


def main() -> None:
    """Visit every kernel, round after round, until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="Record, a JSON object a line.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu.")
    parser.add_argument("--seconds", type=float, default=80.0, help="After which no round begins.")
    parser.add_argument("--visit-s", type=float, default=0.012, help="Length of a visit.")
    parser.add_argument("--every", type=int, default=1, help="Take every so many kernels only.")
    options = parser.parse_args()
    device = device_of(options.device)
    instruments = open_instruments(device)
    clock = Clock(device)
    kernels = list(_kernels(device))[:: options.every]
    work = Work(device)
    print(f"{len(kernels)} kernels", flush=True)
    started_s = time.monotonic()
    with options.out.open("w", encoding="utf-8") as stream:
        head = {
            "gpu": describe_gpu(device).model_dump(),
            "environment": describe_environment(device, instruments, "random").model_dump(),
        }
        stream.write(json.dumps(head) + "\n")
        number = 0
        while number < 1 or time.monotonic() - started_s < options.seconds:
            order = random.Random(number).sample(kernels, len(kernels))  # noqa: S311 - a shuffle
            for kernel in order:
                visit = _visit(clock, work.of(kernel), options.visit_s)
                state = instruments.snapshot()
                line = {"round": number, "unix_s": round(time.time(), 3)} | asdict(kernel) | visit
                line |= {"sm_clock_mhz": state.sm_clock_mhz, "power_w": state.power_w}
                stream.write(json.dumps(line) + "\n")
            stream.flush()
            number += 1
            print(f"round {number} at {time.monotonic() - started_s:.0f} s", flush=True)


def _kernels(device: torch.device) -> Iterator[Kernel]:
    gpu = device.type == "cuda"
    for backend in BACKENDS if gpu else ["flash"]:
        for tokens in sorted({*COARSE, *FINE}):
            yield Kernel(f"attention-{backend}", tokens)
        for batch in (2, 3):
            for tokens in BATCHED:
                yield Kernel(f"attention-{backend}", tokens, batch)
    for inner, columns in PRODUCTS:
        for tokens in sorted({*COARSE, *FINE}):
            yield Kernel("product-bf16", tokens, 1, inner, columns)
    for inner, columns in FP8_PRODUCTS if gpu else ():
        for tokens in COARSE:
            yield Kernel("product-fp8", tokens, 1, inner, columns)


class Work:
    """The kernels' operands: random numbers, drawn once and cut to each size."""

    def __init__(self, device: torch.device) -> None:
        longest = max(*COARSE, 3 * max(BATCHED))
        size = longest * HEADS * HEAD_DIM
        self._attended = [torch.randn(size, device=device, dtype=torch.bfloat16) for _ in range(3)]
        widest = max(inner for inner, _ in PRODUCTS)
        self._rows = torch.randn(max(COARSE) * widest, device=device, dtype=torch.bfloat16)
        self._matrices = {
            (inner, columns): torch.randn(columns, inner, device=device, dtype=torch.bfloat16)
            for inner, columns in PRODUCTS
        }
        self._rounded = {side: quantize_rows(self._matrices[side]) for side in FP8_PRODUCTS}

    def of(self, kernel: Kernel) -> Callable[[], object]:
        """Return one launch of a kernel."""
        if not kernel.inner:
            return self._attention(kernel)
        values = self._rows[: kernel.tokens * kernel.inner].view(kernel.tokens, kernel.inner)
        if kernel.kind == "product-bf16":
            matrix = self._matrices[kernel.inner, kernel.columns]
            return lambda: linear(values, matrix)
        rows, row_scale = quantize_rows(values)
        rounded, scale = self._rounded[kernel.inner, kernel.columns]
        return lambda: torch._scaled_mm(  # noqa: SLF001 - as the fp8 stack
            rows,
            rounded.t(),
            scale_a=row_scale,
            scale_b=scale.t(),
            out_dtype=torch.bfloat16,
            use_fast_accum=True,
        )

    def _attention(self, kernel: Kernel) -> Callable[[], object]:
        shape = (kernel.batch, kernel.tokens, HEADS, HEAD_DIM)  # as diffusers lays them
        size = kernel.batch * kernel.tokens * HEADS * HEAD_DIM
        query, key, value = (each[:size].view(shape).transpose(1, 2) for each in self._attended)
        backend = BACKENDS[kernel.kind.removeprefix("attention-")]

        def attend() -> object:
            with sdpa_kernel(backend):
                return scaled_dot_product_attention(query, key, value)

        return attend


def _visit(clock: Clock, launch: Callable[[], object], visit_s: float) -> dict[str, float]:
    """Return how many launches were timed and the mean seconds of one."""
    launch()
    launches = 3
    while True:
        start = clock.mark()
        for _ in range(launches):
            launch()
        end = clock.mark()
        clock.now_s()
        seconds = start.seconds_until(end)
        if seconds >= visit_s or launches >= 200:
            return {"launches": launches, "seconds": round(seconds / launches, 9)}
        launches = min(200, max(launches + 1, round(1.2 * launches * visit_s / max(seconds, 1e-6))))


if __name__ == "__main__":
    main()
