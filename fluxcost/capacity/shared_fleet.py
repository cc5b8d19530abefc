"""Several workloads on one fleet: requests come merged, each objective is judged on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from fluxcost.capacity.arrivals import Merged, Stream
from fluxcost.capacity.demand import Demand, RequestClass, demand_of
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.results import Served, Stability
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.simulate import REPLICATIONS, fitted_for, utilization
from fluxcost.capacity.simulator.engine import REQUESTS, SimulatedRun, Trial
from fluxcost.capacity.simulator.monte_carlo import TimingDraws
from fluxcost.capacity.stability import stability_of
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.records import plain
from fluxcost.workload.constraints import Objective
from fluxcost.workload.workload import Workload


@dataclass(frozen=True, eq=False)
class Party:
    """One of several workloads.

    Attributes:
        name: Of the workload.
        objective: What it asks.
        lines: Its own among those of all.
        share: Of the requests of all.
    """

    name: str
    objective: Objective
    lines: slice
    share: float


@dataclass(frozen=True, eq=False)
class SharedDemand:
    """Several workloads as one demand.

    Attributes:
        demand: Of all.
        parties: Each workload, in order.
    """

    demand: Demand
    parties: tuple[Party, ...]


@dataclass(frozen=True, eq=False)
class SharedSimulation:
    """What happened to several workloads on one fleet.

    Attributes:
        fleet: What served them.
        seed: The same seed gives the same result.
        replications: Runs at the central timings, each with its own arrivals.
        verdict: On the fleet: stable, backlogged or overloaded.
        reason: The rule behind the verdict, with its numbers.
        load: Work that arrives over what the replicas can do in full calls.
        utilization: Share of replica time that calls take.
        shared: Each workload, in the order given.
    """

    fleet: Fleet
    seed: int
    replications: int
    verdict: Stability
    reason: str
    load: float
    utilization: Estimate
    shared: tuple[Served, ...]

    @property
    def least_sure(self) -> Served:
        """The workload whose objective is met least surely, the first of several."""
        return min(self.shared, key=lambda served: served.probability_met)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}


def shared_demand(workloads: Sequence[Workload]) -> SharedDemand:
    """Return several workloads as one demand; their profiles begin at the same hour.

    The parties are in the order given; their lines are in that of their names, so that a seed gives
    each the same answer whoever is named first.

    Raises:
        InputError: They are fewer than two, of several models or of one name, or one of them cannot
            be judged beside others.
    """
    _refuse_unlike(workloads)
    by_name = sorted(workloads, key=lambda workload: workload.name)
    demands = [demand_of(workload) for workload in by_name]
    streams = [demand.arrivals for demand in demands if isinstance(demand.arrivals, Stream)]
    merged = Merged(tuple(streams))
    lines: list[RequestClass] = []
    parties: dict[str, Party] = {}
    for workload, demand, stream in zip(by_name, demands, streams, strict=True):
        share = stream.rate_per_s / merged.rate_per_s
        own = [
            RequestClass(line.shape, line.priority, line.share * share, line.images)
            for line in demand.lines
        ]
        assert workload.objective is not None  # noqa: S101 - those without are refused
        place = slice(len(lines), len(lines) + len(own))
        parties[workload.name] = Party(workload.name, workload.objective, place, share)
        lines += own
    return SharedDemand(
        Demand(tuple(lines), merged.rate_per_s, merged, None),
        tuple(parties[workload.name] for workload in workloads),
    )


def simulate_shared(
    workloads: Sequence[Workload],
    fleet: Fleet,
    *,
    seed: int = 0,
    requests: int = REQUESTS,
    replications: int = REPLICATIONS,
    calibration: Calibration | Fit | None = None,
) -> SharedSimulation:
    """Serve the requests of several workloads on one fleet, several times over.

    Requests of one shape and priority share calls, whoever asks; a workload's `priority` counts
    against those of the others.

    Args:
        workloads: Two or more of one model, each with arrivals at a rate and an objective.
        fleet: Replicas that are kept, their timings and batching.
        seed: Of arrivals and of the spread of calls.
        requests: Counted in one replication, over all workloads.
        replications: Runs with their own arrivals; at least 2.
        calibration: Timings, fitted already or not; the shipped ones that the fleet names unless
            given.

    Raises:
        InputError: The workloads cannot share, or the fleet turns requests away, fails or comes and
            goes.
        MissingDataError: The calibration does not answer for a shape or batch.
        UnknownNameError: No shipped calibration has the fleet's name.
    """
    if fleet.queue_limit is not None or fleet.scaling or fleet.failures or fleet.reserve:
        raise InputError(
            "the fleet has a queue_limit, scaling, failures or a reserve; expected replicas that "
            "are kept and a queue without limit, where several workloads share it."
        )
    all_of_them = shared_demand(workloads)
    mix = all_of_them.demand.mix
    service = service_times(fitted_for(fleet, calibration), mix, fleet.batching.max_batch)
    trial = Trial(all_of_them.demand, service, fleet, seed, requests)
    return answer_shared(all_of_them, trial, replications)


def answer_shared(
    all_of_them: SharedDemand, trial: Trial, replications: int = REPLICATIONS
) -> SharedSimulation:
    """Run a trial of several workloads and return what each of them saw."""
    runs = [trial.run(index) for index in range(replications)]
    verdict, reason, load = stability_of(trial, runs)
    draws = TimingDraws(trial, runs)
    return SharedSimulation(
        fleet=trial.fleet,
        seed=trial.seed,
        replications=replications,
        verdict=verdict,
        reason=reason,
        load=load,
        utilization=draws.share(utilization, "utilization"),
        shared=tuple(_served(party, draws, load) for party in all_of_them.parties),
    )


def _served(party: Party, draws: TimingDraws, load: float) -> Served:
    def spent(run: SimulatedRun) -> float:
        return float(run.spent_s[party.lines].sum() / run.spent_s.sum())

    own = draws.part(party.lines, party.name)
    within_s = party.objective.within_s
    return Served(
        workload=party.name,
        objective=party.objective,
        requests=sum(run.arrived for run in own.runs),
        response=own.judged(party.objective),
        goodput=own.share(lambda run: run.share_within(within_s), f"in {within_s:g}"),
        probability_met=own.probability(party.objective, load),
        gpu_share=draws.share(spent, f"{party.name}/spent"),
    )


def _refuse_unlike(workloads: Sequence[Workload]) -> None:
    if len(workloads) < 2:
        raise InputError(f"{len(workloads)} workload is given; expected two or more to share.")
    names = [workload.name for workload in workloads]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{twice[0]}: the name of two workloads; expected names that differ.")
    models = {workload.model for workload in workloads}
    if len(models) > 1:
        raise InputError(
            f"the workloads are of {' and '.join(sorted(models))}; expected one model: a replica "
            "holds the weights of one."
        )
    for workload in workloads:
        if reason := _unfit(workload):
            raise InputError(f"{workload.name}: {reason}")


def _unfit(workload: Workload) -> str | None:
    """Return why a workload cannot share a fleet, if so."""
    if workload.arrivals is None or workload.objective is None:
        return "no arrivals and objective, by which a shared fleet is judged; add both."
    if workload.arrivals.trace is not None:
        return "a trace has its own times, which no other workload has; state a rate to share."
    if workload.objective.may_reject:
        return "may_reject turns requests away, which a shared fleet does not; leave it out."
    if workload.quality is not None:
        return "quality chooses among models; plan it alone, then share with the model chosen."
    return None
