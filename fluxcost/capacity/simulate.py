"""simulate(workload, fleet): how long requests wait and how busy replicas are, with intervals."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fluxcost.capacity.demand import Demand, demand_of
from fluxcost.capacity.engine import Rules, Run, run_once
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.service import Service, service_of
from fluxcost.errors import InputError
from fluxcost.estimate import DRAWS, LEVEL, Draws, Estimate, standard_normal
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.exact import NORMAL_90
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.library import load_calibration
from fluxcost.units import percent, seconds, significant
from fluxcost.workload import Objective, Workload

Verdict = Literal["stable", "backlogged", "overloaded"]

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
"""Percentiles of response time that every answer gives, beside the objective's own."""

REQUESTS = 50_000
"""Requests counted in one replication."""

REPLICATIONS = 10

WARM_UP = 0.2
"""Requests served before any counts, over those that count; a replay or a job has none."""

WORLDS = (0.02, 0.2, 0.8, 0.98)
"""Quantiles of the timing error simulated beside the central timings; between them it is drawn."""

REPLICATIONS_A_WORLD = 3

OVERLOADED_LEFT = 0.05
"""Share of the run's length that clearing the backlog takes, from which a fleet is overloaded."""

BACKLOGGED = 0.01
"""Share of the run's length that the longest queue takes to clear, from which it is backlogged."""

BACKLOGGED_CALLS = 20
"""Images per replica that must wait besides: a short run's chance crowd is no backlog."""


