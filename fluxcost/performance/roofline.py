"""Rooflines: the least time the arithmetic and bytes of each stage allow, at the rates of a GPU.

Two kinds. At the chip's datasheet rates (data/gpus.yaml), a floor is an alarm: a measured time
under it is a bug in the measurement. At the ceilings the same run reached bare (matrix products and
attention at the model's own sizes), it says how much of a stage is left to gain: each product of a
step is divided by the rate at its own size, since no stack multiplies a small matrix as fast as a
large one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from fluxcost.documents import read_yaml
from fluxcost.errors import DocumentError, InfeasibleError, MissingDataError
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import Ceilings, MatmulCeiling, Stack
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.flops import (
    MatrixProduct,
    Work,
    denoise_step,
    step_products,
    text_encode,
    vae_decode,
)
from fluxcost.records import FirstVersion, Name, Positive, Record
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape


class GpuRates(Record):
    """Peak rates of one GPU as its datasheet states them; 1 T is 10^12, 1 GB is 10^9 bytes."""

    name: Name
    generation: Literal["ampere", "ada", "hopper", "blackwell"]
    bf16_tflop_per_s: Positive = Field(description="Dense, products summed in FP32.")
    fp8_tflop_per_s: Positive | None = Field(default=None, description="None without FP8.")
    memory_tb_per_s: Positive
    memory_gb: Positive
    board_power_w: Positive
    source: Name = Field(description="The vendor's document.")
    seen: Name | None = Field(default=None, description="Page read in its place.")
    as_of: date

    @property
    def memory_gib(self) -> float:
        """Memory that is there whether the datasheet's GB are decimal or binary, GiB."""
        return self.memory_gb * 1e9 / 2**30


class _GpuFile(Record):
    format: Literal["fluxcost-gpus"]
    version: FirstVersion
    gpus: dict[str, GpuRates]


@functools.cache
def gpu_rates() -> dict[str, GpuRates]:
    """Return the datasheet rates of every GPU known, by key."""
    path = Path(str(files("fluxcost"))) / "data" / "gpus.yaml"
    return _GpuFile.parse(read_yaml(path), str(path)).gpus


def rates_of(gpu: str) -> GpuRates:
    """Return the datasheet rates of a GPU.

    Raises:
        MissingDataError: data/gpus.yaml has no row for it.
    """
    if gpu not in gpu_rates():
        known = ", ".join(sorted(gpu_rates()))
        raise MissingDataError(
            f"no datasheet rates for GPU {gpu!r}; known: {known}; add its row to data/gpus.yaml."
        )
    return gpu_rates()[gpu]


TYPICAL_SHARE = 0.7
"""Share of the datasheet peak that bare products reach (679 to 697 of 989 TFLOP/s on an H100 at
klein's sizes, 2026-11-22); a starting point where a calibration holds no ceilings."""


@dataclass(frozen=True)
class Rates:
    """Rates a stage's work is divided by.

    Attributes:
        matmul_tflop_per_s: Matrix products and convolutions outside the denoiser.
        denoise_tflop_per_s: Matrix products in the denoiser (higher in an fp8 stack).
        attention_tokens: Token counts at which attention was timed, rising.
        attention_rates: TFLOP/s of attention at those token counts.
        memory_tb_per_s: Device memory bandwidth; None leaves traffic out.
        products: Rates of single matrix products, where they were timed at their own size.
    """

    matmul_tflop_per_s: float
    denoise_tflop_per_s: float
    attention_tokens: tuple[float, ...]
    attention_rates: tuple[float, ...]
    memory_tb_per_s: float | None = None
    products: tuple[MatmulCeiling, ...] = ()

    def product_tflop_per_s(self, product: MatrixProduct) -> float:
        """Return the rate of a product: log-interpolated in rows, flat outside, of those timed.

        A product of which nothing of its inner size and columns was timed goes at the best rate.
        """
        like = {
            each.rows: each.tflop_per_s
            for each in sorted(self.products, key=lambda each: each.rows)
            if (each.inner, each.columns) == (product.inner, product.columns)
        }
        if not like:
            return self.denoise_tflop_per_s
        rates = np.log(list(like.values()))
        return float(np.exp(np.interp(np.log(product.rows), np.log(list(like)), rates)))

    def attention_tflop_per_s(self, tokens: Array | float) -> Array:
        """Return the rate of attention at a token count, log-interpolated, flat outside."""
        known = np.log(self.attention_tokens)
        return np.exp(np.interp(np.log(tokens), known, np.log(self.attention_rates)))


