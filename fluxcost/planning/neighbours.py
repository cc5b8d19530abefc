"""What the GPUs of one instance take from each other: CPU, memory and links are shared by a host.

Instances are sold whole, and a volume keeps all their GPUs at work. Seconds of an image are then
those of one GPU alone over the efficiency of as many replicas at once. Nothing makes GPUs faster
together than alone, so no efficiency counts for more than 1.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from fluxcost.economics.offers import Offer
from fluxcost.errors import MissingDataError
from fluxcost.estimate import Draws, Estimate, derive
from fluxcost.performance.fit import Fit
from fluxcost.planning.paces import Mix, Pace
from fluxcost.workload import Shape

REMEMBERED = 512
"""Efficiencies kept, since many offers ask for the same."""


def beside_others(pace: Pace, offer: Offer, mix: Mix) -> tuple[Pace, tuple[str, ...]]:
    """Return the pace with every GPU of an instance at work, and what a reader must know of it.

    Where replicas were not timed at once, or so many are out of the law's reach, the pace stays
    that of one GPU alone.
    """
    count = offer.gpu_count
    if count == 1 or not isinstance(pace.fit, Fit):
        return pace, ()
    efficiencies = [_efficiency(pace.fit, shape, pace.batch, count) for shape, _ in mix]
    known = [each for each in efficiencies if each is not None]
    if len(known) < len(mix):
        return pace, (_untimed(pace, count),)
    return _slowed(pace, mix, known), ()


def _slowed(pace: Pace, mix: Mix, efficiencies: list[Estimate]) -> Pace:
    shares = [share for _, share in mix]
    calls = [pace.fit.occupancy(shape, batch=pace.batch) for shape, _ in mix]
    image_s = derive(
        lambda *each: (
            sum(
                share * call / np.minimum(efficiency, 1.0)
                for share, call, efficiency in zip(
                    shares, each[: len(shares)], each[len(shares) :], strict=True
                )
            )
            / pace.batch
        ),
        *calls,
        *efficiencies,
        unit="s",
    )
    worst = min(efficiencies, key=lambda each: each.low)
    latency = derive(_over, pace.latency, worst, unit="s")
    return replace(pace, image_s=image_s, latency=latency)


def _over(seconds: Draws | float, efficiency: Draws | float) -> Draws | float:
    return seconds / np.minimum(efficiency, 1.0)


@functools.lru_cache(maxsize=REMEMBERED)
def _efficiency(fit: Fit, shape: Shape, batch: int, count: int) -> Estimate | None:
    """Return the efficiency of replicas at once; None where nobody knows it."""
    try:
        return fit.replica_efficiency(shape, batch, count)
    except MissingDataError:
        return None


def _untimed(pace: Pace, count: int) -> str:
    return (
        f"{pace.calibration}: no timing says what {count} replicas of one host take from each "
        f"other; they count as {count} times one"
    )
