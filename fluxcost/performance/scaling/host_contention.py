"""Host contention: the GPUs of one instance share CPU, memory and links.

Instances are sold whole, and a volume keeps all their GPUs at work. Seconds of an image are then
those of one GPU alone over the efficiency of as many replicas at once.
"""

from __future__ import annotations

import functools

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.fit import Fit
from fluxcost.workload.shape import Shape

REMEMBERED = 512
"""Efficiencies kept, since many offers ask for the same."""


@functools.lru_cache(maxsize=REMEMBERED)
def host_efficiency(fit: Fit, shape: Shape, batch: int, count: int) -> Estimate | None:
    """Return the efficiency of so many replicas of one host at once, at most 1.

    Nothing makes GPUs faster together than alone, so no efficiency counts for more than 1. None
    where replicas were not timed at once, or so many are out of the law's reach: they then count as
    that many times one.
    """
    try:
        efficiency = fit.replica_efficiency(shape, batch, count)
    except MissingDataError:
        return None
    return derive(lambda each: np.minimum(each, 1.0), efficiency, unit="1")


def untimed_note(calibration: str, count: int) -> str:
    """Return what a reader must know where the efficiency of a host's replicas is not known."""
    return (
        f"{calibration}: no timing says what {count} replicas of one host take from each "
        f"other; they count as {count} times one"
    )
