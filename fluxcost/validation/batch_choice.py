"""Does the fit choose the right batch? Choices, free and under a bound on latency, and regret.

The largest throughput is rarely what may be chosen: a call must also end in time. Bounds lie
between a shape's fastest and slowest call, and under each the batch with the highest predicted
throughput is chosen of those predicted to end in time, each batch by a fit that does not know its
group. What was then measured says what was lost, and whether the call ended in time.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, MissingDataError
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.architecture import Architecture
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.records import Count, Fraction, Name, NonNegative, Positive, Record
from fluxcost.validation.folds import Fold, HeldOut, folds
from fluxcost.workload.shape import Shape

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


BOUNDS = 40
"""Bounds a shape, evenly spaced in logarithms from its fastest to its slowest call."""


class BoundChoice(Record):
    """The batch chosen for one shape under one bound."""

    shape: Name
    bound_s: Positive
    chosen: Count | None = Field(description="None where no batch is predicted to end in time.")
    best: Count = Field(
        description="The batch of the highest measured throughput among those that surely end in "
        "time, whose whole interval lies below the bound, and that the fit does not refuse."
    )
    regret: Fraction = Field(description="Throughput lost to the best, less the noise of the two.")
    late: NonNegative = Field(
        description="By how much the whole interval of the chosen call lies past the bound, "
        "relative; 0 where it does not."
    )


class BoundRegret(Record):
    """What choosing batches by the fit costs under bounds on the latency, beyond noise."""

    shapes: tuple[Name, ...] = Field(min_length=1)
    choices: tuple[BoundChoice, ...] = Field(min_length=1)
    max_regret: Fraction
    mean_regret: Fraction
    share_late: Fraction = Field(description="Share of the choices that end late.")
    max_late: NonNegative


def bound_regret(measured: Fit, groups: Sequence[Fold]) -> BoundRegret:
    """Choose the batch of every shape with 3 batches or more under bounds, and compare.

    Args:
        measured: The fit that knows every cell.
        groups: The folds of its groups.

    Raises:
        MissingDataError: No shape has 3 batches, or no batch of any surely ends within a bound.
    """
    truth = fit(measured.calibration, architecture=measured.architecture, same_run=True)
    choices = [
        choice
        for shape, blind in by_shape(groups).items()
        if len(blind) >= FEWEST_BATCHES
        for choice in _choices(truth, shape, blind)
    ]
    if not choices:
        raise MissingDataError(
            f"no size was measured at {FEWEST_BATCHES} batches of the same steps closely enough "
            "to judge their choice under a bound; measure more batches."
        )
    late = [choice.late for choice in choices]
    regrets = [choice.regret for choice in choices]
    return BoundRegret(
        shapes=tuple(dict.fromkeys(choice.shape for choice in choices)),
        choices=tuple(choices),
        max_regret=max(regrets),
        mean_regret=float(np.mean(regrets)),
        share_late=float(np.mean([by > 0 for by in late])),
        max_late=max(late),
    )


def _choices(truth: Fit, shape: Shape, blind: Mapping[int, Fit]) -> list[BoundChoice]:
    """Return the choice under each bound that some batch surely meets."""
    predicted_s = {}
    for batch, fitted in blind.items():
        with contextlib.suppress(FluxcostError):
            predicted_s[batch] = fitted.latency(shape, batch).value
    if not predicted_s:
        return []
    calls = {batch: truth.latency(shape, batch) for batch in predicted_s}
    rates = {batch: truth.throughput(shape, batch) for batch in predicted_s}
    ends = [call.value for call in calls.values()]
    found = []
    for bound_s in np.geomspace(min(ends), max(ends), BOUNDS):
        sure = [batch for batch, call in calls.items() if call.high <= bound_s]
        if not sure:
            continue
        best = max(sure, key=lambda batch: rates[batch].value)
        in_time = [batch for batch, seconds in predicted_s.items() if seconds <= bound_s]
        chosen = max(in_time, key=lambda batch: batch / predicted_s[batch], default=None)
        found.append(
            BoundChoice(
                shape=str(shape),
                bound_s=float(bound_s),
                chosen=chosen,
                best=best,
                regret=1.0 if chosen is None else _regret(rates[chosen], rates[best]),
                late=0.0 if chosen is None else max(0.0, calls[chosen].low / float(bound_s) - 1),
            )
        )
    return found


def _regret(chosen: Estimate, best: Estimate) -> float:
    """Return the throughput lost beyond the noise of the two rates; 0 where none is."""
    if chosen is best:
        return 0.0
    lost = 1 - chosen.value / best.value
    return max(0.0, lost - relative_noise(chosen, best))
