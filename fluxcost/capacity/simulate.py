"""simulate(workload, fleet): how long requests wait and how busy replicas are, with intervals."""

from __future__ import annotations

import functools
import math
from typing import Protocol

import numpy as np

from fluxcost.capacity.cold_start import measured_cold_start_s, startup_s
from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.results import RequestClassResult, Simulation
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.simulator.engine import REQUESTS, SimulatedRun, Trial
from fluxcost.capacity.simulator.histogram import percentile_of
from fluxcost.capacity.simulator.monte_carlo import TimingDraws
from fluxcost.capacity.stability import longest_queue, stability_of
from fluxcost.checks import refuse_outside
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.scaling.context_parallel import AnyFit
from fluxcost.workload.constraints import Objective
from fluxcost.workload.workload import Workload

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
"""Percentiles of response time that every answer gives, beside the objective's own."""

REPLICATIONS = 10

MOST_REPLICATIONS = 1000

MOST_REQUESTS = 10**8
"""Of one replication: some seconds on one core, and more digits than any timing has."""

JOB_PERCENTILE = 99.99
"""Of a job's images, which must be ready by the deadline."""


class HasFleet(Protocol):
    """What names a fleet, such as a plan that rents one."""

    @property
    def fleet(self) -> Fleet:
        """The fleet."""


def simulate(
    workload: Workload,
    fleet: Fleet | HasFleet,
    *,
    seed: int = 0,
    requests: int = REQUESTS,
    replications: int = REPLICATIONS,
    within_s: float | None = None,
    calibration: Calibration | Fit | None = None,
) -> Simulation:
    """Serve a workload's requests on a fleet, several times over.

    Args:
        workload: With `arrivals`, or a deadline whose images are all there at once.
        fleet: Replicas, their timings and batching, or a plan that rents them.
        seed: Of arrivals and of the spread of calls.
        requests: Counted in one replication; a trace or a job has its own number.
        replications: Runs with their own arrivals; at least 2.
        within_s: Bound of the goodput, seconds; the objective's unless given.
        calibration: Timings, fitted already or not; the shipped ones that the fleet names unless
            given.

    Raises:
        InputError: A count or bound is out of range, or the workload does not say how requests
            arrive.
        MissingDataError: The calibration does not answer for a shape or batch, or replicas come and
            go, no cold start is stated and the calibration measured none.
        UnknownNameError: No shipped calibration has the fleet's name.
        InfeasibleError: Replicas fail sooner than a call ends, or no request is ever answered.
    """
    refuse_outside("requests", requests, 100, MOST_REQUESTS)
    refuse_outside("replications", replications, 2, MOST_REPLICATIONS)
    _refuse_bound(within_s)
    fleet = fleet if isinstance(fleet, Fleet) else fleet.fleet
    fitted = fitted_for(fleet, calibration)
    fleet = with_cold_start(fleet, fitted.calibration)
    demand = demand_of(workload)
    if demand.requests is not None:
        refuse_outside(f"{workload.name}: the number of images", demand.requests, 1, MOST_REQUESTS)
    service = service_times(fitted, demand.mix, fleet.batching.max_batch)
    ready_s = startup_s(workload, fitted.calibration)[0] if workload.deadline else 0.0
    trial = Trial(demand, service, fleet, seed, requests, ready_s)
    return simulate_trial(workload, trial, replications, within_s)


def with_cold_start(fleet: Fleet, calibration: Calibration) -> Fleet:
    """Return the fleet with its cold start stated: its own, else the measured one.

    Raises:
        MissingDataError: None is stated where replicas come and go, and none was measured with such
            a compile cache.
    """
    scaling = fleet.scaling
    if scaling is None or scaling.cold_start_s is not None:
        return fleet
    cold_start_s = measured_cold_start_s(calibration, scaling.compile_cache)
    stated = scaling.model_copy(update={"cold_start_s": cold_start_s})
    return fleet.model_copy(update={"scaling": stated})


def fitted_for(fleet: Fleet, calibration: Calibration | Fit | None) -> AnyFit:
    """Return the timings of a fleet's calls, those given or else the shipped ones it names.

    Raises:
        UnknownNameError: No shipped calibration has the fleet's name.
        MissingDataError: So many GPUs as make each image never did together.
    """
    one_gpu = one_gpu_fit(fleet, calibration)
    return one_gpu if fleet.gpus_per_image == 1 else one_gpu.context_parallel(fleet.gpus_per_image)


