"""The formula of each stage: the rounded maximum of its launch time and its arithmetic.

An eager pipeline asks the CPU to launch thousands of kernels. While a stage's arithmetic takes less
time than its launches, the stage is launch-bound and takes as long as the launches, whatever the
image's size; past that it takes as long as its arithmetic. The corner of the maximum is rounded,
since within one stage some kernels wait for their launch and others do not. Products take rows in
tiles, and a partly filled last tile costs more than its rows.
"""

from __future__ import annotations

import numpy as np

from fluxcost.performance.architecture import PIXELS_PER_TOKEN, Architecture
from fluxcost.performance.flops import denoise_slopes, text_encode, vae_decode
from fluxcost.performance.gaussian_process import StageFormula
from fluxcost.performance.observations import (
    Stage,
)
from fluxcost.performance.roofline import Rates
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape

TILE_ROWS = 128
"""Rows of a tile of the matrix products of a Hopper GPU: two warpgroups of 64 rows, the height of
a wgmma instruction (NVIDIA, Parallel Thread Execution ISA, section on wgmma)."""


RAGGED = 0.5
"""Share of a tile's missing rows that is paid for.

Steps of klein-4B on an H100 and an H200 pay between none (1280x720, 28.1 tiles, eager) and twice
that (896x1152, 31.5 tiles, compiled), since a last wave of tiles may be hidden or not (2026-11-28).
"""


def filled_pixels(pixels: Array, sequences: Array) -> Array:
    """Return the pixels that images would have, were what a ragged tile costs more of them.

    The tokens of all sequences of a call are the rows of its products together.

    Args:
        pixels: Of an image, one a point.
        sequences: That one call of the denoiser takes, one a point.
    """
    rows = pixels / PIXELS_PER_TOKEN * sequences
    whole = np.ceil(rows / TILE_ROWS - 1e-9) * TILE_ROWS  # what divides evenly may not by rounding
    paid = rows + RAGGED * (whole - rows)
    return np.asarray(paid / sequences * PIXELS_PER_TOKEN)


SHARPNESS = 12.0
"""Power of the rounded maximum, before a fit: at the corner the time is 2^(1/12), 6 % above either
part."""

PRIOR_SIGMA = 0.7
"""Width of the prior of a time or an efficiency known to a factor 2."""

SHARPNESS_SIGMA = 0.7
"""Width of the prior of the sharpness, a factor 2."""

LAUNCH_SIGMA = 2.0
"""Width of the prior of a launch-bound time: CPUs differ by far more than a factor 2."""


def _rounded_maximum(launch: float, arithmetic: Array, log_sharpness: float) -> Array:
    """Return the log of the rounded maximum of two log times."""
    power = np.exp(log_sharpness)
    return np.asarray(np.logaddexp(power * launch, power * arithmetic) / power)


class TextEncodeFormula:
    """Prompts: theta = launch time, sharpness, constant, arithmetic of one prompt (log seconds)."""

    def __init__(self, architecture: Architecture, rates: Rates) -> None:
        arithmetic = text_encode(architecture).flop / (rates.matmul_tflop_per_s * 1e12)
        self.prior_mean = np.log([0.03, SHARPNESS, 0.003, 1.5 * arithmetic])
        self.prior_sigma = np.array([LAUNCH_SIGMA, SHARPNESS_SIGMA, 1.0, PRIOR_SIGMA])

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log seconds of encoding `batch` prompts; pixels do not matter."""
        constant, prompt = np.exp(theta[2:])
        return _rounded_maximum(theta[0], np.log(constant + prompt * batch), theta[1])


class DenoiseFormula:
    """One step: theta = launch time, sharpness, constant, products and attention over ceiling."""

    def __init__(self, architecture: Architecture, rates: Rates) -> None:
        self._architecture = architecture
        self._rates = rates
        self.prior_mean = np.log([0.03, SHARPNESS, 0.001, 1.3, 1.1])
        self.prior_sigma = np.array([LAUNCH_SIGMA, SHARPNESS_SIGMA, 1.0, PRIOR_SIGMA, PRIOR_SIGMA])
        per_token, per_square = denoise_slopes(architecture)
        forwards = architecture.pipeline.forwards_per_step
        self._product_s = forwards * per_token / (rates.matmul_tflop_per_s * 1e12)
        self._attention_flop = forwards * per_square

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log seconds of one step of a batch."""
        tokens = pixels / PIXELS_PER_TOKEN + self._architecture.text_tokens
        rate = self._rates.attention_tflop_per_s(tokens) * 1e12
        constant, product, attention = np.exp(theta[2:])
        arithmetic = (
            constant
            + product * self._product_s * tokens * batch
            + attention * self._attention_flop * tokens**2 * batch / rate
        )
        return _rounded_maximum(theta[0], np.log(arithmetic), theta[1])


class VaeDecodeFormula:
    """Decoding: theta = launch time, sharpness, constant, a megapixel, exponents of both.

    Convolutions and norms wait for memory, so time follows traffic, not arithmetic: a little faster
    than pixels (activations leave the caches, the middle attention grows with their square) and a
    little slower than batch (small layers fill the chip better).
    """

    def __init__(self, architecture: Architecture, rates: Rates) -> None:
        megapixel = vae_decode(architecture, Shape(1024, 1024, 1)).matmul_flop / 1.048576
        arithmetic = megapixel / (rates.matmul_tflop_per_s * 1e12)
        self.prior_mean = np.log([0.01, SHARPNESS, 0.001, 5 * arithmetic, 1.05, 0.95])
        self.prior_sigma = np.array([LAUNCH_SIGMA, SHARPNESS_SIGMA, 1.0, PRIOR_SIGMA, 0.1, 0.1])

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log seconds of decoding a batch."""
        growth = theta[3] + np.exp(theta[4]) * np.log(pixels * 1e-6)
        growth = growth + np.exp(theta[5]) * np.log(batch)
        return _rounded_maximum(theta[0], np.logaddexp(theta[2], growth), theta[1])


class HostFormula:
    """Tokenizing and image conversion: theta = constant, first megapixel, its exponent.

    Conversion costs more a pixel once the images outgrow the caches and fresh memory is mapped.
    """

    def __init__(self) -> None:
        self.prior_mean = np.log([0.01, 0.01, 1.1])
        self.prior_sigma = np.array([LAUNCH_SIGMA, LAUNCH_SIGMA, 0.1])

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log seconds of host work around the stages, while the GPU waits."""
        return np.asarray(
            np.logaddexp(theta[0], theta[1] + np.exp(theta[2]) * np.log(pixels * 1e-6 * batch))
        )


def formulas_by_stage(architecture: Architecture, rates: Rates) -> dict[Stage, StageFormula]:
    """Return the formula of each stage, with priors from the rates."""
    return {
        "text_encode": TextEncodeFormula(architecture, rates),
        "first_step": DenoiseFormula(architecture, rates),
        "later_step": DenoiseFormula(architecture, rates),
        "vae_decode": VaeDecodeFormula(architecture, rates),
        "host": HostFormula(),
    }
