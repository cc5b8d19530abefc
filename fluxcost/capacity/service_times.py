"""How long calls take, as arrays the kernels read: occupancy, latency, and the spread of calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fluxcost.errors import FluxcostError
from fluxcost.estimate import Draws, Estimate, Source
from fluxcost.performance.scaling.context_parallel import AnyFit
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape

Spread = Callable[[np.random.Generator, int], Array]
"""Draws how long calls take over their mean."""


def no_spread(random: np.random.Generator, count: int) -> Array:
    """Every call takes its mean."""
    return np.ones(count)


def resampled(ratios: Array) -> Spread:
    """Return a spread that draws from measured calls over their mean."""

    def draw(random: np.random.Generator, count: int) -> Array:
        return ratios[random.integers(0, ratios.size, count)]

    return draw


@dataclass(frozen=True, eq=False)
class ServiceTimes:
    """Times of calls of every line at every batch size.

    Attributes:
        occupancy_s: Mean seconds a call keeps the replica, by line and batch less 1.
        latency_s: Mean seconds until a call's images are there, likewise.
        spread: Calls over their mean.
        factors: Draws of the timing error common to all calls, about 1.
        source: The weakest source of a timing used.
        evidence: What the timings rest on.
        gpus_per_image: GPUs that a replica is, all of them at work on each call.
    """

    occupancy_s: Array
    latency_s: Array
    spread: Spread
    factors: Draws | None = None
    source: Source = Source.ASSUMED
    evidence: tuple[str, ...] = ()
    gpus_per_image: int = 1

    @property
    def max_batch(self) -> int:
        """The largest batch the times are of."""
        return int(self.occupancy_s.shape[1])

    def image_s(self, shares: tuple[float, ...]) -> float:
        """Return the mean seconds of a replica an image takes in full calls, as in a crowd."""
        return float(np.dot(shares, self.occupancy_s[:, -1])) / self.max_batch


def service_times(
    fit: AnyFit, mix: tuple[tuple[Shape, float], ...], max_batch: int
) -> ServiceTimes:
    """Return the times a fit answers for the shapes of a mix at every batch up to the largest.

    A batch the fit cannot answer takes as long as the next larger one it can: a replica may always
    fill up a call. Latency and occupancy are means; the spread is that of the measured calls.

    Raises:
        FluxcostError: The largest batch of a shape cannot be answered.
    """
    occupancy, latency, answers = [], [], []
    for shape, _ in mix:
        calls = _calls(fit, shape, max_batch)
        occupancy.append([busy.value for busy, _ in calls])
        latency.append([whole.value for _, whole in calls])
        answers += [calls[0], calls[-1]]
    shares = [share for _, share in mix]
    last = answers[1::2]
    image = sum(share * busy.draws for share, (busy, _) in zip(shares, last, strict=True))
    central = sum(share * busy.value for share, (busy, _) in zip(shares, last, strict=True))
    spans = [span for pair in answers for span in pair]
    return ServiceTimes(
        occupancy_s=np.array(occupancy),
        latency_s=np.array(latency),
        spread=_spread(fit, [shape for shape, _ in mix]),
        factors=np.asarray(image) / central,
        source=Source.weakest(span.source for span in spans),
        evidence=tuple(dict.fromkeys(line for span in spans for line in span.evidence)),
        gpus_per_image=fit.gpus_per_image,
    )


def _calls(fit: AnyFit, shape: Shape, max_batch: int) -> list[tuple[Estimate, Estimate]]:
    """Return occupancy and latency of every batch; a larger one never takes less."""
    found = [_call(fit, shape, max_batch)]
    for batch in range(max_batch - 1, 0, -1):
        try:
            call = _call(fit, shape, batch)
        except FluxcostError:
            call = found[-1]
        # Noise between measured cells may make a smaller batch look slower than a larger one.
        found.append(call if call[0].value <= found[-1][0].value else found[-1])
    return found[::-1]


def _call(fit: AnyFit, shape: Shape, batch: int) -> tuple[Estimate, Estimate]:
    gpu_s = fit.occupancy(shape, batch=batch)
    # A replica is kept for as long as each of its GPUs is.
    kept = gpu_s if fit.gpus_per_image == 1 else gpu_s.scaled(1 / fit.gpus_per_image, "s")
    return kept, fit.latency(shape, batch=batch, statistic="mean")


def _spread(fit: AnyFit, shapes: list[Shape]) -> Spread:
    walls = fit.calls_of(shapes)
    if not walls:
        return no_spread
    ratios = np.concatenate([wall / wall.mean() for wall in walls])
    return resampled(ratios)
