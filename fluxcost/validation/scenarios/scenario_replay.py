"""A recorded run as the simulator sees it: the same arrivals, the same rule, stated call times.

Two random runs of a few hundred requests differ at the 99th percentile by more than any simulator's
error, so the recorded arrivals themselves are served again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fluxcost.capacity.arrivals import RecordedArrivals
from fluxcost.capacity.demand import Demand, RequestClass
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.service_times import ServiceTimes, resampled, service_times
from fluxcost.capacity.simulator.engine import SimulatedRun, Trial
from fluxcost.capacity.simulator.histogram import BUCKETS, tally
from fluxcost.errors import MissingDataError
from fluxcost.estimate import Source, standard_normal
from fluxcost.performance.fit import Fit
from fluxcost.stats import Array
from fluxcost.validation.scenarios.scenario_record import LoadedRun, WarmCalls


def call_sizes(run: LoadedRun, warm: Sequence[WarmCalls]) -> tuple[int, ...]:
    """Return the images a call makes when asked for 1, 2, ... up to the largest batch.

    Raises:
        MissingDataError: No warm call of the run's shape is that large.
    """
    sizes = sorted(each.size for each in warm if each.shape == run.shape)
    if not sizes or sizes[-1] < run.batching.max_batch:
        raise MissingDataError(
            f"{run.name}: the record has no warm call of {run.batching.max_batch} images at "
            f"{run.shape}, so how long such calls take is not known."
        )
    asked = range(1, run.batching.max_batch + 1)
    return tuple(next(size for size in sizes if size >= images) for images in asked)


def warm_service(run: LoadedRun, warm: Sequence[WarmCalls]) -> ServiceTimes:
    """Return call times from the warm calls of the same start: means, spread, and their error.

    Raises:
        MissingDataError: No warm call of the run's shape is as large as its batches.
    """
    sizes = call_sizes(run, warm)
    walls = {e.size: np.array(e.wall_s) for e in warm if e.shape == run.shape and e.size in sizes}
    mean_s = np.array([[walls[size].mean() for size in sizes]])
    ratios = np.concatenate([wall / wall.mean() for wall in walls.values()])
    fewest = min(wall.size for wall in walls.values())
    error = float(ratios.std(ddof=1)) / np.sqrt(fewest)
    return ServiceTimes(
        occupancy_s=mean_s,
        latency_s=mean_s,
        spread=resampled(ratios),
        factors=np.maximum(0.1, 1 + error * standard_normal("scenario/warm calls")),
        source=Source.MEASURED,
        evidence=(f"{sum(wall.size for wall in walls.values())} warm calls of the same start",),
    )


def calibrated_service(run: LoadedRun, warm: Sequence[WarmCalls], fit: Fit) -> ServiceTimes:
    """Return call times from a calibration, calls filled up to the sizes the record's were.

    Raises:
        FluxcostError: The fit does not answer for the run's shape or batch.
    """
    sizes = call_sizes(run, warm)
    service = service_times(fit, ((run.shape, 1.0),), max(sizes))
    filled = [size - 1 for size in sizes]
    return replace(
        service,
        occupancy_s=service.occupancy_s[:, filled],
        latency_s=service.latency_s[:, filled],
    )


def replayed(run: LoadedRun, service: ServiceTimes, seed: int) -> Trial:
    """Return a trial that serves a run's own arrivals."""
    return _trial(run, np.array(run.arrived_s), service, seed)


def with_new_arrivals(run: LoadedRun, service: ServiceTimes, seed: int) -> Trial:
    """Return a trial of as many Poisson arrivals at the same mean rate, drawn anew."""
    count = len(run.arrived_s)
    rate = run.rate_per_s or count / run.arrived_s[-1]
    gaps = np.random.default_rng((seed, count)).standard_exponential(count) / rate
    return _trial(run, np.cumsum(gaps), service, seed)


def _trial(run: LoadedRun, times_s: Array, service: ServiceTimes, seed: int) -> Trial:
    count = times_s.size
    demand = Demand(
        lines=(RequestClass(run.shape, 0, 1.0),),
        rate_per_s=(count - 1) / float(times_s[-1] - times_s[0]),
        arrivals=RecordedArrivals(times_s, np.zeros(count, dtype=np.int64)),
        requests=count,
    )
    fleet = Fleet(calibration=run.name, replicas=1, batching=run.batching)
    return Trial(demand, service, fleet, seed=seed, requests=count)


def observed(run: LoadedRun) -> SimulatedRun:
    """Return what was recorded as if a simulated run had counted it."""
    arrived = np.array(run.arrived_s)
    starts = np.array(run.calls.started_s)
    ends = np.array(run.calls.finished_s)
    response = np.ascontiguousarray(run.image_response_s)
    histograms = np.zeros((1, BUCKETS), dtype=np.int64)
    zeros = np.zeros(response.size, dtype=np.int64)
    tally(response.view(np.int64), zeros, response.size, histograms)
    begun = np.sort(starts[list(run.call)])
    waiting = np.arange(1, arrived.size + 1) - np.searchsorted(begun, arrived, side="left")
    return SimulatedRun(
        histograms=histograms,
        arrived=arrived.size,
        lost=0,
        images_lost=0,
        wait_s=float(run.wait_s.mean()),
        spent_s=np.array([(ends - starts).sum()]),
        idle_s=float(
            arrived[-1] - (np.minimum(ends, arrived[-1]) - np.minimum(starts, arrived[-1])).sum()
        ),
        rented_s=float(max(ends.max(), arrived[-1])),
        span_s=float(arrived[-1]),
        calls=starts.size,
        images=arrived.size,
        longest_queue=int(waiting.max()),
        left_s=float(max(0.0, ends.max() - arrived[-1])),
        starts=0,
        cut_short=0,
    )
