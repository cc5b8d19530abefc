"""What is left out of a fit to test it, and what is then asked of the rest.

A group is one width, height and batch: leaving out single cells would let a cell of the same size
at another step count give the answer away. Errors at the edges of the measured region are
extrapolations and count like the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from fluxcost.errors import MissingDataError
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.observations import fitted_cells

FEWEST_PARTS = 3
"""Fewest groups, sizes or batches of which one can be left out and something still be said."""


class HeldOut(StrEnum):
    """What is left out in turn."""

    GROUP = "group"
    """A group, of every run: what the fit's own intervals promise."""

    RESOLUTION = "resolution"
    """Every cell of one width and height: a size nobody measured."""

    BATCH = "batch"
    """Every cell of one batch: a batch nobody measured at any size."""

    GROUP_IN_RUN = "group-in-run"
    """A group, the rest being its own run only: the formulas without the machines' differences."""

    RUN = "run"
    """A whole run, the rest being the others: what another machine of the kind would show."""


@dataclass(frozen=True)
class Fold:
    """Cells left out, and the calibration without them."""

    rest: Calibration
    cells: tuple[Cell, ...]
    architecture: Architecture | None = None

    @functools.cached_property
    def fit(self) -> Fit:
        """The fit that does not know the cells left out; made once, since several checks ask it."""
        return fit(self.rest, architecture=self.architecture, same_run=self.same_run)

    def knows(self, run: str) -> bool:
        """Whether cells of a run are among the rest."""
        return any(cell.run == run for cell in fitted_cells(self.rest))

    def fit_for(self, cell: Cell) -> Fit:
        """Return the answers for the run that timed a cell, where the rest holds others of it.

        For a run that the rest does not hold, these are the answers for any run.
        """
        if self.same_run or not self.knows(cell.run):
            return self.fit
        if cell.run not in self._for_runs:
            self._for_runs[cell.run] = self.fit.for_run(cell.run)
        return self._for_runs[cell.run]

    @functools.cached_property
    def _for_runs(self) -> dict[str, Fit]:
        return {}

    @property
    def same_run(self) -> bool:
        """Whether all cells, left out or not, are of one run, which shows no between-run effect."""
        return len({cell.run for cell in (*self.cells, *fitted_cells(self.rest))}) == 1


def folds(
    calibration: Calibration, held_out: HeldOut, architecture: Architecture | None = None
) -> list[Fold]:
    """Return the folds of a calibration.

    Args:
        calibration: With samples.
        held_out: What is left out in turn.
        architecture: The model, where it is not one that ships.

    Raises:
        MissingDataError: Fewer than 3 groups, sizes or batches have samples, or fewer than 2 runs
            for RUN.
    """
    return [Fold(rest, cells, architecture) for rest, cells in _splits(calibration, held_out)]


def sampled_runs(calibration: Calibration) -> tuple[str, ...]:
    """Return the ids of the runs that have cells with samples, in order."""
    return tuple(dict.fromkeys(cell.run for cell in fitted_cells(calibration)))


RestAndLeftOut = tuple[Calibration, tuple[Cell, ...]]
"""The rest, and what was left out of it."""

_PARTS: dict[HeldOut, tuple[str, Callable[[Cell], tuple[int, ...]]]] = {
    HeldOut.GROUP: ("groups of cells", lambda cell: (cell.width, cell.height, cell.batch)),
    HeldOut.RESOLUTION: ("sizes", lambda cell: (cell.width, cell.height)),
    HeldOut.BATCH: ("batches", lambda cell: (cell.batch,)),
}
"""What the parts are called, and what the cells of one have in common."""


def _splits(calibration: Calibration, held_out: HeldOut) -> list[RestAndLeftOut]:
    if held_out in _PARTS:
        return _parts(calibration, held_out)
    runs = sampled_runs(calibration)
    if held_out is HeldOut.GROUP_IN_RUN:
        alone = {run: _only_run(calibration, run) for run in runs}
        # A run that went on after a kill, or timed replicas only, has too few of its own.
        enough = [each for each in alone.values() if len(_groups(each)) >= FEWEST_PARTS]
        return [part for each in enough or [calibration] for part in _parts(each, HeldOut.GROUP)]
    if len(runs) < 2:
        raise MissingDataError(
            f"{calibration.alias}: {len(runs)} runs have cells; expected at least 2 to leave "
            "one out: measure on another machine and merge."
        )
    return [_without_run(calibration, run) for run in runs]


def _parts(calibration: Calibration, held_out: HeldOut) -> list[RestAndLeftOut]:
    noun, key = _PARTS[held_out]
    found = _grouped(calibration, key)
    if len(found) < FEWEST_PARTS:
        raise MissingDataError(
            f"{calibration.alias}: {len(found)} {noun} have samples; expected at least "
            f"{FEWEST_PARTS} to leave one out: measure more sizes or batches."
        )
    parts = [tuple(found[part]) for part in sorted(found)]
    return [(_without(calibration, cells), cells) for cells in parts]


def _groups(calibration: Calibration) -> dict[tuple[int, ...], list[Cell]]:
    return _grouped(calibration, _PARTS[HeldOut.GROUP][1])


def _grouped(
    calibration: Calibration, key: Callable[[Cell], tuple[int, ...]]
) -> dict[tuple[int, ...], list[Cell]]:
    found: dict[tuple[int, ...], list[Cell]] = {}
    for cell in fitted_cells(calibration):
        found.setdefault(key(cell), []).append(cell)
    return found


def _without(calibration: Calibration, cells: tuple[Cell, ...]) -> Calibration:
    left_out = set(map(id, cells))
    rest = tuple(cell for cell in calibration.cells if id(cell) not in left_out)
    return calibration.model_copy(update={"cells": rest})


def _without_run(calibration: Calibration, run: str) -> RestAndLeftOut:
    cells = tuple(cell for cell in fitted_cells(calibration) if cell.run == run)
    others = {each.id for each in calibration.runs} - {run}
    return only_runs(calibration, others), cells


def _only_run(calibration: Calibration, run: str) -> Calibration:
    return only_runs(calibration, {run})


def only_runs(calibration: Calibration, runs: set[str]) -> Calibration:
    """Return what was measured in some of a calibration's runs."""
    return calibration.model_copy(
        update={
            "runs": tuple(each for each in calibration.runs if each.id in runs),
            "cells": tuple(each for each in calibration.cells if each.run in runs),
            "soaks": tuple(each for each in calibration.soaks if each.run in runs),
            "weight_scales": tuple(each for each in calibration.weight_scales if each.run in runs),
        }
    )
