"""How a stage's time moves to another chip, model and CPU, and how unsure that is.

A stage's formula is a launch-bound part that the GPU's own work overtakes. The GPU's own work is
its floor at the rates the run reached bare, which follows the chip's arithmetic, and the rest above
it: kernels that wait for memory, which follow its bandwidth, and products that miss the bare rate,
which follow its arithmetic. Which of the two the rest is was not measured, so its share is drawn
evenly between none and all. Launches follow the CPU.

    asked = measured x overtake(launch', work') / overtake(launch, work)

which is the measured time itself where nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fluxcost.estimate import Draws, standard_normal, uniform
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.fit import Fit
from fluxcost.performance.flops import text_encode, vae_decode
from fluxcost.performance.observations import Stage
from fluxcost.performance.roofline import Rates, floor_at, working_rates
from fluxcost.performance.stage_formulas import DenoiseFormula
from fluxcost.performance.transfer.transfer_target import TransferTarget
from fluxcost.workload.shape import Shape

SAME_GENERATION_SIGMA = 0.05
"""Relative error of the share of its peak another chip of a generation reaches.

Bare products at klein-4B's sizes reached 689 to 830 TFLOP/s on H200s and 709 to 811 on an H100,
whose datasheets say the same: 5 % between their means at most (ceilings of runs, 2026-11-24).
"""

OTHER_GENERATION_SIGMA = 0.20
"""The same across generations. NVIDIA states 1.7 times for FLUX.2-dev in bf16 from H200 to B200
(blog, January 2026), where these formulas say 2.1: 20 % apart."""

OTHER_MODEL_SIGMA = 0.10
"""Relative error of the share of its peak another model of the same block design reaches.

SGLang's own H100 baselines (2026-08-16) are 59 % of peak for klein-4B, 58 % for FLUX.1-dev and 64 %
for FLUX.2-dev; twice their scatter, since they are of one stack.
"""

OTHER_DESIGN_SIGMA = 0.27
"""The same where the blocks differ in design, and so in the kernels a stack runs for them.

