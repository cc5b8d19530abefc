"""Is a fit true? Cells left out of it, or in no fit at all, are predicted and compared.

The cells left out in turn were used to choose the formulas; those of a held-out record were not.
Where the calibration has other cells of their run, the answers for that run show the formulas'
error alone. A fit without that run shows the between-run effects too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from pydantic import Field

from fluxcost.errors import InputError, MissingDataError
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.library import held_out_record
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.records import Name, Record
from fluxcost.validation.batch_choice import BatchRegret, BoundRegret, batch_regret, bound_regret
from fluxcost.validation.cells import CellScores, ValidationReport, cells_to_predict, describe
from fluxcost.validation.folds import Fold, HeldOut, folds, only_runs, sampled_runs
from fluxcost.validation.memory_and_energy import (
    QUANTITIES,
    EdgeReport,
    ResourceReport,
    edge_report,
    resource_report,
)


class HeldOutScores(Record):
    """A fit scored on cells and memory limits of a held-out record."""

    known_run: ValidationReport | None = Field(
        default=None, description="Cells of runs of which other cells are in the fit."
    )
    new_run: ValidationReport | None = Field(
        default=None, description="Cells of runs that are not in the fit, or are left out of it."
    )
    edges: tuple[EdgeReport, ...] = ()


def score_held_out_record(fitted: Fit, unseen: Calibration) -> HeldOutScores:
    """Predict the cells and memory edges of a record that is held out of every fit.

    Args:
        fitted: Whose predictions are scored.
        unseen: Of the same GPU and model.

    Raises:
        InputError: The calibration holds some of the cells.
        MissingDataError: No cell has samples, or every one was refused.
    """
    calibration = fitted.calibration
    cells = cells_to_predict(calibration, unseen)
    runs = set(sampled_runs(calibration))
    known, new = CellScores(), CellScores()
    for run in sampled_runs(unseen):
        own = [cell for cell in cells if cell.run == run]
        if run in runs:
            known.add(fitted.for_run(run), own, users=None if runs == {run} else fitted)
        if runs != {run}:
            others = only_runs(calibration, runs - {run})
            new.add(fit(others, architecture=fitted.architecture), own)
    described = describe(calibration, unseen)
    return HeldOutScores(
        known_run=known.report(calibration, against=described, same_run=True)
        if known.asked
        else None,
        new_run=new.report(calibration, against=described) if new.asked else None,
        edges=_edges(fitted, unseen),
    )


def _edges(fitted: Fit, unseen: Calibration) -> tuple[EdgeReport, ...]:
    try:
        return tuple(edge_report(fitted, edge, unseen) for edge in unseen.memory_edges)
    except MissingDataError:
        return ()


BATCH_CHOICE = "batch choice"
HELD_OUT_RECORD = "unseen"
"""Names of the checks that are no way of leaving out."""


class Skipped(Record):
    """A check the calibration has no data for."""

    check: Name = Field(description="A way of leaving out, or another check's name.")
    reason: str


class Validation(Record):
    """Every check a calibration has the data for, and why the others are absent."""

    reports: tuple[ValidationReport, ...]
    resources: tuple[ResourceReport, ...] = Field(
        default=(), description="Peak memory and energy, groups left out."
    )
    batch_choice: BatchRegret | None = None
    bound_choice: BoundRegret | None = Field(
        default=None, description="The same under bounds on the latency."
    )
    unseen: HeldOutScores | None = Field(
        default=None, description="Cells measured for this, which no fit ever sees."
    )
    skipped: tuple[Skipped, ...] = ()


def validate(
    calibration: Calibration,
    *,
    held_out: HeldOut | str = HeldOut.GROUP,
    architecture: Architecture | None = None,
) -> ValidationReport:
    """Leave something out in turn, refit, and predict it.

    Args:
        calibration: With samples; published tables have nothing to leave out.
        held_out: "group" (a width, height and batch, of every run), "resolution" (a width and
            height at every batch), "batch" (a batch at every size), "group-in-run" (a group within
            each run alone) or "run" (a whole run, as another machine would be).
        architecture: The model, where it is not one that ships.

    Raises:
        InputError: held_out is none of these.
        MissingDataError: Fewer than 3 groups, sizes or batches have samples, fewer than 2 runs for
            "run", or every cell left out was refused.
    """
    chosen = _chosen(held_out)
    return score_folds(calibration, chosen, folds(calibration, chosen, architecture))


def validate_all(
    calibration: Calibration,
    *,
    unseen: Calibration | None = None,
    architecture: Architecture | None = None,
) -> Validation:
    """Return every check the calibration has the data for, and name what keeps out the others.

    Args:
        calibration: With samples.
        unseen: Cells measured to score the fit on; those that ship unless given.
        architecture: The model, where it is not one that ships.

    Raises:
        InputError: The calibration holds some of the unseen cells.
        MissingDataError: Fewer than 3 groups of cells have samples.
    """
    with contextlib.suppress(MissingDataError):  # told below, where other checks remain
        # Before the work, which a refusal at its end would waste.
        cells_to_predict(calibration, unseen or _held_out(calibration))
    groups = folds(calibration, HeldOut.GROUP, architecture)
    reports = [score_folds(calibration, HeldOut.GROUP, groups)]
    skipped: list[Skipped] = []
    for way in list(HeldOut)[1:]:
        try:
            if way is HeldOut.GROUP_IN_RUN:
                _refuse_one_run(calibration)
            reports.append(validate(calibration, held_out=way, architecture=architecture))
        except MissingDataError as error:
            skipped.append(Skipped(check=way, reason=str(error)))
    whole = fit(calibration, architecture=architecture)
    resources: list[ResourceReport] = []
    for quantity in QUANTITIES:
        try:
            resources.append(resource_report(whole, quantity, HeldOut.GROUP, groups))
        except MissingDataError as error:
            skipped.append(Skipped(check=quantity, reason=str(error)))
    choice = bound = None
    try:
        choice = batch_regret(whole, groups)
        bound = bound_regret(whole, groups)
    except MissingDataError as error:
        skipped.append(Skipped(check=BATCH_CHOICE, reason=str(error)))
    scored = None
    try:
        scored = score_held_out_record(whole, unseen or _held_out(calibration))
    except MissingDataError as error:
        skipped.append(Skipped(check=HELD_OUT_RECORD, reason=str(error)))
    return Validation(
        reports=tuple(reports),
        resources=tuple(resources),
        batch_choice=choice,
        bound_choice=bound,
        unseen=scored,
        skipped=tuple(skipped),
    )


def score_folds(
    calibration: Calibration, held_out: HeldOut, parts: Sequence[Fold]
) -> ValidationReport:
    """Return how well folds that were made predict what each leaves out.

    Args:
        calibration: Whose they are.
        held_out: What each of them leaves out.
        parts: The folds.

    Raises:
        MissingDataError: Every cell left out was refused.
    """
    scores = CellScores()
    for fold in parts:
        for cell in fold.cells:
            scores.add(fold.fit_for(cell), [cell], users=fold.fit)
    return scores.report(
        calibration,
        held_out=held_out,
        folds=len(parts),
        same_run=any(fold.knows(cell.run) for fold in parts for cell in fold.cells),
    )


def _chosen(held_out: HeldOut | str) -> HeldOut:
    try:
        return HeldOut(held_out)
    except ValueError:
        raise InputError(
            f"held_out is {held_out!r}; expected one of {', '.join(HeldOut)}."
        ) from None


def _held_out(calibration: Calibration) -> Calibration:
    record = held_out_record(calibration)
    if record is None:
        raise MissingDataError(
            f"{calibration.alias}: no cells that no fit sees are recorded for this stack; measure "
            "them with the suite unseen."
        )
    return record


def _refuse_one_run(calibration: Calibration) -> None:
    if len(sampled_runs(calibration)) == 1:
        raise MissingDataError(
            f"{calibration.alias}: one run has cells, so its groups left out of it are the groups "
            "left out of all runs."
        )