def one_gpu_fit(fleet: Fleet, calibration: Calibration | Fit | None) -> Fit:
    """Return the timings given, fitted, or else the shipped ones that the fleet names.

    Raises:
        UnknownNameError: No shipped calibration has the fleet's name.
    """
    if isinstance(calibration, Fit):
        return calibration
    return fit(calibration) if calibration is not None else _shipped_fit(fleet.calibration)


@functools.cache
def _shipped_fit(name: str) -> Fit:
    return fit(load_calibration(name))


def simulate_trial(
    workload: Workload,
    trial: Trial,
    replications: int = REPLICATIONS,
    within_s: float | None = None,
) -> Simulation:
    """Run a trial several times over and return what happened; see `simulate`.

    Raises:
        InfeasibleError: Replicas fail sooner than a call ends, or no request is ever answered.
    """
    _refuse_calls_that_never_end(trial)
    runs = [trial.run(index) for index in range(replications)]
    verdict, reason, load = stability_of(trial, runs)
    draws = TimingDraws(trial, runs)
    objective = _objective(workload)
    if within_s is None and objective is not None:
        within_s = objective.within_s
    asked = sorted({*PERCENTILES, *([objective.rank] if objective else [])})
    response = {"mean": draws.estimate(lambda run: run.mean_s, "s", "mean")}
    response |= {_name(percentile): draws.percentile(percentile) for percentile in asked}
    if objective is not None and objective.counts_all:
        response[objective.label] = draws.judged(objective)
    return Simulation(
        workload=workload.name,
        fleet=trial.fleet,
        seed=trial.seed,
        replications=replications,
        requests=sum(run.arrived for run in runs),
        warm_up=trial.warm_up,
        verdict=verdict,
        reason=reason,
        load=load,
        response=response,
        within_s=within_s,
        goodput=_goodput(draws, within_s),
        wait=draws.estimate(lambda run: run.wait_s, "s", "wait"),
        utilization=draws.share(utilization, "utilization"),
        queue_length=draws.estimate(functools.partial(_queue, trial), "images", "queue"),
        longest_queue=round(max(longest_queue(trial, run) for run in runs)),
        lost=draws.lost,
        images_lost=sum(run.images_lost for run in runs),
        images_per_call=draws.estimate(lambda run: run.images / run.calls, "images", "batch"),
        replicas_rented=draws.estimate(rented, "replicas", "rented"),
        starts=sum(run.starts for run in runs),
        calls_cut_short=sum(run.cut_short for run in runs),
        probability_met=draws.probability(objective, load) if objective else None,
        lines=_lines(trial, runs, asked),
    )


def _refuse_calls_that_never_end(trial: Trial) -> None:
    failures = trial.fleet.failures
    call_s = float(trial.service.occupancy_s.max())
    if failures is not None and failures.between_failures_s < call_s:
        raise InfeasibleError(
            f"failures.between_failures_s is {failures.between_failures_s:g}, less than the "
            f"{call_s:.3g} s a call takes; expected more: hardly a call would end."
        )


def _goodput(draws: TimingDraws, within_s: float | None) -> Estimate | None:
    if within_s is None:
        return None
    return draws.share(
        functools.partial(SimulatedRun.share_within, seconds=within_s), f"in {within_s:g}"
    )


def _objective(workload: Workload) -> Objective | None:
    if workload.deadline is None:
        return workload.objective
    return Objective(percentile=JOB_PERCENTILE, within_s=workload.deadline.hours * 3600)


def utilization(run: SimulatedRun) -> float:
    """Return the share of rented replica time that calls took."""
    return min(1.0, run.busy_s / run.rented_s)


def rented(run: SimulatedRun) -> float:
    """Return the mean number of replicas kept."""
    return run.rented_s / max(run.span_s + run.left_s, 1e-9)


def _queue(trial: Trial, run: SimulatedRun) -> float:
    """Return the mean images waiting, by Little's law."""
    waited_s = run.wait_s * (run.arrived - run.lost) * trial.demand.images
    return waited_s / max(run.span_s + run.left_s, 1e-9)


def _name(percentile: float) -> str:
    return f"p{percentile:g}"


def _lines(
    trial: Trial, runs: list[SimulatedRun], asked: list[float]
) -> tuple[RequestClassResult, ...]:
    counts = np.sum([run.histograms for run in runs], axis=0)
    return tuple(
        RequestClassResult(
            shape=str(line.shape),
            priority=line.priority,
            requests=int(counts[index].sum()),
            response_s={_name(each): percentile_of(counts[index], each) for each in asked},
        )
        for index, line in enumerate(trial.demand.lines)
        if counts[index].any()
    )


def _refuse_bound(value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise InputError(f"within_s is {value!r}; expected a finite number of seconds over 0.")
