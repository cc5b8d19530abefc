"""What is left out of a fit to test it, and what is then asked of the rest.

A group is one width, height and batch: leaving out single cells would let a cell of the same size
at another step count give the answer away. Errors at the edges of the measured region are
extrapolations and count like the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration import Calibration, Cell
from fluxcost.performance.groups import fitted_cells, groups_of

FEWEST_GROUPS = 3
"""Fewest groups of which one can be left out and something still be said of it."""


class HeldOut(StrEnum):
    """What is left out in turn."""

    GROUP = "group"
    """A group, of every run: what the fit's own intervals promise."""

    GROUP_IN_RUN = "group-in-run"
    """A group, the rest being its own run only: the formulas without the machines' differences."""

    RUN = "run"
    """A whole run, the rest being the others: what another machine of the kind would show."""


@dataclass(frozen=True)
class Fold:
    """Cells left out, and the calibration without them."""

    rest: Calibration
    cells: tuple[Cell, ...]


def folds(calibration: Calibration, held_out: HeldOut) -> list[Fold]:
    """Return the folds of a calibration.

    Raises:
        MissingDataError: Fewer than 3 groups of cells have samples, or fewer than 2 runs for RUN.
    """
    runs = sampled_runs(calibration)
    if held_out is HeldOut.RUN:
        if len(runs) < 2:
            raise MissingDataError(
                f"{calibration.alias}: {len(runs)} runs have cells; expected at least 2 to leave "
                "one out: measure on another machine and merge."
            )
        return [_without_run(calibration, run) for run in runs]
    if held_out is HeldOut.GROUP:
        return _group_folds(calibration)
    return [fold for run in runs for fold in _group_folds(_only_run(calibration, run))]


def sampled_runs(calibration: Calibration) -> tuple[str, ...]:
    """Return the ids of the runs that have cells with samples, in order."""
    return tuple(dict.fromkeys(cell.run for cell in fitted_cells(calibration)))


def _group_folds(calibration: Calibration) -> list[Fold]:
    groups = groups_of(fitted_cells(calibration))
    if len(groups) < FEWEST_GROUPS:
        raise MissingDataError(
            f"{calibration.alias}: {len(groups)} groups of cells have samples; expected at least "
            f"{FEWEST_GROUPS} to leave one out: measure more sizes or batches."
        )
    return [Fold(_without(calibration, group.cells), tuple(group.cells)) for group in groups]


def _without(calibration: Calibration, cells: tuple[Cell, ...]) -> Calibration:
    left_out = set(map(id, cells))
    rest = tuple(cell for cell in calibration.cells if id(cell) not in left_out)
    return calibration.model_copy(update={"cells": rest})


def _without_run(calibration: Calibration, run: str) -> Fold:
    cells = tuple(cell for cell in fitted_cells(calibration) if cell.run == run)
    others = {each.id for each in calibration.runs} - {run}
    return Fold(_of_runs(calibration, others), cells)


def _only_run(calibration: Calibration, run: str) -> Calibration:
    return _of_runs(calibration, {run})


def _of_runs(calibration: Calibration, runs: set[str]) -> Calibration:
    return calibration.model_copy(
        update={
            "runs": tuple(each for each in calibration.runs if each.id in runs),
            "cells": tuple(each for each in calibration.cells if each.run in runs),
            "soaks": tuple(each for each in calibration.soaks if each.run in runs),
            "weight_scales": tuple(each for each in calibration.weight_scales if each.run in runs),
        }
    )
