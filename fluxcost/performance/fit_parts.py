"""What a fit is made of: its cells, the formulas fitted to them, and its answers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import numpy as np

from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.performance.architecture import Architecture, load_architecture
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.call_time import CallTimes
from fluxcost.performance.editing import EditTimes, edit_cells
from fluxcost.performance.energy import CallEnergy
from fluxcost.performance.exact_cells import ExactCells, index_cells
from fluxcost.performance.fit_store import KeptFit, fit_key
from fluxcost.performance.memory import PeakMemory
from fluxcost.performance.noise.drift import WithinRunDrift
from fluxcost.performance.noise.run_effects import BetweenRunErrors, LaunchBoundCell
from fluxcost.performance.noise.sampling import Statistic, median_sigma
from fluxcost.performance.observations import (
    LEAST_SECONDS,
    Stage,
    WithinCallDrift,
    fitted_cells,
    groups_by_run,
)
from fluxcost.performance.region import Region, trusted
from fluxcost.performance.roofline import check_floors, floor_of, working_rates
from fluxcost.performance.scaling.replica_windows import ReplicaWindows
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape

StageName = Literal["text_encode", "reference_encode", "denoise", "vae_decode", "host"]
"""`reference_encode` only in calls with reference images."""


SharedErrors = Callable[[Stage], dict[str, float]]
"""The relative errors that a stage shares with the calibration's other answers, by source."""

_FITTED_STAGE: dict[StageName, Stage] = {
    "text_encode": "text_encode",
    "denoise": "later_step",
    "vae_decode": "vae_decode",
    "host": "host",
    "reference_encode": "vae_decode",
}
"""The fitted stage that waits for the CPU as a measured one does."""


def exact_stages(
    exact: ExactCells, calibration: Calibration, key: str, common: SharedErrors
) -> dict[StageName, Estimate]:
    """Return the median of each stage as measured."""
    label = exact.cells[0].label
    found: dict[StageName, Estimate] = {}
    for stage, spans in _spans(exact).items():
        sigmas = {f"{key}/cell/{label}/{stage}": median_sigma(spans)} | common(_FITTED_STAGE[stage])
        evidence = f"{calibration.alias} ({key}): {label}, median {stage}"
        seconds = float(np.median(spans))
        found[stage] = Estimate.spread(seconds, sigmas, "s", calibration.source, evidence)
    return found


def _spans(exact: ExactCells) -> dict[StageName, Array]:
    samples = [cell.samples for cell in exact.cells if cell.samples is not None]
    rows: dict[StageName, list[float]] = {
        "text_encode": [span for part in samples for span in part.text_encode_s],
        "denoise": [sum(steps) for part in samples for steps in part.denoise_step_s],
        "vae_decode": [span for part in samples for span in part.vae_decode_s],
        "host": [span for part in samples for span in part.host_s],
        "reference_encode": [span for part in samples for span in part.reference_encode_s],
    }
    rows = {stage: spans for stage, spans in rows.items() if spans}
    return {stage: np.maximum(np.array(spans), LEAST_SECONDS) for stage, spans in rows.items()}


def fitted_stages(
    times: CallTimes,
    shape: Shape,
    batch: int,
    source: Source,
    evidence: str,
    common: SharedErrors,
) -> dict[StageName, Estimate]:
    """Return the median of each stage by its formula and correction."""

    def one(stage: Stage) -> Estimate:
        seconds = times.stage_seconds(stage, shape.pixels, batch)
        sigmas = times.stage_sigmas(stage, shape.pixels, batch) | common(stage)
        return Estimate.spread(seconds, sigmas, "s", source, evidence)

    first = one("first_step")
    denoise = first
    if shape.steps > 1:
        later = shape.steps - 1
        lost_s = times.within_call_drift_s(shape.pixels, batch, shape.steps)
        denoise = derive(lambda a, b: a + later * b + lost_s, first, one("later_step"), unit="s")
    return {
        "text_encode": one("text_encode"),
        "denoise": denoise,
        "vae_decode": one("vae_decode"),
        "host": one("host"),
    }


