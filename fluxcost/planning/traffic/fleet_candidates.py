"""Fleets for requests that come in one by one: sized once per stack and batch, whatever the offer.

How many replicas an objective takes depends on the timings and not on who rents out the GPU, so it
is found once. Among the stacks and batches of one GPU type only those that need the fewest replicas
can be cheapest, at any price; theory picks them and the simulator decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from fluxcost.capacity.demand import Demand, demand_of
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.results import Serving
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.sizing import OverObjectiveError, Sizing
from fluxcost.errors import FluxcostError, InputError
from fluxcost.planning.candidates import ServiceTime
from fluxcost.planning.plans import Rejected, split_rejected
from fluxcost.units import counted
from fluxcost.workload.workload import Workload

FINALISTS = 3
"""Stacks and batches simulated for each GPU type, while one of them can serve and none of the
others promises much."""

MUCH = 0.9
"""Replicas by theory over the fewest by simulation, under which one more is simulated: theory knows
the best batch of a fleet and not the one it falls into, so a large batch may turn out worse."""

NEAR = 1.1
"""Replicas by theory over the fewest by simulation, up to which a candidate is simulated."""


PAYS = 0.8
"""Seconds of an image in a full call over those of a call alone, up to which waiting is tried.

Waiting for company never saved a replica where calls gain less: at 512x512 in none of 64 cases with
a stack whose full calls take 0.90 of it, in 10 of 128 with stacks whose full calls take 0.44 and
0.61.
"""

WAITS = (1 / 16, 1 / 3)
"""Waits for company that are tried, over the seconds of a call of one image."""


class FleetSizer(Protocol):
    """What counts the replicas of one stack and batch."""

    @property
    def batching(self) -> Batching:
        """How images are joined into calls."""

    @property
    def by_theory(self) -> int:
        """The fewest replicas by theory."""


Sizer = TypeVar("Sizer", bound=FleetSizer)


@dataclass(frozen=True, eq=False)
class FleetCandidate(Generic[Sizer]):
    """A service time with as many replicas as the objective takes."""

    timing: ServiceTime
    sizing: Sizer
    serving: Serving


@dataclass(frozen=True, eq=False)
class SizedByTheory(Generic[Sizer]):
    """A service time whose replicas queueing theory has counted."""

    timing: ServiceTime
    sizing: Sizer
    replicas: int

    @property
    def name(self) -> str:
        """What it is called among rejected ones."""
        return _name(self.timing, self.sizing.batching)


def demand_with_objective(workload: Workload) -> Demand:
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


def fleet_candidates(
    workload: Workload, demand: Demand, timings: Iterable[ServiceTime], *, simulate: bool, seed: int
) -> Iterator[FleetCandidate[Sizing] | Rejected]:
    """Yield the fleets that can be cheapest on their GPU type, and why the others cannot.

    Args:
        workload: With arrivals and an objective.
        demand: The workload's.
        timings: Stacks and batches to choose from.
        simulate: Whether the simulator decides; else theory alone answers.
        seed: Of the simulation.
    """

    def sizing(timing: ServiceTime) -> Sizing:
        return Sizing(
            workload,
            demand,
            service_times(timing.fit, demand.mix, timing.batch),
            calibration=timing.calibration,
            batching=Batching(max_batch=timing.batch),
            seed=seed,
        )

    found, never = split_rejected(
        fleet_candidates_among(
            timings, sizing, Sizing.simulated if simulate else Sizing.theoretical
        )
    )
    yield from never
    yield from found
    if simulate:
        yield from _held_back(found)


def _held_back(candidates: Sequence[FleetCandidate[Sizing]]) -> Iterator[FleetCandidate[Sizing]]:
    """Yield the candidates that need fewer replicas than any other on their GPU type by waiting."""
    fewest: dict[str, int] = {}
    for candidate in candidates:
        replicas = candidate.serving.fleet.replicas
        fewest[candidate.timing.gpu] = min(replicas, fewest.get(candidate.timing.gpu, replicas))
    for candidate in candidates:
        for sizing in _waiting(candidate.sizing):
            serving = sizing.under(fewest[candidate.timing.gpu])
            if serving is not None:
                fewest[candidate.timing.gpu] = serving.fleet.replicas
                yield FleetCandidate(candidate.timing, sizing, serving)


def _waiting(sizing: Sizing) -> Iterator[Sizing]:
    """Yield sizings that hold requests back for company, where full calls pay enough for it."""
    occupancy_s = sizing.service.occupancy_s
    alone_s = float(np.dot(sizing.demand.image_shares, occupancy_s[:, 0]))
    if sizing.service.image_s(sizing.demand.image_shares) > PAYS * alone_s:
        return
    for share in WAITS:
        batching = sizing.batching.model_copy(update={"max_wait_s": round(share * alone_s, 3)})
        yield Sizing(
            sizing.workload,
            sizing.demand,
            sizing.service,
            calibration=sizing.calibration,
            batching=batching,
            seed=sizing.seed,
        )


def fleet_candidates_among(
    timings: Iterable[ServiceTime],
    sizing: Callable[[ServiceTime], Sizer],
    answer: Callable[[Sizer], Serving],
) -> Iterator[FleetCandidate[Sizer] | Rejected]:
    """Yield the fleets that can be cheapest on their GPU type, and why the others cannot.

    Args:
        timings: Stacks and batches to choose from.
        sizing: What counts the replicas of a timing.
        answer: How many they are and how they serve.
    """
    sized, hopeless = split_rejected(_candidate(timing, sizing) for timing in timings)
    yield from hopeless
    by_gpu = sorted(sized, key=lambda one: one.timing.gpu)
    for _, rivals in itertools.groupby(by_gpu, key=lambda one: one.timing.gpu):
        yield from _contest(sorted(rivals, key=_promise), answer)


def _promise(sized: SizedByTheory[Sizer]) -> tuple[int, int, int]:
    # At the same count, what was measured better and makes nobody wait for company comes first.
    return sized.replicas, sized.timing.source.rank, sized.timing.batch


def _candidate(
    timing: ServiceTime, sizing: Callable[[ServiceTime], Sizer]
) -> SizedByTheory[Sizer] | Rejected:
    name = _name(timing, Batching(max_batch=timing.batch))
    try:
        made = sizing(timing)
        return SizedByTheory(timing, made, made.by_theory)
    except OverObjectiveError as error:
        return Rejected(name, "objective", str(error), error.over)
    except FluxcostError as error:
        return Rejected(name, "timing", str(error))


def _name(timing: ServiceTime, batching: Batching) -> str:
    together = timing.fit.gpus_per_image
    return (
        f"{timing.calibration}{f', {together} GPUs an image' if together > 1 else ''}, {batching}"
    )


def _contest(
    sized: Sequence[SizedByTheory[Sizer]], answer: Callable[[Sizer], Serving]
) -> Iterator[FleetCandidate[Sizer] | Rejected]:
    """Yield the fleets of one GPU type that can be cheapest, most promising first."""
    chosen: list[FleetCandidate[Sizer]] = []
    for each in sized:
        fewest = min((candidate.serving.fleet.replicas for candidate in chosen), default=None)
        most = MUCH if len(chosen) >= FINALISTS else NEAR
        if fewest is not None and each.replicas > most * fewest:
            needed = counted(each.replicas, "replica")
            reason = (
                f"about {needed} by theory, where {fewest} of another stack or batch on the same "
                "GPU do."
            )
            yield Rejected(each.name, "replicas", reason)
            continue
        try:
            serving = answer(each.sizing)
        except FluxcostError as error:
            yield Rejected(each.name, "objective", str(error))
            continue
        chosen.append(FleetCandidate(each.timing, each.sizing, serving))
        yield chosen[-1]