@dataclass(frozen=True, eq=False)
class LineResult:
    """What one shape and priority saw, at the central timings.

    Attributes:
        shape: Such as "1024x1024, 4 steps".
        priority: 0 is served first.
        requests: Requests counted, over all replications.
        response_s: Percentile, such as "p95", to seconds.
    """

    shape: str
    priority: int
    requests: int
    response_s: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the line as plain values."""
        return {
            "shape": self.shape,
            "priority": self.priority,
            "requests": self.requests,
            "response_s": dict(self.response_s),
        }


@dataclass(frozen=True, eq=False)
class Simulation:
    """What happened to a workload on a fleet.

    Intervals hold the timing error of the calibration and the chance of the replications. Response
    is from a request's arrival to its last image; every request that came counts, also one answered
    after the last arrival. `lines` are at the central timings.

    Attributes:
        workload: Name.
        fleet: What served it.
        seed: The same seed gives the same result.
        replications: Runs at the central timings, each with its own arrivals.
        requests: Requests counted, over these runs.
        warm_up: Requests served before any counted, in each run.
        verdict: stable, backlogged or overloaded.
        reason: The rule behind the verdict, with its numbers.
        load: Work that arrives over what the replicas can do at their best batch.
        response: "mean", "p50", ... and the objective's percentile, seconds.
        wait: Mean seconds an image waits for its call.
        utilization: Share of rented replica time that calls take.
        queue_length: Mean images waiting.
        longest_queue: Most images that waited at once, in any run.
        lost: Share of requests turned away.
        images_per_call: Mean batch.
        replicas_rented: Mean replicas kept.
        probability_met: Share of timing worlds that meet the objective; None without one.
        lines: Each shape and priority apart.
    """

    workload: str
    fleet: Fleet
    seed: int
    replications: int
    requests: int
    warm_up: int
    verdict: Verdict
    reason: str
    load: float
    response: dict[str, Estimate]
    wait: Estimate
    utilization: Estimate
    queue_length: Estimate
    longest_queue: int
    lost: Estimate
    images_per_call: Estimate
    replicas_rented: Estimate
    probability_met: float | None
    lines: tuple[LineResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "workload": self.workload,
            "fleet": self.fleet.to_dict(),
            "seed": self.seed,
            "replications": self.replications,
            "requests": self.requests,
            "warm_up": self.warm_up,
            "verdict": self.verdict,
            "reason": self.reason,
            "load": self.load,
            "response": {name: each.to_dict() for name, each in self.response.items()},
            "wait": self.wait.to_dict(),
            "utilization": self.utilization.to_dict(),
            "queue_length": self.queue_length.to_dict(),
            "longest_queue": self.longest_queue,
            "lost": self.lost.to_dict(),
            "images_per_call": self.images_per_call.to_dict(),
            "replicas_rented": self.replicas_rented.to_dict(),
            "probability_met": self.probability_met,
            "lines": [line.to_dict() for line in self.lines],
        }


def simulate(
    workload: Workload,
    fleet: Fleet,
    *,
    seed: int = 0,
    requests: int = REQUESTS,
    replications: int = REPLICATIONS,
    calibration: Calibration | Fit | None = None,
) -> Simulation:
    """Serve a workload's requests on a fleet, several times over.

    Args:
        workload: With `arrivals`, or a deadline whose images are all there at once.
        fleet: Replicas, their timings and batching.
        seed: Of arrivals and of the spread of calls.
        requests: Counted in one replication; a trace or a job has its own number.
        replications: Runs with their own arrivals; at least 2.
        calibration: Timings, fitted already or not; the shipped ones that the fleet names unless
            given.

    Raises:
        InputError: A count is out of range, or the workload does not say how requests arrive.
        MissingDataError: The calibration does not answer for a shape or batch.
        UnknownNameError: No shipped calibration has the fleet's name.
    """
    _refuse_few("requests", requests, 100)
    _refuse_few("replications", replications, 2)
    _refuse_few("seed", seed, 0)
    demand = demand_of(workload)
    service = service_of(fitted_for(fleet, calibration), demand.mix, fleet.batching.max_batch)
    ready_s = (workload.startup_minutes or 0.0) * 60 if workload.deadline else 0.0
    trial = Trial(demand, service, fleet, seed, requests, ready_s)
    return _answer(workload, trial, replications)


def fitted_for(fleet: Fleet, calibration: Calibration | Fit | None) -> Fit:
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


@dataclass(frozen=True, eq=False)
class Trial:
    """A demand on a fleet, ready to be run.

    Attributes:
        demand: What asks.
        service: How long calls take, at every batch up to the fleet's.
        fleet: Who serves.
        seed: Of all runs.
        requests: Asked to count in one run.
        ready_s: When the replicas are first free.
    """

    demand: Demand
    service: Service
    fleet: Fleet
    seed: int = 0
    requests: int = REQUESTS
    ready_s: float = 0.0

    @property
    def warm_up(self) -> int:
        """Requests served before any counts."""
        return 0 if self.demand.requests is not None else round(self._length[1] * WARM_UP)

    @property
    def shares(self) -> tuple[float, ...]:
        """Each line's share of the requests."""
        return tuple(line.share for line in self.demand.lines)

    @property
    def image_s(self) -> float:
        """Least mean seconds of a replica an image takes."""
        return self.service.image_s(self.shares)

    def load(self, span_s: float) -> float:
        """Return the work that arrives over what the replicas can do at their best batch."""
        images = self.demand.images * (self.demand.requests or 0)
        per_s = images / span_s if self.demand.rate_per_s is None else self._images_per_s
        return per_s * self.image_s / self.fleet.replicas

    def run(self, replication: int, factor: float = 1.0) -> Run:
        """Run once: the same replication sees the same arrivals, whatever the fleet and factor."""
        arrivals, requests = self._length
        return run_once(
            arrivals,
            requests,
            self.service,
            self._rules,
            seed=(self.seed, replication),
            factor=factor,
            warm_up=self.warm_up,
        )

    @property
    def _images_per_s(self) -> float:
        assert self.demand.rate_per_s is not None  # noqa: S101 - asked only where there is a rate
        return self.demand.rate_per_s * self.demand.images

    @functools.cached_property
    def _length(self) -> tuple[Any, int]:
        call_s = float(self.service.occupancy_s[:, -1].max())
        return self.demand.planned_requests(self.requests, call_s)

    @functools.cached_property
    def _rules(self) -> Rules:
        return Rules(
            replicas=self.fleet.replicas,
            batching=self.fleet.batching,
            images=self.demand.images,
            priorities=tuple(line.priority for line in self.demand.lines),
            queue_limit=self.fleet.queue_limit,
            scaling=self.fleet.scaling,
            ready_s=self.ready_s,
        )


