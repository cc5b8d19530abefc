"""Does the fit choose the right batch? What trusting it would have cost, by the measurements.

Each batch is predicted by a fit that does not know its group, as it would be where nobody measured
it; the batch with the highest prediction is chosen. What was then measured of it, less than of the
truly best batch, is the regret.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, MissingDataError
from fluxcost.estimate import Estimate, derive
from fluxcost.evidence.folds import Fold, HeldOut, folds
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.records import Count, Fraction, Name, NonNegative, Positive, Record
from fluxcost.workload import Shape

FEWEST_BATCHES = 3
"""Fewest batches of one shape that make a choice: between two, chance is right every other time."""


class BatchChoice(Record):
    """The batch chosen for one shape, and what the best would have given.

    Batches the fit refuses to predict cannot be chosen, but one of them may be the best.
    """

    shape: Name
    batches: tuple[Count, ...] = Field(description="Measured.")
    refused: tuple[Count, ...] = Field(default=(), description="Of these, refused by the fit.")
    chosen: Count = Field(description="The batch of the highest predicted throughput.")
    best: Count = Field(description="The batch of the highest measured throughput.")
    predicted_images_per_s: Positive = Field(description="Of the batch chosen.")
    chosen_images_per_s: Positive = Field(description="Measured, of the batch chosen.")
    best_images_per_s: Positive = Field(description="Measured, of the best batch.")
    regret: Fraction = Field(description="1 - chosen/best, as measured.")
    noise: NonNegative = Field(
        description="Half-width of the 90 % interval of that ratio as measured; where the best was "
        "chosen, of the next best over it."
    )
    within_noise: bool = Field(description="Whether the regret is at most the noise.")


class BatchRegret(Record):
    """What choosing batches by the fit costs in throughput, over the shapes of a calibration."""

    calibration: Name
    content_hash: Name
    choices: tuple[BatchChoice, ...] = Field(min_length=1)
    unanswered: tuple[Name, ...] = Field(
        default=(), description="Shapes of which every batch was refused."
    )
    max_regret: Fraction
    median_regret: Fraction
    noise: NonNegative = Field(description="Of the shape with the largest regret.")
    within_noise: bool = Field(description="Whether every regret is within its noise.")


def choose_batches(
    calibration: Calibration, *, architecture: Architecture | None = None
) -> BatchRegret:
    """Choose the batch of every shape measured at 3 batches or more, and compare with the best.

    Args:
        calibration: With samples.
        architecture: The model, where it is not one that ships.

    Raises:
        MissingDataError: No shape has 3 batches, every batch was refused, or there are fewer than
            3 groups of cells.
    """
    groups = folds(calibration, HeldOut.GROUP, architecture)
    return batch_regret(fit(calibration, architecture=architecture), groups)


def batch_regret(measured: Fit, groups: Sequence[Fold]) -> BatchRegret:
    """Compare the choices of fits that lack a group with what the whole calibration measured.

    Args:
        measured: The fit that knows every cell.
        groups: The folds of its groups.

    Raises:
        MissingDataError: No shape has 3 batches, or every batch was refused.
    """
    alias = measured.calibration.alias
    shapes = {
        shape: blind for shape, blind in by_shape(groups).items() if len(blind) >= FEWEST_BATCHES
    }
    if not shapes:
        raise MissingDataError(
            f"{alias}: no size was measured at {FEWEST_BATCHES} batches of the same steps; "
            "measure more batches to judge their choice."
        )
    found = {shape: _choose(measured, shape, blind) for shape, blind in shapes.items()}
    choices = tuple(choice for choice in found.values() if choice is not None)
    if not choices:
        raise MissingDataError(f"{alias}: every batch left out was refused.")
    worst = max(choices, key=lambda choice: choice.regret)
    return BatchRegret(
        calibration=alias,
        content_hash=measured.calibration.content_hash,
        choices=choices,
        unanswered=tuple(str(shape) for shape, choice in found.items() if choice is None),
        max_regret=worst.regret,
        median_regret=float(np.median([choice.regret for choice in choices])),
        noise=worst.noise,
        within_noise=all(choice.within_noise for choice in choices),
    )


def by_shape(groups: Sequence[Fold]) -> dict[Shape, dict[int, Fit]]:
    """Return, for each shape, the fit that lacks the group of each batch measured.

    Of the run that measured the most batches of the shape: between runs one batch differs by
    more than batches do.
    """
    found: dict[Shape, dict[str | None, dict[int, Fit]]] = defaultdict(lambda: defaultdict(dict))
    for fold in groups:
        for cell in fold.cells:
            found[cell.shape][cell.run][cell.batch] = fold.fit_for(cell)
    return {shape: max(runs.values(), key=len) for shape, runs in found.items()}


def _choose(measured: Fit, shape: Shape, blind: Mapping[int, Fit]) -> BatchChoice | None:
    """Return the choice; None where every batch was refused."""
    rates = {batch: measured.throughput(shape, batch) for batch in sorted(blind)}
    predicted = {
        batch: rate
        for batch in rates
        if (rate := _predicted(blind[batch], shape, batch)) is not None
    }
    if not predicted:
        return None
    chosen = max(predicted, key=lambda batch: predicted[batch])
    *_, second, best = sorted(rates, key=lambda batch: rates[batch].value)
    other = second if chosen == best else best
    noise = relative_noise(rates[chosen], rates[other])
    regret = 1 - rates[chosen].value / rates[best].value
    return BatchChoice(
        shape=str(shape),
        batches=tuple(rates),
        refused=tuple(batch for batch in rates if batch not in predicted),
        chosen=chosen,
        best=best,
        predicted_images_per_s=predicted[chosen],
        chosen_images_per_s=rates[chosen].value,
        best_images_per_s=rates[best].value,
        regret=regret,
        noise=noise,
        within_noise=regret <= noise,
    )


def _predicted(fitted: Fit, shape: Shape, batch: int) -> float | None:
    """Return images a second; None where the fit refuses."""
    try:
        return fitted.throughput(shape, batch).value
    except FluxcostError:
        return None


def relative_noise(rate: Estimate, other: Estimate) -> float:
    """Return how far measuring again could move the ratio; what both share cancels."""
    return derive(lambda one, two: one / two, rate, other, unit="1").relative_half_width
