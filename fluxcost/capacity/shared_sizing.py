"""The fewest replicas on which several workloads meet their objectives, each its own."""

from __future__ import annotations

import functools
import math

import numpy as np

from fluxcost.capacity.fleet import MOST_REPLICAS, Batching, Fleet, fewest_replicas
from fluxcost.capacity.queueing import QueueingModel
from fluxcost.capacity.results import Serving
from fluxcost.capacity.service_times import ServiceTimes
from fluxcost.capacity.shared_fleet import Party, SharedDemand, SharedSimulation, answer_shared
from fluxcost.capacity.simulator.engine import SimulatedRun, Trial
from fluxcost.capacity.sizing import (
    IMAGES,
    LATE_REQUESTS,
    MET,
    MOST_IMAGES,
    REPLICA_IMAGES,
    REPLICATIONS,
    TRIES,
    OverObjectiveError,
    replicas_text,
)
from fluxcost.units import percent, seconds


class SharedSizing:
    """Several workloads on replicas of one stack with one way to batch.

    Args:
        all_of_them: The workloads.
        service: How long calls take, at every batch up to the largest.
        calibration: What load_calibration takes.
        batching: How images are joined into calls.
        seed: Of the simulation.
    """

    def __init__(
        self,
        all_of_them: SharedDemand,
        service: ServiceTimes,
        *,
        calibration: str,
        batching: Batching,
        seed: int = 0,
    ) -> None:
        self.all_of_them, self.service = all_of_them, service
        self.calibration, self.batching, self.seed = calibration, batching, seed
        self.theory = QueueingModel(all_of_them.demand, service)

    @functools.cached_property
    def by_theory(self) -> int:
        """The fewest replicas by theory, which knows of no priorities.

        Raises:
            OverObjectiveError: Requests are late even where none waits, or more than 4096 replicas
                would be needed.
        """
        for party in self.all_of_them.parties:
            self._refuse_unreachable(party)
        if self._working > MOST_REPLICAS:
            raise OverObjectiveError(
                f"at least {self._working:,} replicas are needed, of which {MOST_REPLICAS} can be "
                "planned; share less.",
                self._working / MOST_REPLICAS,
            )
        return fewest_replicas(self._met_by_theory, self._working, self._working)

    def simulated(self) -> Serving:
        """Return the fewest replicas by simulation, starting at theory's, and how they serve.

        Raises:
            OverObjectiveError: Requests are late even where none waits.
            InfeasibleError: More than 4096 replicas would be needed.
        """
        replicas = fewest_replicas(self._worth_answering, self._working, self.by_theory)
        answer = self._answer(replicas)
        while not _meets(answer):
            replicas += 1
            answer = self._answer(replicas)
        least_sure = answer.least_sure
        return Serving(
            fleet=answer.fleet,
            objective=least_sure.objective,
            response=least_sure.response,
            probability_met=least_sure.probability_met,
            utilization=answer.utilization,
            lost=0.0,
            sized_by="simulation",
            why_not_fewer=self._why_not(replicas - 1),
            shared=answer.shared,
        )

    @functools.cached_property
    def requests(self) -> int:
        """Requests counted in a run, enough for each workload's late ones to mean something."""
        late = max(
            math.ceil(LATE_REQUESTS / (1 - party.objective.rank / 100) / party.share)
            for party in self.all_of_them.parties
        )
        mean = self.all_of_them.demand.images
        images = max(IMAGES, REPLICA_IMAGES * self._load_of_one)
        return min(max(int(MOST_IMAGES / mean), LATE_REQUESTS), max(late, math.ceil(images / mean)))

    @functools.cached_property
    def _slow(self) -> float:
        """The timing error that only 10 of 100 draws exceed."""
        factors = self.service.factors
        return 1.0 if factors is None else float(np.quantile(factors, MET))

    @property
    def _working(self) -> int:
        """The fewest replicas that work off what arrives, in the slow draw."""
        return max(1, math.ceil(self._load_of_one + 1e-9))

    @property
    def _load_of_one(self) -> float:
        return self.theory.load(1, self.batching.max_batch, self._slow)

    def _refuse_unreachable(self, party: Party) -> None:
        asked, most = party.objective, self.batching.max_batch
        alone_s = self.theory.idle_s(most, asked.rank, self._slow, party.lines)
        if alone_s > asked.within_s:
            over = alone_s / asked.within_s
            raise OverObjectiveError(
                f"{party.name}: a request takes {seconds(alone_s)} at p{asked.rank:g} even where a "
                f"GPU is idle, in the slow tenth of timing draws; {seconds(asked.within_s)} "
                f"asked, {over:.2f} times too slow.",
                over,
            )

    def _met_by_theory(self, replicas: int) -> bool:
        most = self.batching.max_batch
        return all(
            self.theory.late(replicas, most, party.objective.within_s, self._slow, party.lines)
            <= 1 - party.objective.rank / 100
            for party in self.all_of_them.parties
        )

    def _trial(self, replicas: int) -> Trial:
        fleet = Fleet(calibration=self.calibration, replicas=replicas, batching=self.batching)
        return Trial(self.all_of_them.demand, self.service, fleet, self.seed, self.requests)

    def _answer(self, replicas: int) -> SharedSimulation:
        return answer_shared(self.all_of_them, self._trial(replicas), REPLICATIONS)

    def _worth_answering(self, replicas: int) -> bool:
        """Tell whether a few runs in the slow draw meet every objective."""
        return not self._late(replicas)

    def _late(self, replicas: int) -> list[tuple[Party, float]]:
        """Return the workloads that a few runs in the slow draw answer too late, and when."""
        trial = self._trial(replicas)
        runs = [trial.run(index, self._slow) for index in range(TRIES)]
        judged = [
            (party, float(np.mean([_judged_s(run, party) for run in runs])))
            for party in self.all_of_them.parties
        ]
        return [(party, slow_s) for party, slow_s in judged if slow_s > party.objective.within_s]

    def _why_not(self, fewer: int) -> str:
        if fewer == 0:
            return "1 replica is the least there is."
        load = self.theory.load(fewer, self.batching.max_batch)
        if load * self._slow >= 1:
            text = f"{replicas_text(fewer)} would be {percent(load)} loaded"
            return f"{text}, over 100 % where calls are slow."
        if late := self._late(fewer):
            party, slow_s = late[0]
            asked = party.objective
            return (
                f"with {replicas_text(fewer)} {asked.label} of {party.name} would be "
                f"{seconds(slow_s)} in the slow tenth of timing draws, "
                f"{seconds(asked.within_s)} asked."
            )
        least_sure = self._answer(fewer).least_sure
        met = percent(least_sure.probability_met)
        text = f"with {replicas_text(fewer)} {least_sure.workload} would be in time"
        return f"{text} in {met} of timing draws only."


def _judged_s(run: SimulatedRun, party: Party) -> float:
    return run.part(party.lines).judged_s(party.objective)


def _meets(answer: SharedSimulation) -> bool:
    return answer.least_sure.probability_met >= MET and answer.verdict != "overloaded"
