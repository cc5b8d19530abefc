"""Fleets for requests that come in one by one: sized once per stack and batch, whatever the offer.

How many replicas an objective takes depends on the timings and not on who rents out the GPU, so it
is found once. Among the stacks and batches of one GPU type only those that need the fewest replicas
can be cheapest, at any price; theory picks them and the simulator decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fluxcost.capacity.demand import Demand, demand_of
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.least import OverObjectiveError, Sizing
from fluxcost.capacity.service import service_of
from fluxcost.capacity.serving import Serving
from fluxcost.errors import FluxcostError, InputError
from fluxcost.planning.paces import Pace
from fluxcost.planning.plans import Rejected, parted
from fluxcost.units import counted
from fluxcost.workload import Workload

FINALISTS = 3
"""Stacks and batches simulated for each GPU type, at most, while one of them can serve."""

NEAR = 1.1
"""Replicas by theory over the fewest by simulation, up to which a candidate is simulated."""


@dataclass(frozen=True, eq=False)
class Crew:
    """A pace with as many replicas as the objective takes."""

    pace: Pace
    sizing: Sizing
    serving: Serving


def demanded(workload: Workload) -> Demand:
    """Return the demand of a workload with arrivals, which says when an answer is in time.

    Raises:
        InputError: It has no objective.
        DocumentError: Its trace cannot be used.
    """
    if workload.objective is None:
        raise InputError(
            f"{workload.name}: objective is missing beside arrivals; expected such as `objective: "
            "{percentile: 95, within_s: 2}`, for which GPUs are counted."
        )
    return demand_of(workload)


def crews_of(
    workload: Workload, demand: Demand, paces: Iterable[Pace], *, simulate: bool, seed: int
) -> Iterator[Crew | Rejected]:
    """Yield the fleets that can be cheapest on their GPU type, and why the others cannot.

    Args:
        workload: With arrivals and an objective.
        demand: The workload's.
        paces: Stacks and batches to choose from.
        simulate: Whether the simulator decides; else theory alone answers.
        seed: Of the simulation.
    """
    sizings, hopeless = parted(_sizing(workload, demand, pace, seed) for pace in paces)
    yield from hopeless
    by_gpu = sorted(sizings, key=lambda one: one.pace.gpu)
    for _, candidates in itertools.groupby(by_gpu, key=lambda one: one.pace.gpu):
        yield from _contest(sorted(candidates, key=_promise), simulate=simulate)


@dataclass(frozen=True, eq=False)
class _Candidate:
    pace: Pace
    sizing: Sizing
    replicas: int
    """By theory."""

    @property
    def name(self) -> str:
        return f"{self.pace.calibration}, {self.sizing.batching}"


def _promise(candidate: _Candidate) -> tuple[int, int, int]:
    # At the same count, what was measured better and makes nobody wait for company comes first.
    return candidate.replicas, candidate.pace.source.rank, candidate.pace.batch


def _sizing(workload: Workload, demand: Demand, pace: Pace, seed: int) -> _Candidate | Rejected:
    batching = Batching(max_batch=pace.batch)
    name = f"{pace.calibration}, {batching}"
    try:
        sizing = Sizing(
            workload,
            demand,
            service_of(pace.fit, demand.mix, pace.batch),
            calibration=pace.calibration,
            batching=batching,
            seed=seed,
        )
        return _Candidate(pace, sizing, sizing.by_theory)
    except OverObjectiveError as error:
        return Rejected(name, "objective", str(error), error.over)
    except FluxcostError as error:
        return Rejected(name, "timing", str(error))


def _contest(candidates: Sequence[_Candidate], *, simulate: bool) -> Iterator[Crew | Rejected]:
    """Yield what can be cheapest among the candidates of one GPU type, most promising first."""
    chosen: list[Crew] = []
    for candidate in candidates:
        fewest = min((crew.serving.fleet.replicas for crew in chosen), default=None)
        far = fewest is not None and candidate.replicas > NEAR * fewest
        if fewest is not None and (far or len(chosen) >= FINALISTS):
            needed = counted(candidate.replicas, "replica")
            reason = (
                f"about {needed} by theory, where {fewest} of another stack or batch on the same "
                "GPU do."
            )
            yield Rejected(candidate.name, "replicas", reason)
            continue
        try:
            sizing = candidate.sizing
            serving = sizing.simulated() if simulate else sizing.theoretical()
        except FluxcostError as error:
            yield Rejected(candidate.name, "objective", str(error))
            continue
        chosen.append(Crew(candidate.pace, sizing, serving))
        yield chosen[-1]
