"""fit(calibration): how fast, how much memory and energy, at any shape and batch worth trusting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from fluxcost.checks import refuse_bad_batch, refuse_outside
from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.call_time import CallTimes
from fluxcost.performance.editing import EditTimes, refuse_unmeasured_edit
from fluxcost.performance.energy import CallEnergy, counted_energy
from fluxcost.performance.fit_parts import (
    CallLatency,
    FitParts,
    SharedErrors,
    StageName,
    exact_stages,
    fitted_stages,
)
from fluxcost.performance.memory import PeakMemory
from fluxcost.performance.noise.sampling import Statistic, check_statistic
from fluxcost.performance.region import Region, saturating_batch, trusted
from fluxcost.performance.roofline import Floor, floor_of
from fluxcost.performance.scaling.context_parallel import ContextParallelFit
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape


def fit(
    calibration: Calibration,
    *,
    architecture: Architecture | None = None,
    same_run: bool = False,
) -> Fit:
    """Fit a calibration.

    Args:
        calibration: What was measured, imported or published.
        architecture: The model, where it is not one that ships.
        same_run: Whether answers are for the very run measured, on its machine and with its
            weights, so that intervals leave out between-run effects. Cells left out of one run are
            predicted so; users rarely ask this.

    Raises:
        DocumentError: A step was timed under the least its arithmetic takes on this chip.
    """
    return Fit(calibration, architecture, same_run=same_run)


class Fit:
    """Answers about one GPU type, model and stack.

    A shape and batch that was measured is answered with the measurement; others by formulas fitted
    to all cells, or refused. Intervals are 90 %, for calls on the kind of machine measured: they
    cover sampling error, the formulas' discrepancy as cells left out show it, the scale of
    synthetic weights and between-run effects as far as the calibration holds data for them.

    Every method raises InputError (batch below 1), MissingDataError (never measured, or beyond
    twice the measured tokens x batch), InfeasibleError (does not fit in memory) and
    UntrustworthyError (half-width over 25 %; carries the estimate).
    """

    gpus_per_image = 1

    def __init__(
        self,
        calibration: Calibration,
        architecture: Architecture | None = None,
        *,
        same_run: bool = False,
        times: CallTimes | None = None,
    ) -> None:
        self._parts = FitParts(calibration, architecture, same_run=same_run, times=times)
        self._calls = CallLatency(self._parts)
        self.calibration, self.key = calibration, self._parts.key

    def __repr__(self) -> str:
        return f"<Fit of {self.calibration.alias} ({self.key}), {len(self._parts.exact)} cells>"

    @property
    def architecture(self) -> Architecture:
        """The model the calibration timed."""
        return self._parts.architecture

    @property
    def runs(self) -> tuple[str, ...]:
        """The ids of the runs of the measuring program that timed the cells fitted, in order."""
        return tuple(dict.fromkeys(cell.run for cell in self._parts.cells))

    def for_run(self, run: str) -> Fit:
        """Return the answers for the machine and weights of one run.

        The formulas are fitted to all runs, and this run's effects are added. Intervals leave out
        the between-run effects.

        Args:
            run: Its id.

        Raises:
            InputError: It timed no cell that is fitted.
        """
        if run not in self.runs:
            raise InputError(f"run is {run!r}; expected one of {', '.join(self.runs)}.")
        times = self.times.for_run(run)
        return Fit(self.calibration, self._parts.given, same_run=True, times=times)

    def latency(self, shape: Shape, batch: int = 1, statistic: Statistic = "median") -> Estimate:
        """Return the seconds of a whole call.

        Args:
            shape: What is asked.
            batch: Images a call.
            statistic: "median", "mean", "p95" or "p99" over calls.
        """
        refuse_bad_batch(batch)
        check_statistic(statistic)
        return self._calls.estimate(shape, batch, statistic)

    def occupancy(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the mean seconds a call keeps the GPU from serving another.

        Where a stack overlaps host work with the next call (`host_overlap` in its settings) this
        is the call less its host time; otherwise the whole call.
        """
        whole = self.latency(shape, batch, "mean")
        if self.calibration.stack.settings.get("host_overlap") is not True:
            return whole
        host = self.stages(shape, batch)["host"]
        return derive(lambda call, host_s: call - host_s, whole, host, unit="s")

    def throughput(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return images a second of one GPU that always has a next call waiting."""
        occupancy = self.occupancy(shape, batch)
        return derive(lambda seconds: batch / seconds, occupancy, unit="images/s")

    def replica_efficiency(self, shape: Shape, batch: int = 1, replicas: int = 1) -> Estimate:
        """Return what replicas make together over what as many GPUs make each alone.

        Where replicas were timed at once this is the measurement or the law fitted to it, and at
        other shapes and batches what the timed ones agree on.

        Args:
            shape: What is asked.
            batch: Images a call.
            replicas: Copies of the model at work at once, one a GPU.

        Raises:
            MissingDataError: Replicas were never timed at once, or so many are out of reach.
        """
        refuse_bad_batch(batch)
        refuse_outside("replicas", replicas, 1)
        if replicas == 1:
            return Estimate.exact(1.0, "", Source.MEASURED, f"{self.key}: one replica")
        return self._parts.fleets.law(shape, batch).efficiency(replicas)

    def fleet_throughput(
        self, shape: Shape, batch: int = 1, replicas: int = 1, cores: int | None = None
    ) -> Estimate:
        """Return images a second of several GPUs, each with a replica that always has work.

        Args:
            shape: What is asked.
            batch: Images a call.
            replicas: Copies of the model at work at once, one a GPU.
            cores: CPU cores each replica is held to; None leaves it all it had when measured.

        Raises:
            MissingDataError: Replicas were never timed at once, so many are out of reach, or cores
                were never varied so far down.
        """
        efficiency = self.replica_efficiency(shape, batch, replicas)
        parts = [self.throughput(shape, batch), efficiency]
        if cores is not None:
            refuse_outside("cores", cores, 1)
            parts.append(self._parts.fleets.core_factor(shape, batch, cores))
        return derive(
            lambda one, *factors: replicas * one * np.prod(factors, axis=0), *parts, unit="images/s"
        )

    def cores_needed(self, shape: Shape, batch: int = 1) -> int:
        """Return the CPU cores a replica needs to reach 99 % of its rate with all it had.

        Raises:
            MissingDataError: Cores were never varied.
        """
        refuse_bad_batch(batch)
        return self._parts.fleets.cores_needed(shape, batch)

    def context_parallel(self, gpus: int) -> ContextParallelFit:
        """Return the answers where several GPUs make each image together (context parallelism).

        Args:
            gpus: How many; their gain is known only at the shapes and batches timed so.

        Raises:
            InputError: gpus is not a whole number from 2 up.
            MissingDataError: So many never made an image together.
        """
        return ContextParallelFit(self, gpus, self._parts.moment)

    @property
    def batches(self) -> tuple[int, ...]:
        """Images a call, of the calls that succeeded."""
        return tuple(sorted({cell.batch for cell in self.calibration.ok_cells}))

    def calls_of(self, shapes: Iterable[Shape]) -> list[Array]:
        """Return the wall seconds of the calls timed at some shapes, one array a cell.

        Where none of them was timed they are those of every shape.
        """
        asked = set(shapes)
        cells = [c for c in self.calibration.ok_cells if c.calls_s and c.gpus == 1]
        own = [cell for cell in cells if cell.shape in asked]
        return [np.array(cell.calls_s) for cell in own or cells]

    def stages(self, shape: Shape, batch: int = 1) -> dict[StageName, Estimate]:
        """Return the median seconds of each stage; `denoise` is all steps together.

        Medians of parts need not add up to the median of the whole.
        """
        refuse_bad_batch(batch)
        parts = self._parts
        exact = parts.exact.get((shape, batch))
        if exact is not None and exact.staged:
            common = parts.stage_common(shape, batch, measured=True)
            return exact_stages(exact, self.calibration, self.key, common)
        refuse_unmeasured_edit(self.calibration.alias, shape, "each stage")
        source = parts.region.require(shape, batch)
        common = parts.stage_common(shape, batch)
        return fitted_stages(parts.times, shape, batch, source, parts.evidence, common)

    def memory(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the peak device memory of a call, GiB; the evidence says which reading it is."""
        refuse_bad_batch(batch)
        parts, peak = self._parts, self.peak
        known = peak.of_size(shape, batch, self.calibration)
        if known is not None:
            return known
        exact = parts.exact.get((shape, batch))
        if shape.reference_images and exact is not None:
            return peak.of_cells(exact.cells, self.calibration)
        refuse_unmeasured_edit(self.calibration.alias, shape, "peak memory")
        source = parts.region.require(shape, batch)
        parts.refuse_too_large(shape, batch)
        return trusted(peak.fitted(shape, batch, source, parts.evidence), shape, batch)

    def energy(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the energy of one image, J, at the board."""
        refuse_bad_batch(batch)
        exact = self._parts.exact.get((shape, batch))
        cells = exact.cells if exact is not None else ()
        counted = counted_energy(cells, self.calibration, self.key)
        if counted is not None:
            return counted
        refuse_unmeasured_edit(self.calibration.alias, shape, "the energy")
        call = self.latency(shape, batch, "mean")
        per_image = self.call_energy.joules(shape, batch, call.value) / batch
        source = Source.weakest((call.source, self.region.require(shape, batch)))
        sigmas = self.call_energy.sigmas(shape, batch)
        evidence = f"{self._parts.evidence}, energy"
        return trusted(Estimate.spread(per_image, sigmas, "J", source, evidence), shape, batch)

    def best_batch(self, shape: Shape) -> int:
        """Return the smallest batch that reaches the highest throughput that fits in memory.

        Rates within half a percent of the highest count as reached: past saturation they differ by
        noise, and a larger batch only makes callers wait.
        Only batches whose tokens x batch lie within those measured are looked at: past them the
        gain would be the formula's, not the machine's.
        """
        batches = [batch for known, batch in self._parts.exact if known == shape]
        if self._parts.cells:
            batches = list(range(1, self.region.most_batch(shape) + 1))
        best = saturating_batch(batches, lambda batch: self.occupancy(shape, batch))
        if best is None:
            self.latency(shape, 1)  # says why
            raise MissingDataError(
                f"{self.calibration.alias}: no batch of {shape} can be answered."
            )
        return best

    def floor(
        self, shape: Shape, batch: int = 1, basis: Literal["peak", "ceilings"] = "peak"
    ) -> Floor:
        """Return the least time each stage's arithmetic and bytes allow.

        Args:
            shape: What is asked.
            batch: Images a call.
            basis: "peak" for the datasheet's rates, "ceilings" for what the run reached bare.

        Raises:
            MissingDataError: No datasheet row for this GPU, or no ceilings in the calibration.
        """
        refuse_bad_batch(batch)
        return floor_of(self.calibration, self.architecture, shape, batch, basis)

    def common(self, shape: Shape, batch: int, *, measured: bool = False) -> dict[str, float]:
        """Return the relative errors that a call shares with the calibration's other answers.

        Args:
            shape: What is asked.
            batch: Images a call.
            measured: Whether the answer is a measurement, not the fit's.
        """
        return self._parts.common(shape, batch, measured=measured)

    def stage_common(self, shape: Shape, batch: int, *, measured: bool = False) -> SharedErrors:
        """Return what a stage shares with the calibration's other answers, for each stage."""
        return self._parts.stage_common(shape, batch, measured=measured)

    @property
    def region(self) -> Region:
        """Where the fit may be asked."""
        return self._parts.region

    @property
    def times(self) -> CallTimes:
        """The fitted stages."""
        return self._parts.times

    @property
    def edit_times(self) -> EditTimes:
        """The fitted times of calls with reference images; there are such cells."""
        return self._parts.edit_times

    @property
    def peak(self) -> PeakMemory:
        """The fitted peak memory."""
        return self._parts.peak

    @property
    def call_energy(self) -> CallEnergy:
        """The fitted energy."""
        return self._parts.call_energy
