"""The time of a call, assembled from its stages: text, first step, later steps, decoding, host."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Sequence
from typing import Self

import numpy as np

from fluxcost.performance.architecture import PIXELS_PER_TOKEN, Architecture
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.fit_store import KeptFit, kept_stages
from fluxcost.performance.gaussian_process import Observations, PointPrediction
from fluxcost.performance.monotone import Bounds, Surface, cell_bounds
from fluxcost.performance.noise.drift import FAMILY, LaunchBoundShares, WithinRunDrift
from fluxcost.performance.noise.run_effects import RunEffects
from fluxcost.performance.noise.sampling import ResidualScatter, Statistic
from fluxcost.performance.observations import (
    STAGES,
    CellGroup,
    GroupKey,
    Stage,
    groups_by_run,
    stage_counts,
)
from fluxcost.performance.roofline import Rates
from fluxcost.performance.stage_formulas import (
    filled_pixels,
    formulas_by_stage,
)
from fluxcost.stats import NORMAL_90, Array
from fluxcost.workload.shape import Shape

REACH = 2
"""Largest multiple of the measured tokens x batch that is answered at all."""


ORDERED: tuple[Statistic, ...] = ("median", "mean")
"""Statistics held between those of the cells that ask less and more; slow calls are too noisy."""

Row = tuple[GroupKey, str]
"""A group and the run that timed it."""

LEAST_NOISE = 1e-4
"""Relative error of the steadiest median: clocks tell no finer, and two runs that agree to the
last digit would make the covariance singular."""

PRIOR_CELLS = 4.0
"""Weight, in cells, of the belief that the stages' own errors are right, when the errors of whole
calls left out are compared with them."""


class CallTimes:
    """Fits of every stage of one calibration's cells, and what they add up to.

    Args:
        cells: Cells with samples, one GPU, no reference images.
        architecture: The model.
        rates: Rates the formulas start from.
        drift: Errors of the medians.
        key: Name of the calibration in the keys of error draws.
        kept: Where parts of these very fits are kept.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        architecture: Architecture,
        rates: Rates,
        drift: WithinRunDrift,
        key: str,
        kept: KeptFit,
    ) -> None:
        self._cells = cells
        self._groups = groups_by_run(cells)
        self.key, self._kept = key, kept
        self.run: str | None = None
        self._run_effects: RunEffects | None = None
        self._architecture = architecture
        physics = formulas_by_stage(architecture, rates)
        self.drift, self._call_drift = drift, drift.call_drift
        self.fits = kept_stages(kept, "stages", physics, self._observe)
        self.waiting = LaunchBoundShares(self.fits, drift.repeats)
        self.runs = tuple(dict.fromkeys(cell.run for cell in cells))
        if len(self.runs) > 1:
            # Run effects scale with launch-bound shares, which only a first fit gives: hence two.
            self._run_effects = RunEffects(self.runs, self.waiting)
            self.fits = kept_stages(kept, "stages_by_run", physics, self._observe)
            self.waiting = LaunchBoundShares(self.fits, drift.repeats)
        self._scatter = ResidualScatter(cells, architecture)
        self.most_work = max(architecture.tokens(c.shape) * c.batch for c in cells)

    def for_run(self, run: str) -> Self:
        """Return the same fits, answering for one of the runs measured.

        By themselves they answer for the average over runs.
        """
        _ = self.honesty, self._middle  # the same for every run: found once, not by each copy
        other = copy.copy(self)
        other.run = run
        for made in ("_bounds", "_surfaces"):
            vars(other).pop(made, None)
        return other

    def stage_seconds(self, stage: Stage, pixels: int, batch: int) -> float:
        """Return the median seconds of one stage of one call (one step, for the steps)."""
        return self._surfaces[stage].seconds(self._filled(stage, pixels, batch), batch)

    def call(
        self, shape: Shape, batch: int, statistic: Statistic = "median"
    ) -> tuple[float, dict[str, float]]:
        """Return a statistic of a whole call, seconds, and its relative errors by source."""
        factor, spread = self.tail(shape, batch, statistic)
        demand = shape.pixels, batch, shape.steps
        seconds = self.seconds(*demand)
        if statistic == "mean":
            seconds = self._bounds["mean"].clamp(*demand, factor * seconds)
        else:
            seconds = factor * self._bounds["median"].clamp(*demand, seconds)
        sigmas = self.sigmas(shape.pixels, batch, shape.steps)
        return seconds, sigmas | {f"{self.key}/{statistic}": spread}

    def tail(self, shape: Shape, batch: int, statistic: Statistic) -> tuple[float, float]:
        """Return a statistic over the median, and the relative error of that factor."""
        return self._scatter.factor(statistic, self._architecture.tokens(shape) * batch)

    def seconds(self, pixels: int, batch: int, steps: int) -> float:
        """Return the median seconds of a whole call, stage by stage."""
        alone = self._alone(pixels, batch, steps)
        return alone + self._call_drift.after(alone)

    def within_call_drift_s(self, pixels: int, batch: int, steps: int) -> float:
        """Return the seconds that a long call loses to drift within it."""
        return self.drift_after(self._alone(pixels, batch, steps))

    def drift_after(self, seconds: float) -> float:
        """Return the drift within a call whose stages take these seconds."""
        return self._call_drift.after(seconds)

    def _alone(self, pixels: int, batch: int, steps: int) -> float:
        counts = stage_counts(steps)
        return sum(
            counts[stage] * self.stage_seconds(stage, pixels, batch)
            for stage in STAGES
            if counts[stage]
        )

    def sigmas(self, pixels: int, batch: int, steps: int) -> dict[str, float]:
        """Return the relative errors of a whole call by error source, for Estimate.spread."""
        counts = stage_counts(steps)
        parts = {stage: self._predict(stage, pixels, batch) for stage in STAGES if counts[stage]}
        total = sum(counts[stage] * part.seconds for stage, part in parts.items())
        found: dict[str, float] = {}
        for stage, part in parts.items():
            share = self.honesty * counts[stage] * part.seconds / total
            found |= {
                f"{self.key}/{stage}/parameter {index}": share * float(sigma)
                for index, sigma in enumerate(part.shared)
            }
            local = f"{self.key}/{FAMILY[stage]}/{pixels} px x {batch}"
            own = float(np.hypot(part.local, self._unseen_launch(stage, part.seconds)))
            found[local] = found.get(local, 0.0) + share * own
        moment = f"{self.key}/moment/{pixels} px x {batch}, {steps} steps"
        seconds = {stage: counts[stage] * part.seconds for stage, part in parts.items()}
        return found | {moment: self._drift(seconds, pixels, batch, steps)}

    def stage_sigmas(self, stage: Stage, pixels: int, batch: int) -> dict[str, float]:
        """Return the relative errors of one stage by error source."""
        part = self._predict(stage, pixels, batch)
        found = {
            f"{self.key}/{stage}/parameter {index}": self.honesty * float(sigma)
            for index, sigma in enumerate(part.shared)
        }
        local = f"{self.key}/{FAMILY[stage]}/{pixels} px x {batch}"
        own = np.hypot(part.local, self.near(stage, pixels, batch))
        own = float(np.hypot(own, self._unseen_launch(stage, part.seconds)))
        return found | {local: self.honesty * own}

    def _predict(self, stage: Stage, pixels: int, batch: int) -> PointPrediction:
        filled = self._filled(stage, pixels, batch)
        at = np.array([filled]), np.array([float(batch)])
        return self.fits[stage].predict(filled, batch, self._moves(stage, *at))

    def _filled(self, stage: Stage, pixels: float, batch: float) -> float:
        """Return the pixels at which a stage whose rows are tokens fills whole tiles."""
        if FAMILY[stage] != "denoise" or self._architecture.unet is not None:
            return pixels
        pipeline = self._architecture.pipeline
        sequences = batch * pipeline.forwards_per_step / pipeline.calls_per_step
        return float(filled_pixels(np.array([pixels]), np.array([sequences]))[0])

    def _moves(self, stage: Stage, pixels: Array, batch: Array) -> Array | None:
        """Return how far the run asked for moves a stage at points; None for the average run."""
        if self._run_effects is None or self.run is None:
            return None
        return self._run_effects.moves(stage, pixels, batch, [self.run] * pixels.size)

    def _unseen_launch(self, stage: Stage, seconds: float) -> float:
        """Return the relative error of a stage's seconds where its launch time was not observed."""
        observed = self.fits[stage].observations.log_seconds
        return unseen_launch(stage, seconds, observed)

    def near(self, stage: Stage, pixels: int, batch: int) -> float:
        """Return the relative error a cell's median of a stage would have at a point."""
        share = self.waiting.share_at(stage, pixels, batch)
        return self.drift.near(stage, pixels, batch, share, self._shares[stage])

    def moment(self, pixels: int, batch: int, steps: int) -> float:
        """Return the relative within-run drift of a call's median; 0 without repeats."""
        return self.waiting.moment(pixels, batch, steps)

    def _drift(self, seconds: dict[Stage, float], pixels: int, batch: int, steps: int) -> float:
        """Return the relative within-run drift of a call made of these stage times."""
        families: dict[str, float] = {}
        for stage, part in seconds.items():
            moved = part * self.near(stage, pixels, batch)
            families[FAMILY[stage]] = families.get(FAMILY[stage], 0.0) + moved
        stages = np.sqrt(sum(moved**2 for moved in families.values())) / sum(seconds.values())
        return max(float(stages), self.moment(pixels, batch, steps))

    @functools.cached_property
    def _shares(self) -> dict[Stage, Array]:
        """The share of each stage that waits for the CPU at each group."""
        pixels = np.array([float(group.pixels) for group in self._groups])
        batch = np.array([float(group.batch) for group in self._groups])
        return {stage: self.waiting.share(stage, pixels, batch) for stage in STAGES}

    def _observe(self, stage: Stage) -> Observations:
        """Return the median of a stage in each group and run that took it, with its error."""
        observed = self._observed(stage)
        medians = [np.median(group.spans(stage, self._call_drift)) for group in observed]
        pixels = np.array([self._filled(stage, group.pixels, group.batch) for group in observed])
        batch = np.array([float(group.batch) for group in observed])
        keys = {key: at for at, key in enumerate(dict.fromkeys(group.key for group in observed))}
        moves = None
        if self._run_effects is not None:
            moves = self._run_effects.moves(stage, pixels, batch, [group.run for group in observed])
        return Observations(
            pixels=pixels,
            batch=batch,
            points=np.array([keys[group.key] for group in observed]),
            moves=moves,
            log_seconds=np.log(np.array(medians)),
            noise=np.array([self._noise(group, stage) for group in observed]),
        )

    def _observed(self, stage: Stage) -> list[CellGroup]:
        """Return the groups, of one run each, that took a stage."""
        return [group for group in self._groups if group.spans(stage, self._call_drift).size]

    def _noise(self, group: CellGroup, stage: Stage) -> float:
        """Return the relative error of a group's median of a stage.

        Repeats show how far the CPU's launch rate drifts within a run. The cells of one run are
        spread over it, so drift averages out in their fit. But few cells tell one run from another,
        and drift within a run must not pass for a between-run effect.
        """
        error = max(self.drift.group(group, stage), LEAST_NOISE)
        if self._run_effects is None:
            return error
        moment = self._run_effects.moment(stage, group.pixels, group.batch)
        return max(error, moment / math.sqrt(len(group.cells)))

    @functools.cached_property
    def _bounds(self) -> dict[Statistic, Bounds]:
        """The times of the cells of the runs asked for, between which answers are held."""
        own = [cell for cell in self._cells if self.run in {None, cell.run}]
        return {statistic: cell_bounds(own, statistic) for statistic in ORDERED}

    @functools.cached_property
    def _surfaces(self) -> dict[Stage, Surface]:
        effects, run = self._run_effects, self.run
        if effects is None or run is None:
            return self._middle

        def moves(stage: Stage, pixels: Array, batch: Array) -> Array:
            return effects.moves(stage, pixels, batch, [run] * pixels.size)

        return {
            stage: surface.moved(functools.partial(moves, stage))
            for stage, surface in self._middle.items()
        }

    @functools.cached_property
    def _middle(self) -> dict[Stage, Surface]:
        """The stages for the average over runs."""
        least_tokens = self._architecture.text_tokens + 1
        most_pixels = REACH * self.most_work * PIXELS_PER_TOKEN
        most_batch = max(2.0, REACH * self.most_work // least_tokens)
        made: dict[Stage, Surface] = {}

        def surface(stage: Stage, fitted: Array | None = None) -> Surface:
            return Surface(self.fits[stage], most_pixels, most_batch, fitted)

        def make() -> dict[str, Array]:
            made.update({stage: surface(stage) for stage in STAGES})
            return {stage: each.fitted for stage, each in made.items()}

        kept = self._kept.arrays("lattices", make)
        return made or {stage: surface(stage, kept[stage]) for stage in STAGES}

    @functools.cached_property
    def honesty(self) -> float:
        """How many times larger whole calls' left-out errors are than their stages say."""
        kept = self._kept.arrays("honesty", lambda: {"factor": np.array(self._honesty())})
        return float(kept["factor"])

    def _honesty(self) -> float:
        left = {stage: self._left_out(stage) for stage in STAGES}
        scores = []
        for group in self._groups:
            scored = [self._score(cell, (group.key, group.run), left) for cell in group.cells]
            known = [score for score in scored if score is not None]
            if known:
                scores.append(np.mean(known))
        larger = (np.sum(scores) + PRIOR_CELLS) / (len(scores) + PRIOR_CELLS)
        return float(np.sqrt(max(1.0, larger)))

    def _left_out(self, stage: Stage) -> dict[Row, tuple[float, float]]:
        """Return each group's seconds of a stage by the others, and the formula's error in them."""
        fit = self.fits[stage]
        errors, sigmas = fit.left_out()
        seconds = np.exp(fit.observations.log_seconds + errors)
        observed = self._observed(stage)
        found: dict[Row, tuple[float, float]] = {}
        for row, group in enumerate(observed):
            noise = self._noise(group, stage)
            formula = float(np.sqrt(max(sigmas[row] ** 2 - noise**2, 0.0)))
            others = fit.observations.log_seconds[[other.key != group.key for other in observed]]
            formula = float(np.hypot(formula, unseen_launch(stage, seconds[row], others)))
            found[group.key, group.run] = float(seconds[row]), formula
        return found

    def _score(
        self, cell: Cell, row: Row, left: dict[Stage, dict[Row, tuple[float, float]]]
    ) -> float | None:
        """Return the squared error of a left-out call over its expected square, if predictable."""
        counts = {stage: count for stage, count in stage_counts(cell.steps).items() if count}
        if cell.samples is None or any(row not in left[stage] for stage in counts):
            return None
        total = sum(count * left[stage][row][0] for stage, count in counts.items())
        families: dict[str, float] = {}
        for stage, count in counts.items():
            seconds, sigma = left[stage][row]
            share = count * seconds / total
            families[FAMILY[stage]] = families.get(FAMILY[stage], 0.0) + share * sigma
        moment = self.moment(cell.shape.pixels, cell.batch, cell.steps)
        drift = max(self.drift.call(cell), moment)
        variance = sum(sigma**2 for sigma in families.values()) + drift**2
        total += self._call_drift.after(total)
        return float(np.log(total / np.median(cell.samples.wall_s)) ** 2 / variance)


def unseen_launch(stage: Stage, seconds: float, log_observed: Array) -> float:
    """Return the relative error of a stage predicted to be faster than any observed.

    A stage takes at least as long as its launches. Where all that was observed is work, these may
    have been anything up to the fastest of it, and what asks for less work may then take as long:
    the upper end of the 90 % interval reaches that far.
    """
    if stage == "host" or not log_observed.size:
        return 0.0
    return max(0.0, float(log_observed.min() - np.log(seconds))) / NORMAL_90
