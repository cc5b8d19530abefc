"""The formula of each stage: what decides its time on a GPU.

An eager pipeline asks the CPU to launch thousands of kernels. While a stage's arithmetic takes less
time than its launches, the stage takes as long as the launches, whatever the image's size; past
that it takes as long as its arithmetic. `_overtake` is that maximum with its corner rounded, since
within one stage some kernels wait for their launch and others do not.
"""

from __future__ import annotations

import numpy as np

from fluxcost.performance.architecture import PIXELS_PER_TOKEN, Architecture
from fluxcost.performance.floor import Rates
from fluxcost.performance.kriging import Array
from fluxcost.performance.work import VAE_SHRINK, text_encode, vae_decode
from fluxcost.workload import Shape

SHARPNESS = 12.0
"""Power of the rounded maximum, before a fit: at the corner the time is 2^(1/12), 6 % above either
part."""

PRIOR_SIGMA = 0.7
"""Width of the prior of a time or an efficiency known to a factor 2."""

SHARPNESS_SIGMA = 0.7
"""Width of the prior of the sharpness, a factor 2."""

LAUNCH_SIGMA = 2.0
"""Width of the prior of a launch-bound time: CPUs differ by far more than a factor 2."""


def _overtake(launch: float, arithmetic: Array, log_sharpness: float) -> Array:
    """Return the log of the rounded maximum of two log times."""
    power = np.exp(log_sharpness)
    return np.asarray(np.logaddexp(power * launch, power * arithmetic) / power)


class TextPhysics:
    """Prompts: theta = launch time, sharpness, arithmetic of one prompt (log seconds)."""

    def __init__(self, architecture: Architecture, rates: Rates) -> None:
        arithmetic = text_encode(architecture).flop / (rates.matmul_tflop_per_s * 1e12)
        self.prior_mean = np.log([0.03, SHARPNESS, 1.5 * arithmetic])
        self.prior_sigma = np.array([LAUNCH_SIGMA, SHARPNESS_SIGMA, PRIOR_SIGMA])

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log seconds of encoding `batch` prompts; pixels do not matter."""
        return _overtake(theta[0], theta[2] + np.log(batch), theta[1])


class DenoisePhysics:
    """One step: theta = launch time, sharpness, constant, products and attention over ceiling."""

    def __init__(self, architecture: Architecture, rates: Rates) -> None:
        self._architecture = architecture
        self._rates = rates
        self.prior_mean = np.log([0.03, SHARPNESS, 0.001, 1.3, 1.1])
        self.prior_sigma = np.array([LAUNCH_SIGMA, SHARPNESS_SIGMA, 1.0, PRIOR_SIGMA, PRIOR_SIGMA])
        part = architecture.transformer
        per_token = 2 * (4 + 3 * part.mlp_ratio) * part.width**2 * part.blocks
        forwards = architecture.pipeline.forwards_per_step
        self._product_s = forwards * per_token / (rates.matmul_tflop_per_s * 1e12)
        self._attention_flop = forwards * 4 * part.width * part.blocks

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
        return _overtake(theta[0], np.log(arithmetic), theta[1])


class VaePhysics:
    """Decoding: theta = launch time, sharpness, constant part, one megapixel, its attention."""

    def __init__(self, architecture: Architecture, rates: Rates) -> None:
        megapixel = vae_decode(architecture, Shape(1024, 1024, 1)).matmul_flop / 1.048576
        # Convolutions and group norms wait for memory: several times the arithmetic (speed notes).
        self.prior_mean = np.log(
            [0.01, SHARPNESS, 0.0005, 5 * megapixel / (rates.matmul_tflop_per_s * 1e12), 2.0]
        )
        self.prior_sigma = np.array([LAUNCH_SIGMA, SHARPNESS_SIGMA, 1.0, PRIOR_SIGMA, PRIOR_SIGMA])
        channels = architecture.vae.block_out_channels[-1]
        self._attention_s = 4 * channels / VAE_SHRINK**4 / (rates.matmul_tflop_per_s * 1e12)

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log seconds of decoding a batch."""
        constant, megapixel, attention = np.exp(theta[2:])
        arithmetic = (
            constant
            + megapixel * pixels * 1e-6 * batch
            + attention * self._attention_s * pixels**2 * batch
        )
        return _overtake(theta[0], np.log(arithmetic), theta[1])


class HostPhysics:
    """Tokenizing, scheduling and image conversion: theta = constant, time of one megapixel."""

    def __init__(self) -> None:
        self.prior_mean = np.log([0.01, 0.01])
        self.prior_sigma = np.array([LAUNCH_SIGMA, LAUNCH_SIGMA])

    def log_seconds(self, theta: Array, pixels: Array, batch: Array) -> Array:
        """Return log seconds the GPU waits for the CPU around the stages."""
        return np.asarray(np.logaddexp(theta[0], theta[1] + np.log(pixels * 1e-6 * batch)))
