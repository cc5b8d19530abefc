"""Whether a fleet keeps up: stable, backlogged or overloaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fluxcost.capacity.results import Stability
from fluxcost.capacity.simulator.engine import SimulatedRun, Trial
from fluxcost.units import percent, seconds, significant

OVERLOADED_LEFT = 0.05
"""Share of the run's length that clearing the backlog takes, from which a fleet is overloaded."""

NEVER_IDLE = 0.005
"""Share of their time that replicas are idle, under which a fleet has no room left."""

BACKLOGGED = 0.01
"""Share of the run's length that the longest queue takes to clear, from which it is backlogged."""

CROWD = 20
"""Images per replica that must wait besides: a short run's chance crowd is no backlog."""


def stability_of(trial: Trial, runs: Iterable[SimulatedRun]) -> tuple[Stability, str, float]:
    """Return the verdict on runs, the rule behind it, and the load.

    Overloaded, any of: as much work arrives as the replicas can do in full calls; clearing what is
    left after the last arrival takes 5 % of the run or longer; the replicas, all of them rented,
    are idle less than 0.5 % of the time. The last two see what full calls do not: calls that stay
    small because of priorities, or that failures make anew. Backlogged: not overloaded, but the
    longest queue takes 1 % of the run to clear. Else stable, as where a short run's queue is within
    20 images a replica. A job is there at once: it is a backlog by design, judged by its deadline
    alone.
    """
    runs = list(runs)
    if trial.demand.rate_per_s is None:
        end_s = _mean([run.left_s for run in runs])
        return "stable", f"a job, all there at once, done after {seconds(end_s)}.", 0.0
    load = trial.load(_mean([run.span_s for run in runs]))
    arrives = f"{percent(load)} of what the replicas can do arrives."
    if load >= 1:
        return "overloaded", arrives, load
    return *(_backlog(trial, runs) or ("stable", arrives)), load


def _backlog(trial: Trial, runs: Sequence[SimulatedRun]) -> tuple[Stability, str] | None:
    """Return the verdict on what waited where less arrives than can be done; None if it is fine."""
    span_s = _mean([run.span_s for run in runs])
    left_s = _mean([run.left_s for run in runs])
    if left_s >= max(OVERLOADED_LEFT * span_s, CROWD * trial.image_s):
        return "overloaded", f"clearing what is left takes {percent(left_s / span_s)} more."
    longest = _mean([longest_queue(trial, run) for run in runs])
    if longest < CROWD * trial.fleet.serving:
        return None
    idle = _mean([_idle(trial, run) for run in runs])
    if idle < NEVER_IDLE:
        return "overloaded", f"the replicas are idle only {percent(idle)} of the time."
    clear_s = longest * trial.image_s / trial.replicas_up
    if clear_s >= BACKLOGGED * span_s:
        waits = f"up to {significant(longest)} images wait"
        return "backlogged", f"{waits}, which takes {seconds(clear_s)} to clear."
    return None


def longest_queue(trial: Trial, run: SimulatedRun) -> float:
    """Return the most images that waited; served in order, as many as the slowest wait serves."""
    if run.longest_queue:
        return float(run.longest_queue)
    slowest_wait_s = max(0.0, run.percentile_s(100) - float(trial.service.latency_s.min()))
    return slowest_wait_s * trial.fleet.serving / trial.image_s


def _idle(trial: Trial, run: SimulatedRun) -> float:
    """Return the share of their time that replicas are idle or not rented."""
    most_s = trial.fleet.serving * run.span_s
    not_rented_s = max(0.0, most_s - run.rented_s) if trial.fleet.scaling is not None else 0.0
    return (run.idle_s + not_rented_s) / most_s


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