class FitParts:
    """The cells of a calibration, its formulas, and the errors that its answers share.

    Args:
        calibration: What was measured, imported or published.
        given: The model, where it is not one that ships.
        same_run: Whether answers are for the very run measured.
        times: The fitted stages of one run, where answers are for that run alone.

    Raises:
        DocumentError: A step was timed under the least its arithmetic takes on this chip.
    """

    def __init__(
        self,
        calibration: Calibration,
        given: Architecture | None,
        *,
        same_run: bool,
        times: CallTimes | None,
    ) -> None:
        self.calibration, self.given = calibration, given
        self._content_hash = calibration.content_hash if times is None else ""
        self.key = self._content_hash[:12] if times is None else times.key
        self.cells = fitted_cells(calibration)
        self.edits = edit_cells(calibration)
        self.exact = index_cells(calibration, times.run if times is not None else None)
        self._same_run = same_run
        if times is not None:
            self.times, self.drift = times, times.drift
        elif self.cells:
            check_floors(self.architecture, calibration, (*self.cells, *self.edits))

    @functools.cached_property
    def architecture(self) -> Architecture:
        """The model the calibration timed."""
        return self.given or load_architecture(self.calibration.model)

    @property
    def evidence(self) -> str:
        """What an answer by the formulas rests on."""
        return f"{self.calibration.alias} ({self.key}): fit to {len(self.cells)} cells"

    @functools.cached_property
    def region(self) -> Region:
        """Where the formulas may be asked."""
        if not self.cells:
            labels = "; ".join(f"{shape}, batch {batch}" for shape, batch in self.exact)
            raise MissingDataError(
                f"{self.calibration.alias}: a record of {self.calibration.source} calls answers "
                f"only the latency of the cells it gives: {labels}."
            )
        return Region(self.calibration, self.cells, self.architecture, self.edits)

    @functools.cached_property
    def times(self) -> CallTimes:
        """The fitted stages."""
        rates = working_rates(self.calibration)
        return CallTimes(self.cells, self.architecture, rates, self.drift, self.key, self._kept)

    @functools.cached_property
    def _kept(self) -> KeptFit:
        """Where parts of this fit are kept on disk."""
        rates = repr(working_rates(self.calibration))
        return KeptFit(fit_key(self._content_hash, self.architecture.model_dump_json(), rates))

    @functools.cached_property
    def edit_times(self) -> EditTimes:
        """The fitted times of calls with reference images; there are such cells."""
        return EditTimes(self.edits, self.times, self.architecture, self.key)

    @functools.cached_property
    def peak(self) -> PeakMemory:
        """The fitted peak memory."""
        by_layer = self.calibration.stack.settings.get("compile") == "none"
        vae = self.architecture.vae
        return PeakMemory(self.calibration.alias, self.cells, vae, self.key, by_layer=by_layer)

    @functools.cached_property
    def call_energy(self) -> CallEnergy:
        """The fitted energy."""
        return CallEnergy(self.calibration.alias, self.cells, self.architecture, self.key)

    @functools.cached_property
    def fleets(self) -> ReplicaWindows:
        """The windows of replicas timed at once."""

        def work(shape: Shape, batch: int) -> float:
            return self.architecture.tokens(shape) * batch

        return ReplicaWindows(self.calibration, self.key, work, self.moment)

    @functools.cached_property
    def drift(self) -> WithinRunDrift:
        """Within-run drift and sampling error of the cells' medians."""
        groups = groups_by_run(self.cells)
        return WithinRunDrift(
            groups, WithinCallDrift(self.cells), self.calibration.soaks, self._kept
        )

    def moment(self, shape: Shape, batch: int) -> float:
        """Return the relative within-run drift of a call; 0 without repeats."""
        if not self.drift.repeats:
            return 0.0
        return self.times.moment(shape.pixels, batch, shape.steps)

    def refuse_too_large(self, shape: Shape, batch: int) -> None:
        """Raise InfeasibleError where the fitted peak is more than the GPU has, if one is known."""
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

    def common(self, shape: Shape, batch: int, *, measured: bool = False) -> dict[str, float]:
        """Return the relative errors that a call shares with the calibration's other answers.

        Args:
            shape: What is asked.
            batch: Images a call.
            measured: Whether the answer is a measurement, not the fit's.
        """
        if self._same_run:
            return {}
        share = self._waits(shape, batch) if self.cells else None
        return self._common.of(share, measured=measured)

    def stage_common(self, shape: Shape, batch: int, *, measured: bool = False) -> SharedErrors:
        """Return what a stage shares with the calibration's other answers, for each stage."""

        def of_stage(stage: Stage) -> dict[str, float]:
            if self._same_run:
                return {}
            if not self.cells:
                return self._common.of(None)
            share = self.times.waiting.share_at(stage, shape.pixels, batch)
            return self._common.of(share, measured=measured)

        return of_stage

    def _waits(self, shape: Shape, batch: int) -> float:
        """Return the launch-bound share of a call, 0 to 1."""
        pixels = shape.pixels + self.architecture.reference_pixels(shape)
        return self.times.waiting.of_call(pixels, batch, shape.steps)

    @functools.cached_property
    def _common(self) -> BetweenRunErrors:
        def waits(cell: Cell) -> LaunchBoundCell:
            sigma = max(self.drift.call(cell), self.moment(cell.shape, cell.batch))
            return LaunchBoundCell(self._waits(cell.shape, cell.batch), sigma)

        return BetweenRunErrors(self.calibration, self.key, waits)


