"""fit(calibration): how fast, how much memory and energy, at any shape and batch worth trusting."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Literal

import numpy as np

from fluxcost.errors import InfeasibleError, InputError, MissingDataError, UntrustworthyError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.performance.architecture import (
    Architecture,
    load_architecture,
)
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.common import Common, Waits
from fluxcost.performance.drift import Drift
from fluxcost.performance.editing import EditTimes, edit_cells, refuse_unmeasured_edit
from fluxcost.performance.energy import CallEnergy, counter_sigma
from fluxcost.performance.exact import index_cells
from fluxcost.performance.fleets import Fleets
from fluxcost.performance.floor import (
    Floor,
    ceiling_rates,
    check_floors,
    floor_at,
    peak_rates,
    working_rates,
)
from fluxcost.performance.groups import Stage, fitted_cells, groups_by_start
from fluxcost.performance.kriging import Array
from fluxcost.performance.latency import CallTimes
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.memory import READING_SIGMA, PeakMemory
from fluxcost.performance.pause import Pause
from fluxcost.performance.region import Region, check_batch, trusted
from fluxcost.performance.replicas import check_replicas
from fluxcost.performance.sampling import Statistic
from fluxcost.performance.split import SplitFit
from fluxcost.performance.stages import Shared, StageName, exact_stages, fitted_stages
from fluxcost.workload import Shape

SAME_RATE = 0.995
"""Share of the highest throughput that counts as reaching it."""

STATISTICS: tuple[Statistic, ...] = ("median", "mean", "p95", "p99")


def fit(
    calibration: Calibration,
    *,
    architecture: Architecture | None = None,
    same_start: bool = False,
) -> Fit:
    """Fit a calibration.

    Args:
        calibration: What was measured, imported or published.
        architecture: The model, where it is not one that ships.
        same_start: Whether answers are for the very start measured, on its machine and with its
            weights, so that intervals leave out what others would add. Few questions are: cells
            left out of one start are.

    Raises:
        DocumentError: A step was timed under the least its arithmetic takes on this chip.
    """
    return Fit(calibration, architecture, same_start=same_start)


class Fit:
    """Answers about one GPU type, model and stack.

    A shape and batch that was measured is answered with the measurement; others by formulas fitted
    to all cells, or refused. Intervals are 90 %, for calls on the kind of machine measured: they
    cover sampling error, the formulas' misfit as cells left out show it, the scale of synthetic
    weights and differences between machines as far as the calibration holds data for them.

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
        same_start: bool = False,
        times: CallTimes | None = None,
    ) -> None:
        self.calibration = calibration
        self.key = calibration.content_hash[:12]
        self._given = architecture
        self._cells = fitted_cells(calibration)
        self._exact = index_cells(calibration, times.start if times is not None else None)
        self._same_start = same_start
        self._answers: dict[tuple[Shape, int, Statistic], Estimate] = {}
        self._edits = edit_cells(calibration)
        if self._cells:
            check_floors(self.architecture, calibration, (*self._cells, *self._edits))
        if times is not None:
            self.times = times

    def __repr__(self) -> str:
        return f"<Fit of {self.calibration.alias} ({self.key}), {len(self._exact)} cells>"

    @functools.cached_property
    def architecture(self) -> Architecture:
        """The model the calibration timed."""
        return self._given or load_architecture(self.calibration.model)

    @property
    def starts(self) -> tuple[str, ...]:
        """The starts of the measuring program that timed the cells fitted, in order."""
        return tuple(dict.fromkeys(cell.run for cell in self._cells))

    def of_start(self, start: str) -> Fit:
        """Return the answers for the very machine and weights of one start measured.

        Cells of other starts tell it how time grows, less what their machines add or spare.
        Intervals leave out what yet another start would add.

        Args:
            start: Id of its run.

        Raises:
            InputError: It timed no cell that is fitted.
        """
        if start not in self.starts:
            raise InputError(f"start is {start!r}; expected one of {', '.join(self.starts)}.")
        times = self.times.of_start(start)
        return Fit(self.calibration, self._given, same_start=True, times=times)

    def latency(self, shape: Shape, batch: int = 1, statistic: Statistic = "median") -> Estimate:
        """Return the seconds of a whole call.

        Args:
            shape: What is asked.
            batch: Images a call.
            statistic: "median", "mean", "p95" or "p99" over calls.
        """
        check_batch(batch)
        if statistic not in STATISTICS:
            raise InputError(
                f"statistic is {statistic!r}; expected one of {', '.join(STATISTICS)}."
            )
        asked = (shape, batch, statistic)
        if asked not in self._answers:
            self._answers[asked] = self._latency(*asked)
        return self._answers[asked]

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
        check_batch(batch)
        check_replicas(replicas)
        if replicas == 1:
            return Estimate.exact(1.0, "", Source.MEASURED, f"{self.key}: one replica")
        return self._fleets.law(shape, batch).efficiency(replicas)

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
            check_replicas(cores, "cores")
            parts.append(self._fleets.core_factor(shape, batch, cores))
        return derive(
            lambda one, *factors: replicas * one * np.prod(factors, axis=0), *parts, unit="images/s"
        )

    def cores_needed(self, shape: Shape, batch: int = 1) -> int:
        """Return the CPU cores a replica needs to reach 99 % of its rate with all it had.

        Raises:
            MissingDataError: Cores were never varied.
        """
        check_batch(batch)
        return self._fleets.cores_needed(shape, batch)

    def split(self, gpus: int) -> SplitFit:
        """Return the answers where several GPUs make each image together.

        Args:
            gpus: How many; their gain is known only at the shapes and batches timed so.

        Raises:
            InputError: gpus is not a whole number from 2 up.
            MissingDataError: So many never made an image together.
        """
        return SplitFit(self, gpus, self._moment)

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
        check_batch(batch)
        exact = self._exact.get((shape, batch))
        if exact is not None and exact.staged:
            return exact_stages(
                exact, self.calibration, self.key, self.stage_common(shape, batch, measured=True)
            )
        refuse_unmeasured_edit(self.calibration.alias, shape, "each stage")
        source = self.region.require(shape, batch)
        common = self.stage_common(shape, batch)
        return fitted_stages(self.times, shape, batch, source, self._evidence, common)

    def memory(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the peak device memory of a call, GiB; the evidence says which reading it is."""
        check_batch(batch)
        where = f"peak {self.peak.reading}"
        known = self.peak.measured(shape, batch)
        if known is not None and not shape.reference_images:
            size = f"{shape.width}x{shape.height}, batch {batch}"
            sigmas = {f"{self.key}/memory/{size}": READING_SIGMA}
            evidence = f"{self.calibration.alias} ({self.key}): {size}, {where}"
            return Estimate.spread(known, sigmas, "GiB", self.calibration.source, evidence)
        exact = self._exact.get((shape, batch))
        if shape.reference_images and exact is not None:
            return self.peak.of_cells(exact.cells, self.calibration)
        refuse_unmeasured_edit(self.calibration.alias, shape, "peak memory")
        source = self.region.require(shape, batch)
        self._refuse_too_large(shape, batch)
        peak_gib = self.peak.gib(shape.pixels, batch)
        sigmas = self.peak.sigmas(shape.pixels, batch)
        evidence = f"{self._evidence}, {where}"
        return trusted(Estimate.spread(peak_gib, sigmas, "GiB", source, evidence), shape, batch)

    def energy(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the energy of one image, J, at the board."""
        check_batch(batch)
        exact = self._exact.get((shape, batch))
        for cell in exact.cells if exact is not None else ():
            if cell.energy is not None:
                joules = cell.energy.joules / cell.energy.calls / batch
                sigmas = {f"{self.key}/energy/{cell.label}": counter_sigma(cell)}
                where = f"{self.calibration.alias} ({self.key}): {cell.label}, energy counter"
                return Estimate.spread(joules, sigmas, "J", self.calibration.source, where)
        refuse_unmeasured_edit(self.calibration.alias, shape, "the energy")
        call = self.latency(shape, batch, "mean")
        per_image = self.call_energy.joules(shape, batch, call.value) / batch
        source = Source.weakest((call.source, self.region.require(shape, batch)))
        sigmas = self.call_energy.sigmas(shape, batch)
        estimate = Estimate.spread(per_image, sigmas, "J", source, f"{self._evidence}, energy")
        return trusted(estimate, shape, batch)

    def best_batch(self, shape: Shape) -> int:
        """Return the smallest batch that reaches the highest throughput that fits in memory.

        Rates within half a percent of the highest count as reached: past saturation they differ by
        noise, and a larger batch only makes callers wait.
        Only batches whose tokens x batch lie within those measured are looked at: past them the
        gain would be the formula's, not the machine's.
        """
        batches = [batch for known, batch in self._exact if known == shape]
        if self._cells:
            batches = list(range(1, self.region.most_batch(shape) + 1))
        rates: dict[int, float] = {}
        for batch in batches:
            try:
                rates[batch] = batch / self.occupancy(shape, batch).value
            except (InfeasibleError, UntrustworthyError):
                continue
        if not rates:
            self.latency(shape, 1)  # says why
            raise MissingDataError(
                f"{self.calibration.alias}: no batch of {shape} can be answered."
            )
        enough = SAME_RATE * max(rates.values())
        return min(batch for batch, rate in rates.items() if rate >= enough)

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
        check_batch(batch)
        rates = (peak_rates if basis == "peak" else ceiling_rates)(self.calibration)
        name = "datasheet peak" if basis == "peak" else "ceilings of the run"
        return floor_at(self.architecture, rates, shape, batch, name)

    def common(self, shape: Shape, batch: int, *, measured: bool = False) -> dict[str, float]:
        """Return the relative errors that a call shares with the calibration's other answers.

        Args:
            shape: What is asked.
            batch: Images a call.
            measured: Whether the answer is a measurement, not the fit's.
        """
        if self._same_start:
            return {}
        share = self._waits(shape, batch) if self._cells else None
        return self._common.of(share, measured=measured)

    def stage_common(self, shape: Shape, batch: int, *, measured: bool = False) -> Shared:
        """Return what a stage shares with the calibration's other answers, for each stage."""

        def of_stage(stage: Stage) -> dict[str, float]:
            if self._same_start:
                return {}
            if not self._cells:
                return self._common.of(None)
            share = self.times.waiting.share_at(stage, shape.pixels, batch)
            return self._common.of(share, measured=measured)

        return of_stage

    def _waits(self, shape: Shape, batch: int) -> float:
        """Return the share of a call that waits for the CPU, 0 to 1."""
        pixels = shape.pixels + self.architecture.reference_pixels(shape)
        return self.times.waiting.of_call(pixels, batch, shape.steps)

    @functools.cached_property
    def _common(self) -> Common:
        def waits(cell: Cell) -> Waits:
            sigma = max(self._drift.call(cell), self._moment(cell.shape, cell.batch))
            return Waits(self._waits(cell.shape, cell.batch), sigma)

        return Common(self.calibration, self.key, waits)

    def _latency(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        exact = self._exact.get((shape, batch))
        if exact is not None and exact.shows(statistic):
            drift = max(exact.drift(self._drift), self._moment(shape, batch))
            common = self.common(shape, batch, measured=True)
            return exact.latency(self.calibration, self.key, statistic, drift, common)
        if exact is not None and not (self._cells and exact.walls.size):
            return exact.reported(self.calibration, self.key, statistic)
        if exact is not None:
            return self._tail(shape, batch, statistic)
        source = self.region.require(shape, batch)
        self._refuse_too_large(shape, batch)
        times = self.edit_times if shape.reference_images else self.times
        seconds, sigmas = times.call(shape, batch, statistic)
        seconds = max(seconds, self._least(shape, batch))
        sigmas |= self.common(shape, batch)
        estimate = Estimate.spread(seconds, sigmas, "s", source, self._evidence)
        return trusted(estimate, shape, batch)

    def _tail(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        """Return a slow call of a cell with too few calls of its own to show it."""
        median = self.latency(shape, batch)
        factor, sigma = self.times.tail(shape, batch, statistic)
        sigmas = {f"{self.key}/{statistic}": sigma}
        evidence = f"{self._evidence}, {statistic} over median"
        over = Estimate.spread(factor, sigmas, "", Source.INTERPOLATED, evidence)
        return derive(lambda seconds, slow: seconds * slow, median, over, unit="s")

    def _least(self, shape: Shape, batch: int) -> float:
        """Return the floor at the datasheet's peak, 0 where the GPU has no datasheet row."""
        try:
            return self.floor(shape, batch).total_s
        except MissingDataError:
            return 0.0

    def _refuse_too_large(self, shape: Shape, batch: int) -> None:
        try:
            need = self.peak.gib(shape.pixels, batch)
        except MissingDataError:
            return
        have = self.calibration.gpu.memory_gib
        if need > have:
            raise InfeasibleError(
                f"{self.calibration.alias}: {shape}, batch {batch} needs {need:.1f} GiB but the "
                f"GPU has {have:.1f} GiB; use a smaller batch or image."
            )

    @functools.cached_property
    def region(self) -> Region:
        """Where the fit may be asked."""
        if not self._cells:
            raise MissingDataError(
                f"{self.calibration.alias}: a record of {self.calibration.source} calls answers "
                f"only the latency of the cells it gives: {'; '.join(self._labels)}."
            )
        return Region(self.calibration, self._cells, self.architecture, self._edits)

    @functools.cached_property
    def _labels(self) -> list[str]:
        return [f"{shape}, batch {batch}" for shape, batch in self._exact]

    @functools.cached_property
    def times(self) -> CallTimes:
        """The fitted stages."""
        rates = working_rates(self.calibration)
        return CallTimes(self._cells, self.architecture, rates, self._drift, self.key)

    @functools.cached_property
    def edit_times(self) -> EditTimes:
        """The fitted times of calls with reference images; there are such cells."""
        return EditTimes(self._edits, self.times, self.architecture, self.key)

    @functools.cached_property
    def _drift(self) -> Drift:
        return Drift(groups_by_start(self._cells), Pause(self._cells), self.calibration.soaks)

    def _moment(self, shape: Shape, batch: int) -> float:
        """Return how far a call moves between moments by the soaks; 0 without any."""
        if not self._drift.soaks:
            return 0.0
        return self.times.moment(shape.pixels, batch, shape.steps)

    @functools.cached_property
    def peak(self) -> PeakMemory:
        """The fitted peak memory."""
        return PeakMemory(self.calibration.alias, self._cells, self.architecture.vae, self.key)

    @functools.cached_property
    def call_energy(self) -> CallEnergy:
        """The fitted energy."""
        return CallEnergy(self.calibration.alias, self._cells, self.architecture, self.key)

    @functools.cached_property
    def _fleets(self) -> Fleets:
        def work(shape: Shape, batch: int) -> float:
            return self.architecture.tokens(shape) * batch

        return Fleets(self.calibration, self.key, work, self._moment)

    @functools.cached_property
    def _evidence(self) -> str:
        return f"{self.calibration.alias} ({self.key}): fit to {len(self._cells)} cells"


AnyFit = Fit | SplitFit
"""Answers about calls on one GPU, or on several that make each image together."""
