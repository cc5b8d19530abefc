"""Response against load: how a fleet slows down as it fills up, and where the knee is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fluxcost.capacity.demand import at_rate, demand_of
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.results import Simulation
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.simulate import fitted_for, one_gpu_fit, simulate
from fluxcost.capacity.sizing import MET
from fluxcost.errors import InputError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.workload.workload import Workload

LOADS = (0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
"""Shares of what the replicas can do, denser where waiting sets in."""

REQUESTS = 3000
REPLICATIONS = 4
"""A point of a curve is simulated more briefly than an answer that stands alone."""


@dataclass(frozen=True, eq=False)
class LoadPoint:
    """The fleet at one load.

    Attributes:
        load: Work that arrives over what the replicas can do at their best batch.
        requests_per_s: The rate that is.
        simulation: What requests saw.
    """

    load: float
    requests_per_s: float
    simulation: Simulation

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain values."""
        return {
            "load": self.load,
            "requests_per_s": self.requests_per_s,
            "simulation": self.simulation.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class LoadSweep:
    """A fleet under rising load, the kind of arrivals and the mix kept.

    Attributes:
        fleet: Who serves.
        full_per_s: Requests a second that would keep every replica always at work.
        points: Load rising.
        knee: The point with the most load per second of mean response, Kleinrock's power ("Power
            and deterministic rules of thumb for probabilistic problems in computer
            communications", 1979): past it, waiting grows faster than throughput.
        most_per_s: Highest rate of a point that meets the objective in 90 of 100 timing draws, as
            all points below it do; None without an objective, or where no point does.
    """

    fleet: Fleet
    full_per_s: float
    points: tuple[LoadPoint, ...]
    knee: LoadPoint
    most_per_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as plain values."""
        return {
            "fleet": self.fleet.to_dict(),
            "full_per_s": self.full_per_s,
            "points": [point.to_dict() for point in self.points],
            "knee_load": self.knee.load,
            "most_per_s": self.most_per_s,
        }


def load_sweep(
    workload: Workload,
    fleet: Fleet,
    *,
    loads: tuple[float, ...] = LOADS,
    seed: int = 0,
    requests: int = REQUESTS,
    replications: int = REPLICATIONS,
    calibration: Calibration | Fit | None = None,
) -> LoadSweep:
    """Simulate a fleet at rising load; a profile of hours is left out, each load being steady.

    Args:
        workload: With arrivals at a rate: their kind, mix and objective are kept, the rate is not.
        fleet: Who serves.
        loads: Shares of what the replicas can do, over 0 and under 1, rising.
        seed: Of arrivals and of the spread of calls.
        requests: Counted in one replication.
        replications: Runs with their own arrivals at each load.
        calibration: Timings, fitted already or not; the shipped ones that the fleet names unless
            given.

    Raises:
        InputError: A load is out of range, or the arrivals have no rate to vary.
        MissingDataError: The calibration does not answer for a shape or batch.
        UnknownNameError: No shipped calibration has the fleet's name.
    """
    if not loads or list(loads) != sorted(set(loads)) or not 0 < loads[0] <= loads[-1] < 1:
        raise InputError(f"loads are {loads!r}; expected shares over 0 and under 1, rising.")
    timed = one_gpu_fit(fleet, calibration)
    full_per_s = full_rate(workload, fleet, timed)
    points = tuple(
        LoadPoint(
            load,
            load * full_per_s,
            simulate(
                steady(workload, load * full_per_s),
                fleet,
                seed=seed,
                requests=requests,
                replications=replications,
                calibration=timed,
            ),
        )
        for load in loads
    )
    knee = max(points, key=lambda point: point.load / point.simulation.response["mean"].value)
    return LoadSweep(fleet, full_per_s, points, knee, _most_per_s(points))


def full_rate(
    workload: Workload, fleet: Fleet, calibration: Calibration | Fit | None = None
) -> float:
    """Return the requests a second that would keep every replica always at work.

    Raises:
        InputError: The workload does not say how requests arrive.
        MissingDataError: The calibration does not answer for a shape or batch.
    """
    demand = demand_of(workload)
    timed = fitted_for(fleet, calibration)
    service = service_times(timed, demand.mix, fleet.batching.max_batch)
    image_s = service.image_s(demand.image_shares)
    return fleet.replicas / (image_s * demand.images)


def steady(workload: Workload, requests_per_s: float) -> Workload:
    """Return the workload with arrivals of the same kind at another, even rate.

    Raises:
        InputError: Its arrivals have their own times: a trace, or a job by a deadline.
    """
    at_rate(demand_of(workload), requests_per_s)
    assert workload.arrivals is not None  # noqa: S101 - at_rate refuses a workload without
    arrivals = workload.arrivals.model_copy(
        update={"requests_per_s": requests_per_s, "hourly_weights": None}
    )
    return workload.model_copy(update={"arrivals": arrivals, "images_per_month": None})


def _most_per_s(points: tuple[LoadPoint, ...]) -> float | None:
    most = None
    for point in points:
        met = point.simulation.probability_met
        if met is None or met < MET:
            break
        most = point.requests_per_s
    return most