class CallLatency:
    """The latency of any shape and batch, kept once it was asked for.

    Args:
        parts: Of the fit that is asked.
    """

    def __init__(self, parts: FitParts) -> None:
        self._parts = parts
        self._answers: dict[tuple[Shape, int, Statistic], Estimate] = {}

    def estimate(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        """Return a statistic over calls; see `Fit` for what is refused."""
        asked = (shape, batch, statistic)
        if asked not in self._answers:
            self._answers[asked] = self._answer(*asked)
        return self._answers[asked]

    def _answer(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        parts = self._parts
        exact = parts.exact.get((shape, batch))
        if exact is None:
            return self._fitted(shape, batch, statistic)
        if exact.shows(statistic):
            return self._measured(exact, shape, batch, statistic)
        if parts.cells and exact.walls.size:
            return self._tail(shape, batch, statistic)
        return exact.reported(parts.calibration, parts.key, statistic)

    def _measured(
        self, exact: ExactCells, shape: Shape, batch: int, statistic: Statistic
    ) -> Estimate:
        parts = self._parts
        drift = max(exact.drift(parts.drift), parts.moment(shape, batch))
        common = parts.common(shape, batch, measured=True)
        return exact.latency(parts.calibration, parts.key, statistic, drift, common)

    def _tail(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        """Return a slow call of a cell with too few calls of its own to show it."""
        parts = self._parts
        median = self.estimate(shape, batch, "median")
        factor, sigma = parts.times.tail(shape, batch, statistic)
        cell = parts.exact[shape, batch]
        if cell.shows("p95"):
            # The factor is of calls of one run; calls of several scatter more.
            factor = max(factor, float(np.quantile(cell.walls, 0.95) / np.median(cell.walls)))
        sigmas = {f"{parts.key}/{statistic}": sigma}
        evidence = f"{parts.evidence}, {statistic} over median"
        over = Estimate.spread(factor, sigmas, "", Source.INTERPOLATED, evidence)
        return derive(lambda seconds, slow: seconds * slow, median, over, unit="s")

    def _fitted(self, shape: Shape, batch: int, statistic: Statistic) -> Estimate:
        parts = self._parts
        source = parts.region.require(shape, batch)
        parts.refuse_too_large(shape, batch)
        times = parts.edit_times if shape.reference_images else parts.times
        seconds, sigmas = times.call(shape, batch, statistic)
        seconds = max(seconds, self._least(shape, batch))
        sigmas |= parts.common(shape, batch)
        estimate = Estimate.spread(seconds, sigmas, "s", source, parts.evidence)
        return trusted(estimate, shape, batch)

    def _least(self, shape: Shape, batch: int) -> float:
        """Return the floor at the datasheet's peak, 0 where the GPU has no datasheet row."""
        try:
            return floor_of(self._parts.calibration, self._parts.architecture, shape, batch).total_s
        except MissingDataError:
            return 0.0
