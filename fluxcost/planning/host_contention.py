"""Timings of a plan with every GPU of an instance at work, see `performance.scaling`."""

from __future__ import annotations

from dataclasses import replace

from fluxcost.economics.offers import Offer
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.fit import Fit
from fluxcost.performance.scaling.host_contention import host_efficiency, untimed_note
from fluxcost.planning.candidates import Mix, ServiceTime


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
    efficiencies = [host_efficiency(timing.fit, shape, timing.batch, count) for shape, _ in mix]
    known = [each for each in efficiencies if each is not None]
    if len(known) < len(mix):
        return timing, (untimed_note(timing.calibration, count),)
    return _slowed(timing, mix, known), ()


def _slowed(timing: ServiceTime, mix: Mix, efficiencies: list[Estimate]) -> ServiceTime:
    shares = [share for _, share in mix]
    calls = [timing.fit.occupancy(shape, batch=timing.batch) for shape, _ in mix]
    image_s = derive(
        lambda *each: (
            sum(
                share * call / efficiency
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
    latency = derive(lambda call, efficiency: call / efficiency, timing.latency, worst, unit="s")
    return replace(timing, image_s=image_s, latency=latency)