@dataclass(frozen=True)
class Floor:
    """Least seconds of each stage of a call; `denoise_step` is one step.

    Attributes:
        basis: "datasheet peak" or "ceilings of the run".
        text_encode_s: Layers the denoiser reads, no output head.
        denoise_step_s: One step of the batch.
        vae_decode_s: The decoder.
        steps: Steps of the shape.
    """

    basis: str
    text_encode_s: float
    denoise_step_s: float
    vae_decode_s: float
    steps: int

    @property
    def total_s(self) -> float:
        """The whole call, host work taken as free."""
        return self.text_encode_s + self.steps * self.denoise_step_s + self.vae_decode_s

    def to_dict(self) -> dict[str, Any]:
        """Return the floor as plain values."""
        return {
            "basis": self.basis,
            "text_encode_s": self.text_encode_s,
            "denoise_step_s": self.denoise_step_s,
            "vae_decode_s": self.vae_decode_s,
            "total_s": self.total_s,
        }


def floor_at(
    architecture: Architecture, rates: Rates, shape: Shape, batch: int, basis: str
) -> Floor:
    """Return the floor of each stage at given rates."""
    text = text_encode(architecture, batch, whole=False)
    decode = vae_decode(architecture, shape, batch)
    return Floor(
        basis=basis,
        text_encode_s=_seconds(text, rates.matmul_tflop_per_s, rates.matmul_tflop_per_s, rates),
        denoise_step_s=step_floor_s(architecture, rates, shape, batch),
        vae_decode_s=_seconds(decode, rates.matmul_tflop_per_s, rates.matmul_tflop_per_s, rates),
        steps=shape.steps,
    )


def step_floor_s(architecture: Architecture, rates: Rates, shape: Shape, batch: int) -> float:
    """Return the floor of one denoising step at given rates, seconds."""
    attention = float(rates.attention_tflop_per_s(architecture.tokens(shape)))
    step = denoise_step(architecture, shape, batch)
    products = rates.denoise_tflop_per_s
    if rates.products and architecture.blocks is not None:
        own = step_products(architecture, shape, batch)
        products = step.matmul_flop / sum(p.flop / rates.product_tflop_per_s(p) for p in own)
    return _seconds(step, products, attention, rates)


def floor_of(
    calibration: Calibration,
    architecture: Architecture,
    shape: Shape,
    batch: int,
    basis: Literal["peak", "ceilings"] = "peak",
) -> Floor:
    """Return the floor of each stage at the datasheet's peak, or at the ceilings of the runs.

    Raises:
        MissingDataError: No datasheet row for this GPU, or no ceilings in the calibration.
        InfeasibleError: The stack multiplies in FP8 and the chip cannot.
    """
    if basis == "peak":
        return floor_at(architecture, peak_rates(calibration), shape, batch, "datasheet peak")
    rates = ceiling_rates(calibration)
    return floor_at(architecture, rates, shape, batch, "ceilings of the run")


def _seconds(work: Work, matmul: float, attention: float, rates: Rates) -> float:
    """Return the longer of arithmetic and traffic, seconds; rates in TFLOP/s."""
    arithmetic = work.matmul_flop / (matmul * 1e12) + work.attention_flop / (attention * 1e12)
    if rates.memory_tb_per_s is None:
        return arithmetic
    return max(arithmetic, work.traffic_bytes / (rates.memory_tb_per_s * 1e12))


