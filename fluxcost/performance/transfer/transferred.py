"""Answers about a GPU or model that nobody measured."""

from __future__ import annotations

from fluxcost.checks import refuse_bad_batch
from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.estimate import Draws, Estimate, Source, UntrustworthyError, derive
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.fit import Fit
from fluxcost.performance.fit_parts import StageName
from fluxcost.performance.flops import (
    BYTES_PER_VALUE,
    decoder_weights,
    denoiser_parameters,
    text_encoder_parameters,
    vae_decode,
)
from fluxcost.performance.noise.sampling import Statistic, check_statistic
from fluxcost.performance.observations import STAGES, Stage, stage_counts
from fluxcost.performance.region import saturating_batch
from fluxcost.performance.roofline import Floor, floor_at
from fluxcost.performance.transfer.transfer_factors import (
    OTHER_GENERATION_SIGMA,
    TransferFactors,
    central_draw,
    efficiency_sigma,
    transfer_draws,
)
from fluxcost.performance.transfer.transfer_target import TransferTarget, transfer_target
from fluxcost.workload.shape import Shape

WIDEST_HALF_WIDTH = 1.0
"""Relative half-width past which a transferred answer is refused: more than about twice either way
decides nothing. A measured fit is held to a quarter of it."""

POWER_SIGMA = OTHER_GENERATION_SIGMA
"""Relative error of the share of board power another GPU draws: as unsure as its share of peak."""

ACTIVATION_SIGMA = 0.10
"""Relative error of another model's activations over the measured model's, by the decoder's."""


def transfer(
    fitted: Fit,
    *,
    gpu: str | None = None,
    model: str | Architecture | None = None,
    launches_per_s: float | None = None,
) -> Transferred:
    """Predict another GPU, another model or both from a fit.

    Args:
        fitted: Of a measured calibration; the stack stays the same.
        gpu: Key of a GPU in data/gpus.yaml, such as "a100-sxm-80gb"; the measured one unless given.
        model: A shipped model's name or an architecture; the measured one unless given.
        launches_per_s: Kernels a second the other machine's CPU launches, where it is known: the
            ceilings of any run on it hold it. An eager stack's small images follow it.

    Raises:
        InputError: Neither GPU nor model is given, or launches_per_s is not positive.
        MissingDataError: No datasheet rates for a GPU, or the calibration has no samples.
        UnknownNameError: No such model.
        InfeasibleError: The stack multiplies in FP8 and the chip cannot.
    """
    return Transferred(fitted, transfer_target(fitted, gpu, model, launches_per_s))