def verdict_of(trial: Trial, runs: Iterable[Run]) -> tuple[Verdict, str, float]:
    """Return the verdict on runs, the rule behind it, and the load.

    Overloaded: as much work arrives as the replicas can do at their best batch; or clearing
    what is left after the last arrival takes 5 % of the run or longer. Backlogged: not overloaded,
    but the longest queue takes 1 % of the run to clear, and 20 images a replica or more. Else
    stable. A job is there at once: it is a backlog by design, judged by its deadline alone.
    """
    runs = list(runs)
    span_s = float(np.mean([run.span_s for run in runs]))
    if trial.demand.rate_per_s is None:
        end_s = float(np.mean([run.left_s for run in runs]))
        return "stable", f"a job, all there at once, done after {seconds(end_s)}.", 0.0
    load = trial.load(span_s)
    left = float(np.mean([run.left_s for run in runs])) / span_s
    if load >= 1:
        return "overloaded", f"{percent(load)} of what the replicas can do arrives.", load
    least_left_s = BACKLOGGED_CALLS * trial.image_s
    if left >= OVERLOADED_LEFT and left * span_s >= least_left_s:
        reason = f"clearing what is left takes {percent(left)} of the run."
        return "overloaded", reason, load
    longest = float(np.mean([_longest_queue(trial, run) for run in runs]))
    clear_s = longest * trial.image_s / trial.fleet.replicas
    crowd = BACKLOGGED_CALLS * trial.fleet.replicas
    if longest >= crowd and clear_s >= BACKLOGGED * span_s:
        reason = (
            f"up to {significant(longest)} images wait, which takes {seconds(clear_s)} to clear."
        )
        return "backlogged", reason, load
    return "stable", f"{percent(load)} of what the replicas can do arrives.", load


def _longest_queue(trial: Trial, run: Run) -> float:
    """Return the most images that waited; served in order, as many as the slowest wait serves."""
    if run.longest_queue:
        return float(run.longest_queue)
    slowest_wait_s = max(0.0, run.percentile_s(100) - float(trial.service.latency_s.min()))
    return slowest_wait_s * trial.fleet.replicas / trial.image_s


def _answer(workload: Workload, trial: Trial, replications: int) -> Simulation:
    runs = [trial.run(index) for index in range(replications)]
    verdict, reason, load = verdict_of(trial, runs)
    worlds = _Worlds(trial, runs)
    objective = _objective(workload)
    asked = {_name(p): p for p in (*PERCENTILES, *([objective.percentile] if objective else []))}
    response = {"mean": worlds.estimate(lambda run: run.mean_s, "s", "mean")}
    for name, percentile in sorted(asked.items(), key=lambda item: item[1]):
        response[name] = worlds.estimate(
            functools.partial(_percentile, percentile=percentile), "s", name
        )
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
        wait=worlds.estimate(lambda run: run.wait_s, "s", "wait"),
        utilization=worlds.estimate(utilization, "1", "utilization"),
        queue_length=worlds.estimate(functools.partial(_queue, trial), "images", "queue"),
        longest_queue=round(max(_longest_queue(trial, run) for run in runs)),
        lost=worlds.estimate(lambda run: run.lost / run.arrived, "1", "lost"),
        images_per_call=worlds.estimate(lambda run: run.images / run.calls, "images", "batch"),
        replicas_rented=worlds.estimate(rented, "replicas", "rented"),
        probability_met=worlds.probability(objective) if objective else None,
        lines=_lines(trial, runs, asked),
    )


def _objective(workload: Workload) -> Objective | None:
    if workload.deadline is None:
        return workload.objective
    return Objective(percentile=99.99, within_s=workload.deadline.hours * 3600)


def _percentile(run: Run, percentile: float) -> float:
    return run.percentile_s(percentile)


def utilization(run: Run) -> float:
    """Return the share of rented replica time that calls took."""
    return min(1.0, run.busy_s / run.rented_s)


