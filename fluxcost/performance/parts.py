"""What a fit is made of: its cells and the formulas fitted to them, each when first asked for."""

from __future__ import annotations

import functools

from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.performance.architecture import Architecture, load_architecture
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.common import Common, Waits
from fluxcost.performance.drift import Drift
from fluxcost.performance.editing import EditTimes, edit_cells
from fluxcost.performance.energy import CallEnergy
from fluxcost.performance.exact import index_cells
from fluxcost.performance.fit_store import KeptFit, fit_key
from fluxcost.performance.fleets import Fleets
from fluxcost.performance.floor import check_floors, working_rates
from fluxcost.performance.groups import Stage, fitted_cells, groups_by_start
from fluxcost.performance.latency import CallTimes
from fluxcost.performance.measured.cell import Cell
from fluxcost.performance.memory import PeakMemory
from fluxcost.performance.pause import Pause
from fluxcost.performance.region import Region
from fluxcost.performance.stages import Shared
from fluxcost.workload import Shape


class Parts:
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
    def fleets(self) -> Fleets:
        """The windows of replicas timed at once."""

        def work(shape: Shape, batch: int) -> float:
            return self.architecture.tokens(shape) * batch

        return Fleets(self.calibration, self.key, work, self.moment)

    @functools.cached_property
    def drift(self) -> Drift:
        """Within-run drift and sampling error of the cells' medians."""
        groups = groups_by_start(self.cells)
        return Drift(groups, Pause(self.cells), self.calibration.soaks, self._kept)

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

    def stage_common(self, shape: Shape, batch: int, *, measured: bool = False) -> Shared:
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
    def _common(self) -> Common:
        def waits(cell: Cell) -> Waits:
            sigma = max(self.drift.call(cell), self.moment(cell.shape, cell.batch))
            return Waits(self._waits(cell.shape, cell.batch), sigma)

        return Common(self.calibration, self.key, waits)
