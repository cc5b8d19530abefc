"""Does the fit choose the right batch where someone waits? Choices under a bound on the latency.

The largest throughput is rarely what may be chosen: a call must also end in time. Here bounds lie
between a shape's fastest and slowest call, and under each the batch with the highest predicted
throughput is chosen of those predicted to end in time, each batch by a fit that does not know its
group. What was then measured says what was lost, and whether the call ended in time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from fluxcost.errors import FluxcostError, MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.evidence.batch_choice import FEWEST_BATCHES, by_shape, relative_noise
from fluxcost.evidence.folds import Fold
from fluxcost.performance.fit import Fit, fit
from fluxcost.records import Count, Fraction, Name, NonNegative, Positive, Record
from fluxcost.workload import Shape

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