def rented(run: Run) -> float:
    """Return the mean number of replicas kept."""
    return run.rented_s / max(run.span_s + run.left_s, 1e-9)


def _queue(trial: Trial, run: Run) -> float:
    """Return the mean images waiting, by Little's law."""
    waited_s = run.wait_s * (run.arrived - run.lost) * trial.demand.images
    return waited_s / max(run.span_s + run.left_s, 1e-9)


def _name(percentile: float) -> str:
    return f"p{percentile:g}"


def _lines(trial: Trial, runs: list[Run], asked: dict[str, float]) -> tuple[LineResult, ...]:
    counts = np.sum([run.histograms for run in runs], axis=0)
    pooled = Run(counts, *(0,) * 11)
    return tuple(
        LineResult(
            shape=str(line.shape),
            priority=line.priority,
            requests=int(counts[index].sum()),
            response_s={name: pooled.percentile_s(p, index) for name, p in asked.items()},
        )
        for index, line in enumerate(trial.demand.lines)
        if counts[index].any()
    )


class _Worlds:
    """Runs at the central timings and at quicker and slower ones, with the same arrivals."""

    def __init__(self, trial: Trial, runs: list[Run]) -> None:
        self.trial = trial
        self.runs = runs
        factors = trial.service.factors
        self.factors: Draws = np.ones(DRAWS) if factors is None else factors
        self.key = f"simulation/{trial.seed}"
        levels = [float(level) for level in np.quantile(self.factors, WORLDS)]
        if np.ptp(self.factors) == 0:
            levels = []
        few = range(min(REPLICATIONS_A_WORLD, len(runs)))
        found = {level: [trial.run(index, level) for index in few] for level in levels}
        self.levels = {level: found[level] for level in sorted(found)}

    def estimate(self, measure: Any, unit: str, name: str) -> Estimate:  # noqa: ANN401 - a function of a run
        """Return a number's mean over replications, with timing worlds and chance around it."""
        values = np.array([measure(run) for run in self.runs])
        value, error = float(values.mean()), _mean_error(values)
        noise = error * standard_normal(f"{self.key}/{name}")
        draws = np.maximum(0.0, value + self._shift(measure) + noise)
        return Estimate(value, unit, self.trial.service.source, self._evidence, draws)

    def probability(self, objective: Objective) -> float:
        """Return the share of timing worlds in which the objective is met."""

        def percentile_s(run: Run) -> float:
            return run.percentile_s(objective.percentile)

        slow = self.estimate(percentile_s, "s", _name(objective.percentile)).draws
        lost = self.estimate(lambda run: run.lost / run.arrived, "1", "lost").draws
        met = (slow <= objective.within_s) & (lost <= objective.may_reject + 1e-12)
        return float(np.mean(met))

    def _shift(self, measure: Any) -> Draws:  # noqa: ANN401 - a function of a run
        """Return how far each timing world moves a number, by the worlds that were run."""
        if not self.levels:
            return np.zeros(DRAWS)
        shared = next(iter(self.levels.values()))
        center = float(np.mean([measure(run) for run in self.runs[: len(shared)]]))
        moved = {
            level: float(np.mean([measure(run) for run in runs])) - center
            for level, runs in self.levels.items()
        } | {1.0: 0.0}
        at = sorted(moved)
        shift: Draws = np.interp(self.factors, at, [moved[level] for level in at])
        return shift

    @property
    def _evidence(self) -> tuple[str, ...]:
        runs = self.runs
        counted = f"{len(runs)} simulated runs of {runs[0].arrived:,} requests"
        return (f"{counted}, seed {self.trial.seed}", *self.trial.service.evidence)


def _mean_error(values: Draws) -> float:
    """Return the error of a mean over replications, such that 1.645 of it is Student's interval."""
    if np.ptp(values) == 0:
        return 0.0
    from scipy.special import stdtrit

    student = float(stdtrit(values.size - 1, (1 + LEVEL) / 2))
    return student / NORMAL_90 * float(values.std(ddof=1)) / math.sqrt(values.size)


def _refuse_few(field: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{field} is {value!r}; expected a whole number of at least {least}.")
