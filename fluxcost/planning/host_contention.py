"""Host contention: the GPUs of one instance share CPU, memory and links.

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
from fluxcost.planning.candidates import Mix, ServiceTime
from fluxcost.workload.shape import Shape

REMEMBERED = 512
"""Efficiencies kept, since many offers ask for the same."""


def with_host_contention(
    timing: ServiceTime, offer: Offer, mix: Mix
) -> tuple[ServiceTime, tuple[str, ...]]:
    """Return the timing with every GPU of an instance at work, and what a reader must know of it.

    Where replicas were not timed at once, or so many are out of the law's reach, the timing stays
    that of one GPU alone.
    """
    count = offer.gpu_count
    if count == 1 or not isinstance(timing.fit, Fit):
        return timing, ()
    efficiencies = [_efficiency(timing.fit, shape, timing.batch, count) for shape, _ in mix]
    known = [each for each in efficiencies if each is not None]
    if len(known) < len(mix):
        return timing, (_untimed(timing, count),)
    return _slowed(timing, mix, known), ()


def _slowed(timing: ServiceTime, mix: Mix, efficiencies: list[Estimate]) -> ServiceTime:
    shares = [share for _, share in mix]
    calls = [timing.fit.occupancy(shape, batch=timing.batch) for shape, _ in mix]
    image_s = derive(
        lambda *each: (
            sum(
                share * call / np.minimum(efficiency, 1.0)
                for share, call, efficiency in zip(
                    shares, each[: len(shares)], each[len(shares) :], strict=True
                )
            )
            / timing.batch
        ),
        *calls,
        *efficiencies,
        unit="s",
    )
    worst = min(efficiencies, key=lambda each: each.low)
    latency = derive(_over, timing.latency, worst, unit="s")
    return replace(timing, image_s=image_s, latency=latency)


def _over(seconds: Draws | float, efficiency: Draws | float) -> Draws | float:
    return seconds / np.minimum(efficiency, 1.0)


@functools.lru_cache(maxsize=REMEMBERED)
def _efficiency(fit: Fit, shape: Shape, batch: int, count: int) -> Estimate | None:
    """Return the efficiency of replicas at once; None where it was not timed."""
    try:
        return fit.replica_efficiency(shape, batch, count)
    except MissingDataError:
        return None


def _untimed(timing: ServiceTime, count: int) -> str:
    return (
        f"{timing.calibration}: no timing says what {count} replicas of one host take from each "
        f"other; they count as {count} times one"
    )
