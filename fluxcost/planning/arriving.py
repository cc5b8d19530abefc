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
from fluxcost.capacity.least import OverObjectiveError, Sizing
from fluxcost.capacity.service import service_of
from fluxcost.capacity.serving import Serving
from fluxcost.errors import FluxcostError, InputError
from fluxcost.planning.paces import Pace
from fluxcost.planning.plans import Rejected, parted
from fluxcost.units import counted
from fluxcost.workload import Workload

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


class Sizes(Protocol):
    """What counts the replicas of one stack and batch."""

    @property
    def batching(self) -> Batching:
        """How images are joined into calls."""

    @property
    def by_theory(self) -> int:
        """The fewest replicas by theory."""


Kind = TypeVar("Kind", bound=Sizes)


@dataclass(frozen=True, eq=False)
class Crew(Generic[Kind]):
    """A pace with as many replicas as the objective takes."""

    pace: Pace
    sizing: Kind
    serving: Serving


@dataclass(frozen=True, eq=False)
class Candidate(Generic[Kind]):
    """A pace whose replicas theory has counted."""

    pace: Pace
    sizing: Kind
    replicas: int

    @property
    def name(self) -> str:
        """What it is called among rejected ones."""
        return _name(self.pace, self.sizing.batching)


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
) -> Iterator[Crew[Sizing] | Rejected]:
    """Yield the fleets that can be cheapest on their GPU type, and why the others cannot.

    Args:
        workload: With arrivals and an objective.
        demand: The workload's.
        paces: Stacks and batches to choose from.
        simulate: Whether the simulator decides; else theory alone answers.
        seed: Of the simulation.
    """

    def sizing(pace: Pace) -> Sizing:
        return Sizing(
            workload,
            demand,
            service_of(pace.fit, demand.mix, pace.batch),
            calibration=pace.calibration,
            batching=Batching(max_batch=pace.batch),
            seed=seed,
        )

    found, never = parted(
        crews_among(paces, sizing, Sizing.simulated if simulate else Sizing.theoretical)
    )
    yield from never
    yield from found
    if simulate:
        yield from _held_back(found)


def _held_back(crews: Sequence[Crew[Sizing]]) -> Iterator[Crew[Sizing]]:
    """Yield the crews that need fewer replicas than any other on their GPU type by waiting."""
    fewest: dict[str, int] = {}
    for crew in crews:
        replicas = crew.serving.fleet.replicas
        fewest[crew.pace.gpu] = min(replicas, fewest.get(crew.pace.gpu, replicas))
    for crew in crews:
        for sizing in _waiting(crew.sizing):
            serving = sizing.under(fewest[crew.pace.gpu])
            if serving is not None:
                fewest[crew.pace.gpu] = serving.fleet.replicas
                yield Crew(crew.pace, sizing, serving)


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


def crews_among(
    paces: Iterable[Pace], sizing: Callable[[Pace], Kind], answer: Callable[[Kind], Serving]
) -> Iterator[Crew[Kind] | Rejected]:
    """Yield the fleets that can be cheapest on their GPU type, and why the others cannot.

    Args:
        paces: Stacks and batches to choose from.
        sizing: What counts the replicas of a pace.
        answer: How many they are and how they serve.
    """
    candidates, hopeless = parted(_candidate(pace, sizing) for pace in paces)
    yield from hopeless
    by_gpu = sorted(candidates, key=lambda one: one.pace.gpu)
    for _, rivals in itertools.groupby(by_gpu, key=lambda one: one.pace.gpu):
        yield from _contest(sorted(rivals, key=_promise), answer)


def _promise(candidate: Candidate[Kind]) -> tuple[int, int, int]:
    # At the same count, what was measured better and makes nobody wait for company comes first.
    return candidate.replicas, candidate.pace.source.rank, candidate.pace.batch


def _candidate(pace: Pace, sizing: Callable[[Pace], Kind]) -> Candidate[Kind] | Rejected:
    name = _name(pace, Batching(max_batch=pace.batch))
    try:
        made = sizing(pace)
        return Candidate(pace, made, made.by_theory)
    except OverObjectiveError as error:
        return Rejected(name, "objective", str(error), error.over)
    except FluxcostError as error:
        return Rejected(name, "timing", str(error))


def _name(pace: Pace, batching: Batching) -> str:
    together = pace.fit.gpus_per_image
    return f"{pace.calibration}{f', {together} GPUs an image' if together > 1 else ''}, {batching}"


def _contest(
    candidates: Sequence[Candidate[Kind]], answer: Callable[[Kind], Serving]
) -> Iterator[Crew[Kind] | Rejected]:
    """Yield what can be cheapest among the candidates of one GPU type, most promising first."""
    chosen: list[Crew[Kind]] = []
    for candidate in candidates:
        fewest = min((crew.serving.fleet.replicas for crew in chosen), default=None)
        most = MUCH if len(chosen) >= FINALISTS else NEAR
        if fewest is not None and candidate.replicas > most * fewest:
            needed = counted(candidate.replicas, "replica")
            reason = (
                f"about {needed} by theory, where {fewest} of another stack or batch on the same "
                "GPU do."
            )
            yield Rejected(candidate.name, "replicas", reason)
            continue
        try:
            serving = answer(candidate.sizing)
        except FluxcostError as error:
            yield Rejected(candidate.name, "objective", str(error))
            continue
        chosen.append(Crew(candidate.pace, candidate.sizing, serving))
        yield chosen[-1]