def peak_rates(calibration: Calibration) -> Rates:
    """Return the chip's datasheet rates; an fp8 stack is held to the fp8 peak.

    Raises:
        MissingDataError: data/gpus.yaml has no row for this GPU.
        InfeasibleError: The stack multiplies in FP8 and the chip cannot.
    """
    return chip_rates(rates_of(calibration.gpu.key), calibration.stack)


def chip_rates(row: GpuRates, stack: Stack) -> Rates:
    """Return a chip's datasheet rates as a stack uses them.

    Raises:
        InfeasibleError: The stack multiplies in FP8 and the chip cannot.
    """
    rate: float | None = row.bf16_tflop_per_s
    if any("fp8" in str(value) for value in stack.settings.values()):
        rate = row.fp8_tflop_per_s
    if rate is None:
        raise InfeasibleError(
            f"{row.name} has no FP8 and stack {stack.alias} multiplies in it; use a bf16 stack."
        )
    return Rates(row.bf16_tflop_per_s, rate, (1.0,), (rate,), row.memory_tb_per_s)


def ceiling_rates(calibration: Calibration) -> Rates:
    """Return the best bare rates among the calibration's runs, each product's at its own size.

    Raises:
        MissingDataError: No run recorded ceilings of both matrix products and attention.
    """
    ceilings = [run.ceilings for run in calibration.runs if run.ceilings is not None]
    products = _best_products(ceilings)
    attention = _best_attention(ceilings)
    if not products or not attention:
        raise MissingDataError(
            f"{calibration.alias}: no run recorded its ceilings; measure with the ceilings probe."
        )
    best = max(each.tflop_per_s for each in products)
    return Rates(best, best, tuple(attention), tuple(attention.values()), products=products)


def _best_products(ceilings: list[Ceilings]) -> tuple[MatmulCeiling, ...]:
    """Return the fastest product of each size."""
    timed = sorted(
        (entry for ceiling in ceilings for entry in ceiling.matmul),
        key=lambda entry: entry.tflop_per_s,
    )
    best = {(entry.rows, entry.inner, entry.columns): entry for entry in timed}
    return tuple(best.values())


def _best_attention(ceilings: list[Ceilings]) -> dict[float, float]:
    """Return token count to the best rate of any backend, rising in tokens."""
    best: dict[float, float] = {}
    for ceiling in ceilings:
        for entry in ceiling.attention:
            best[entry.tokens] = max(best.get(entry.tokens, 0.0), entry.tflop_per_s)
    return dict(sorted(best.items()))


def working_rates(calibration: Calibration) -> Rates:
    """Return rates to start a fit from: the run's best, else a typical share of the peak.

    A fit finds for itself how far each size falls short, so it starts from one rate for all.
    """
    try:
        return replace(ceiling_rates(calibration), products=())
    except MissingDataError:
        row = gpu_rates().get(calibration.gpu.key) or gpu_rates()["h100-sxm"]
        rate = TYPICAL_SHARE * row.bf16_tflop_per_s
        return Rates(rate, rate, (1.0,), (rate,))


def check_floors(
    architecture: Architecture, calibration: Calibration, cells: Sequence[Cell]
) -> None:
    """Compare every denoising step with the datasheet peak; other stages may be cached away.

    Raises:
        DocumentError: A cell's median step is under its floor.
    """
    if calibration.gpu.key not in gpu_rates():
        return
    rates = peak_rates(calibration)
    for cell in cells:
        assert cell.samples is not None  # noqa: S101 - fitted cells have samples
        step_s = float(np.median(cell.samples.denoise_step_s))
        least_s = step_floor_s(architecture, rates, cell.shape, cell.batch)
        if step_s < least_s:
            raise DocumentError(
                f"{calibration.alias}: {cell.label}: a step took {step_s:.6f} s, under the "
                f"{least_s:.6f} s its arithmetic takes at the chip's peak; the timing "
                "is wrong: measure it again."
            )