class Transferred:
    """A fit moved to another GPU or model, through floors, datasheet rates and launch rates.

    Answers have source `transferred`. Their intervals hold the measured fit's own errors and what a
    transfer cannot know: whether time above the floor waits for memory or for arithmetic, the share
    of its peak the other chip or model reaches, and the other CPU's launch rate.

    Methods raise InputError (batch below 1), MissingDataError (beyond twice the measured tokens x
    batch), InfeasibleError (does not fit in the GPU's memory) and UntrustworthyError (half-width
    over 100 %; carries the estimate).
    """

    def __init__(self, fitted: Fit, asked: TransferTarget) -> None:
        self.fitted = fitted
        self.target = asked
        self.alias = f"{asked.gpu}/{asked.model.name}/{fitted.calibration.stack.alias}"
        self.key = f"{fitted.key} to {asked.gpu}/{asked.model.name}"
        self._scaling = TransferFactors(fitted, asked)
        self._central, self._drawn = central_draw(asked), transfer_draws(asked, self.key)

    def __repr__(self) -> str:
        return f"<{self.alias} transferred from {self.fitted!r}>"

    def latency(self, shape: Shape, batch: int = 1, statistic: Statistic = "median") -> Estimate:
        """Return the seconds of a whole call.

        Args:
            shape: What is asked.
            batch: Images a call.
            statistic: "median", "mean", "p95" or "p99" over calls.
        """
        self._check(shape, batch)
        check_statistic(statistic)
        times = self.fitted.times
        factor, _ = times.tail(shape, batch, statistic)
        lost_s = times.within_call_drift_s(shape.pixels, batch, shape.steps)
        value: Draws | float = lost_s
        draws: Draws | float = lost_s
        for stage, count in stage_counts(shape.steps).items():
            seconds = count * times.stage_seconds(stage, shape.pixels, batch)
            value += seconds * self._scaling.factor(stage, shape, batch, self._central)
            draws += seconds * self._scaling.factor(stage, shape, batch, self._drawn)
        _, sigmas = times.call(shape, batch, statistic)
        least = self.floor(shape, batch).total_s
        return _trusted_transfer(
            self._estimate(
                max(factor * float(value), least),
                factor * draws,
                sigmas | self.fitted.common(shape, batch),
                "s",
                "latency",
            ),
            shape,
            batch,
        )

    def occupancy(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the mean seconds a call keeps the GPU from serving another."""
        whole = self.latency(shape, batch, "mean")
        if self.fitted.calibration.stack.settings.get("host_overlap") is not True:
            return whole
        host = self.stages(shape, batch)["host"]
        return derive(lambda call, host_s: call - host_s, whole, host, unit="s")

    def throughput(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return images a second of one GPU that always has a next call waiting."""
        return derive(
            lambda seconds: batch / seconds, self.occupancy(shape, batch), unit="images/s"
        )

    def stages(self, shape: Shape, batch: int = 1) -> dict[StageName, Estimate]:
        """Return the median seconds of each stage; `denoise` is all steps together."""
        self._check(shape, batch)
        found = {stage: self._stage(stage, shape, batch) for stage in STAGES}
        later = shape.steps - 1
        lost_s = self.fitted.times.within_call_drift_s(shape.pixels, batch, shape.steps)
        denoise = derive(
            lambda first, each: first + later * each + lost_s,
            found["first_step"],
            found["later_step"],
            unit="s",
        )
        return {
            "text_encode": found["text_encode"],
            "denoise": denoise if later else found["first_step"],
            "vae_decode": found["vae_decode"],
            "host": found["host"],
        }

    def memory(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the peak device memory of a call, GiB.

        The same model needs what it needed where it was measured. Another one has its own weights,
        and activations that grow like its decoder's, which are the largest.

        Raises:
            InfeasibleError: More than the GPU holds, its datasheet's GB read as decimal.
        """
        self._check(shape, batch, fits=False)
        needed = self._memory(shape, batch)
        self._require_room(needed.value, shape, batch)
        return needed

    def energy(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the energy of one image, J, at the board: the measured share of board power."""
        call = self.latency(shape, batch, "mean")
        times = self.fitted.times
        seconds, _ = times.call(shape, batch, "mean")
        joules = self.fitted.call_energy.joules(shape, batch, seconds)
        share = joules / seconds / self.target.here.board_power_w
        power = Estimate.spread(
            share * self.target.there.board_power_w,
            self.fitted.call_energy.sigmas(shape, batch) | {f"{self.key}/power": POWER_SIGMA},
            "W",
            Source.TRANSFERRED,
            self._evidence("energy"),
        )
        return derive(lambda watts, call_s: watts * call_s / batch, power, call, unit="J")

    def best_batch(self, shape: Shape) -> int:
        """Return the smallest batch that reaches the highest throughput that fits in memory."""
        batches = range(1, self.fitted.region.most_batch(shape) + 1)
        best = saturating_batch(batches, lambda batch: self.occupancy(shape, batch))
        if best is None:
            self.latency(shape, 1)  # says why
            raise MissingDataError(f"{self.alias}: no batch of {shape} can be answered.")
        return best

    def floor(self, shape: Shape, batch: int = 1) -> Floor:
        """Return the least time each stage takes at the datasheet's rates."""
        refuse_bad_batch(batch)
        asked = self.target
        return floor_at(asked.model, asked.peak_there, shape, batch, "datasheet peak")

    def _stage(self, stage: Stage, shape: Shape, batch: int) -> Estimate:
        times = self.fitted.times
        seconds = times.stage_seconds(stage, shape.pixels, batch)
        value = seconds * float(self._scaling.factor(stage, shape, batch, self._central))
        draws = seconds * self._scaling.factor(stage, shape, batch, self._drawn)
        sigmas = times.stage_sigmas(stage, shape.pixels, batch)
        sigmas |= self.fitted.stage_common(shape, batch)(stage)
        return self._estimate(value, draws, sigmas, "s", stage)

    def _memory(self, shape: Shape, batch: int) -> Estimate:
        fitted, asked = self.fitted, self.target
        peak = fitted.peak.gib(shape.pixels, batch)
        sigmas = fitted.peak.sigmas(shape.pixels, batch)
        if not asked.same_model:
            here, there = weights_gib(asked.measured), weights_gib(asked.model)
            moved = vae_decode(asked.model, shape).traffic_bytes
            moved /= vae_decode(asked.measured, shape).traffic_bytes
            activations = moved * max(peak - here, 0.0)
            sigmas |= {f"{self.key}/activations": ACTIVATION_SIGMA * activations / peak}
            peak = there + activations
        evidence = self._evidence(f"peak {fitted.peak.reading}")
        return Estimate.spread(peak, sigmas, "GiB", Source.TRANSFERRED, evidence)

    def _check(self, shape: Shape, batch: int, *, fits: bool = True) -> None:
        refuse_bad_batch(batch)
        self.fitted.region.require_within_reach(shape, batch)
        if not fits:
            return
        try:
            needed = self._memory(shape, batch)
        except MissingDataError:
            return  # the measured record holds no memory
        self._require_room(needed.value, shape, batch)

    def _require_room(self, needed_gib: float, shape: Shape, batch: int) -> None:
        there = self.target.there
        if needed_gib > there.memory_gib:
            raise InfeasibleError(
                f"{self.alias}: {shape}, batch {batch} needs about {needed_gib:.1f} GiB but "
                f"{there.name} has {there.memory_gb:g} GB ({there.memory_gib:.1f} GiB); use a "
                "smaller batch or image, or a larger GPU."
            )

    def _estimate(
        self, value: float, draws: Draws | float, sigmas: dict[str, float], unit: str, what: str
    ) -> Estimate:
        errors = Estimate.spread(1.0, sigmas, "", Source.TRANSFERRED, what)
        return Estimate(
            value, unit, Source.TRANSFERRED, (self._evidence(what),), draws * errors.draws
        )

    def _evidence(self, what: str) -> str:
        asked = self.target
        fitted = self.fitted.calibration
        sigma = efficiency_sigma(asked)
        rate = "assumed that of the machine measured"
        if asked.launches_there is not None:
            rate = f"{asked.launches_there:,.0f} launches/s"
        return (
            f"{self.alias} transferred from {fitted.alias} ({self.fitted.key}), {what}: floors, "
            f"datasheet rates, {sigma:.0%} for the share of peak reached, CPU launch rate {rate}"
        )


def weights_gib(model: Architecture) -> float:
    """Return what a model's weights take in bf16, GiB."""
    parameters = (
        denoiser_parameters(model)
        + text_encoder_parameters(model.text_encoder)
        + decoder_weights(model.vae)
    )
    return BYTES_PER_VALUE * parameters / 2**30


def _trusted_transfer(estimate: Estimate, shape: Shape, batch: int) -> Estimate:
    if estimate.relative_half_width > WIDEST_HALF_WIDTH:
        raise UntrustworthyError(
            f"{shape}, batch {batch}: the transferred interval is "
            f"{estimate.relative_half_width:.0%} of the value to either side; expected at most "
            f"{WIDEST_HALF_WIDTH:.0%}; measure on the GPU itself.",
            estimate,
        )
    return estimate