Eager FLUX.1-dev at 1024x1024 takes 0.24 s a step on an H100 (xDiT's docs: 6.71 s for 28; ONNX
Runtime's pull request 22986: 12.34 s for 50), where these formulas say 0.18 from eager klein-4B.
"""

LAUNCH_RATE_SIGMA = 0.30
"""Relative error of a CPU's launch rate nobody measured: the standard deviation of the logarithm of
the 84, 141, 157 and 157 thousand launches a second of four runs (ceilings, 2026-11-24)."""

KNOWN_LAUNCH_RATE_SIGMA = 0.15
"""The same where its launches a second are known. They vary within a run: a launch-bound step
took 26 ms in one cell and 41 ms in another, a ratio whose logarithm is 0.45, three of these (H200,
2026-11-23)."""

NO_LAUNCH = -50.0
"""Logarithm of a launch time too short to count."""


@dataclass(frozen=True)
class TransferDraws:
    """The unknowns of a transfer, one value a draw, or the one value of the point estimate.

    Attributes:
        launch_ratio: How many times longer launches take.
        efficiency: By stage family, how many times longer the GPU's own work takes than by rates.
        memory_share: Share of the work above the floor that waits for memory, 0 to 1.
    """

    launch_ratio: Draws | float
    efficiency: dict[str, Draws | float]
    memory_share: Draws | float


FAMILIES: dict[Stage, str] = {
    "text_encode": "text",
    "first_step": "denoise",
    "later_step": "denoise",
    "vae_decode": "vae",
    "host": "host",
}


def central_draw(asked: TransferTarget) -> TransferDraws:
    """Return the values that the point estimate uses."""
    return TransferDraws(asked.launch_ratio, dict.fromkeys(FAMILIES.values(), 1.0), 0.5)


def transfer_draws(asked: TransferTarget, key: str) -> TransferDraws:
    """Return draws of the unknowns: shared by all shapes of a transfer, separate by stage."""
    known = asked.launches_there is not None and asked.launches_here is not None
    launch_sigma = KNOWN_LAUNCH_RATE_SIGMA if known else LAUNCH_RATE_SIGMA
    sigma = efficiency_sigma(asked)
    return TransferDraws(
        launch_ratio=asked.launch_ratio * np.exp(launch_sigma * standard_normal(f"{key}/pace")),
        efficiency={
            family: np.exp(sigma * standard_normal(f"{key}/efficiency/{family}"))
            for family in FAMILIES.values()
        },
        memory_share=uniform(f"{key}/waiting"),
    )


def efficiency_sigma(asked: TransferTarget) -> float:
    """Return the relative error of the GPU's own work."""
    chip = 0.0
    if asked.here != asked.there:
        same = asked.here.generation == asked.there.generation
        chip = SAME_GENERATION_SIGMA if same else OTHER_GENERATION_SIGMA
    if asked.same_model:
        return chip
    model = OTHER_MODEL_SIGMA if asked.same_design else OTHER_DESIGN_SIGMA
    return float(np.hypot(chip, model))


class TransferFactors:
    """The factor of each stage's time at a shape and batch."""

    def __init__(self, fitted: Fit, asked: TransferTarget) -> None:
        self._fits = fitted.times.fits
        self._asked = asked
        self._rates = working_rates(fitted.calibration)
        here, there = asked.peak_here, asked.peak_there
        products = here.matmul_tflop_per_s / there.matmul_tflop_per_s
        self._arithmetic = dict.fromkeys(FAMILIES, products)
        steps = here.denoise_tflop_per_s / there.denoise_tflop_per_s
        self._arithmetic |= {"first_step": steps, "later_step": steps}
        self._traffic = asked.here.memory_tb_per_s / asked.there.memory_tb_per_s

    def factor(self, stage: Stage, shape: Shape, batch: int, draws: TransferDraws) -> Draws | float:
        """Return the time asked for over the time measured."""
        if stage == "host":
            return draws.launch_ratio
        process = self._fits[stage]
        launch, power = process.theta[0], float(np.exp(process.theta[1]))
        own = self._own_work(stage, self._asked.measured, shape, batch)
        moved = self._moved_work(stage, shape, batch, draws)
        launches = launch + np.log(draws.launch_ratio * _kernels(self._asked, stage))
        before = np.logaddexp(power * launch, power * np.log(own))
        after = np.logaddexp(power * launches, power * np.log(moved))
        factor = np.exp((after - before) / power)
        return factor if isinstance(factor, np.ndarray) else float(factor)

    def _moved_work(
        self, stage: Stage, shape: Shape, batch: int, draws: TransferDraws
    ) -> Draws | float:
        """Return the seconds of the GPU's own work where it is asked for."""
        model = self._asked.model
        own = self._own_work(stage, model, shape, batch)
        floor = min(own, _floor_s(model, self._rates, stage, shape, batch))
        arithmetic = self._arithmetic[stage]
        mixed = draws.memory_share * self._traffic + (1 - draws.memory_share) * arithmetic
        return draws.efficiency[FAMILIES[stage]] * (floor * arithmetic + (own - floor) * mixed)

    def _own_work(self, stage: Stage, model: Architecture, shape: Shape, batch: int) -> float:
        """Return a model's own work on the GPU measured, s, at the utilization seen there.

        Denoising is the formula with the model's own counts; text and decoding follow their FLOPs.
        """
        process = self._fits[stage]
        theta = process.theta.copy()
        theta[0] = NO_LAUNCH
        at = np.array([float(shape.pixels)]), np.array([float(batch)])
        if FAMILIES[stage] == "denoise":
            return float(np.exp(DenoiseFormula(model, self._rates).log_seconds(theta, *at)[0]))
        count = _FLOP[stage]
        more = count(model, shape, batch) / count(self._asked.measured, shape, batch)
        return more * float(np.exp(process.physics.log_seconds(theta, *at)[0]))


_FLOP: dict[Stage, Callable[[Architecture, Shape, int], float]] = {
    "text_encode": lambda model, _, batch: text_encode(model, batch).flop,
    "vae_decode": lambda model, shape, batch: vae_decode(model, shape, batch).flop,
}


def _floor_s(model: Architecture, rates: Rates, stage: Stage, shape: Shape, batch: int) -> float:
    floor = floor_at(model, rates, shape, batch, "ceilings")
    return {
        "text_encode": floor.text_encode_s,
        "first_step": floor.denoise_step_s,
        "later_step": floor.denoise_step_s,
        "vae_decode": floor.vae_decode_s,
    }[stage]


def _kernels(asked: TransferTarget, stage: Stage) -> float:
    """Return the kernels a stage launches over those measured; a double block has two streams."""
    if stage == "text_encode":
        here, there = (
            each.text_encoder.num_hidden_layers for each in (asked.measured, asked.model)
        )
        return there / here
    if stage == "vae_decode":
        return 1.0
    here, there = (
        2 * (each.transformer.num_layers + each.transformer.num_refiner_layers)
        + each.transformer.num_single_layers
        for each in (asked.measured, asked.model)
    )
    return there / here
