"""The fewest replicas that meet an objective: theory says about how many, the simulator decides.

An objective is met when it is met in 90 of 100 draws of the timing error. Slower calls never make
a fleet quicker, so theory asks once, in the draw in which only 10 of 100 are slower; the simulator
then runs draws across the error.
"""

from __future__ import annotations

import bisect
import functools
import math
from dataclasses import replace

import numpy as np

from fluxcost.capacity.demand import Demand
from fluxcost.capacity.fleet import MOST_REPLICAS, Batching, Fleet, fewest_replicas
from fluxcost.capacity.queueing import QueueingModel
from fluxcost.capacity.results import Serving, Simulation
from fluxcost.capacity.service_times import ServiceTimes
from fluxcost.capacity.simulate import simulate_trial
from fluxcost.capacity.simulator.engine import Trial
from fluxcost.errors import InfeasibleError
from fluxcost.estimate import Draws, Estimate
from fluxcost.units import counted, percent, seconds
from fluxcost.workload.constraints import Objective
from fluxcost.workload.workload import Workload

MET = 0.9
"""Least share of timing draws in which the objective is met."""

IMAGES = 20_000
"""Images counted in a run, at least."""

REPLICA_IMAGES = 300
"""Images of each replica that works all the time, at least, so that queues settle."""

LATE_REQUESTS = 50
"""Requests past the percentile that a run must count, for it to mean something."""

MOST_IMAGES = 500_000

REPLICATIONS = 4
"""Runs at the central timings for the answer."""

TRIES = 2
"""Runs in the slow draw that decide whether a count is worth an answer."""

TIMING_QUANTILES = (0.02, 0.2, 0.5, 0.8, 0.98)
"""Quantiles of the timing error at which theory is asked; between them it is drawn."""

TOO_LONG = 10.0
"""Theory tells responses beyond so many times the objective as that: the fleet is no answer."""


class OverObjectiveError(InfeasibleError):
    """No number of replicas meets the objective; `over` says how many times too slow it is."""

    def __init__(self, message: str, over: float) -> None:
        self.over = over
        super().__init__(message)


class Sizing:
    """A workload on replicas of one stack with one way to batch.

    Args:
        workload: With arrivals and an objective.
        demand: The workload's.
        service: How long calls take, at every batch up to the largest.
        calibration: What load_calibration takes.
        batching: How images are joined into calls.
        seed: Of the simulation.
    """

    def __init__(
        self,
        workload: Workload,
        demand: Demand,
        service: ServiceTimes,
        *,
        calibration: str,
        batching: Batching,
        seed: int = 0,
    ) -> None:
        assert workload.objective is not None  # noqa: S101 - nothing to size without one
        self.workload, self.demand, self.service = workload, demand, service
        self.objective: Objective = workload.objective
        self.calibration, self.batching, self.seed = calibration, batching, seed
        # Where all count, one turned away is missed as surely as one that is late.
        kept = 1.0 if self.objective.counts_all else 1 - self.objective.may_reject
        self.theory = QueueingModel(demand, service, kept=kept)
        self._tried: dict[int, bool] = {}

    @functools.cached_property
    def by_theory(self) -> int:
        """The fewest replicas by theory.

        Raises:
            OverObjectiveError: Requests are late even where none waits.
            InfeasibleError: More than 4096 replicas would be needed.
        """
        self._refuse_unreachable()
        least = self._working
        if least > MOST_REPLICAS:
            raise OverObjectiveError(
                f"at least {least:,} replicas are needed, of which {MOST_REPLICAS} can be planned; "
                "split the workload.",
                least / MOST_REPLICAS,
            )
        return fewest_replicas(self._met_by_theory, least, least)

    def theoretical(self) -> Serving:
        """Return the fewest replicas by theory and how they serve."""
        replicas = self.by_theory
        times = [self._theory_s(replicas, factor) for factor in self._levels]
        central = self._theory_s(replicas, 1.0)
        draws = np.interp(self._factors, self._levels, times)
        load = self.theory.load(replicas, self.batching.max_batch)
        evidence = (f"queueing theory, {self.theory.__module__}", *self.service.evidence)
        response = Estimate(central, "s", self.service.source, evidence, draws)
        busy = np.minimum(1.0, load * self._factors)
        return Serving(
            fleet=self.fleet(replicas),
            objective=self.objective,
            response=response,
            probability_met=self._probability_by_theory(replicas),
            utilization=Estimate(
                min(1.0, load), "1", self.service.source, self.service.evidence, busy
            ),
            lost=0.0,
            sized_by="theory",
            why_not_fewer=self._why_not_by_theory(replicas - 1),
        )

    def simulated(self) -> Serving:
        """Return the fewest replicas by simulation, starting at theory's, and how they serve.

        Raises:
            OverObjectiveError: Requests are late even where none waits.
            InfeasibleError: More than 4096 replicas would be needed.
        """
        answer = self.fewest()
        response = answer.response[self.objective.label]
        return self._serving(answer, response, self._why_not(answer.fleet.replicas - 1))

    def _serving(self, answer: Simulation, response: Estimate, why_not_fewer: str) -> Serving:
        assert answer.probability_met is not None  # noqa: S101 - there is an objective
        return Serving(
            fleet=answer.fleet,
            objective=self.objective,
            response=response,
            probability_met=answer.probability_met,
            utilization=answer.utilization,
            lost=answer.lost.value,
            sized_by="simulation",
            why_not_fewer=why_not_fewer,
        )

    def overflowing(self, replicas: int) -> tuple[Serving, Estimate]:
        """Return how so few replicas serve what they take, and the share they do not take.

        They do not take requests that would wait too long to be answered in time.
        """
        fleet = self.fleet(replicas).model_copy(update={"queue_limit": self._in_time(replicas)})
        of_those = {"percentile": self.objective.rank, "goodput": None, "may_reject": 1.0}
        taken = self.objective.model_copy(update=of_those)
        asked = self.workload.model_copy(update={"objective": taken})
        trial = Trial(self.demand, self.service, fleet, self.seed, self.requests)
        answer = simulate_trial(asked, trial, REPLICATIONS)
        text = "every request that overflows is bought from an API."
        serving = self._serving(answer, answer.response[taken.label], text)
        return replace(serving, lost=0.0), answer.lost

    def under(self, count: int) -> Serving | None:
        """Return the fewest replicas under a count by simulation and how they serve.

        None where so few do not meet the objective; the next count down is asked until then.
        """
        found = None
        for replicas in range(count - 1, self._working - 1, -1):
            answer = self._answer(replicas) if self._worth_answering(replicas) else None
            if answer is None or not self._meets(answer):
                break
            found = answer
        if found is None:
            return None
        response = found.response[self.objective.label]
        return self._serving(found, response, self._why_not(found.fleet.replicas - 1))

    def fewest(self) -> Simulation:
        """Return the simulation of the fewest replicas, looked for around theory's count.

        Raises:
            OverObjectiveError: Requests are late even where none waits.
            InfeasibleError: More than 4096 replicas would be needed.
        """
        guess = self.by_theory
        replicas = fewest_replicas(self._worth_answering, self._working, max(self._working, guess))
        answer = self._answer(replicas)
        while not self._meets(answer):
            replicas += 1
            answer = self._answer(replicas)
        return answer

    def fleet(self, replicas: int) -> Fleet:
        """Return so many replicas as a fleet."""
        return Fleet(
            calibration=self.calibration,
            replicas=replicas,
            gpus_per_image=self.service.gpus_per_image,
            batching=self.batching,
            queue_limit=self._queue_limit(replicas),
        )

    @functools.cached_property
    def _factors(self) -> Draws:
        return np.ones(1) if self.service.factors is None else self.service.factors

    @functools.cached_property
    def _slow(self) -> float:
        """The timing error that only 10 of 100 draws exceed."""
        return float(np.quantile(self._factors, MET))

    @functools.cached_property
    def _levels(self) -> list[float]:
        return [float(level) for level in np.quantile(self._factors, TIMING_QUANTILES)]

    @property
    def _working(self) -> int:
        """The fewest replicas that work off what arrives, in the slow draw."""
        kept = 1 - self.objective.may_reject if self.objective.counts_all else 1.0
        return max(1, math.ceil(self._load_of_one * kept + 1e-9))

    @property
    def _load_of_one(self) -> float:
        """Work that arrives in the slow draw over what one replica can do."""
        return self.theory.load(1, self.batching.max_batch, self._slow)

    def _refuse_unreachable(self) -> None:
        alone_s = self.theory.idle_s(self.batching.max_batch, self.objective.rank, self._slow)
        if alone_s > self.objective.within_s:
            over = alone_s / self.objective.within_s
            raise OverObjectiveError(
                f"a request takes {seconds(alone_s)} at p{self.objective.rank:g} even where "
                f"a GPU is idle, in the slow tenth of timing draws; "
                f"{seconds(self.objective.within_s)} asked, {over:.2f} times too slow.",
                over,
            )

    def _met_by_theory(self, replicas: int, factor: float | None = None) -> bool:
        late = self.theory.late(
            replicas, self.batching.max_batch, self.objective.within_s, factor or self._slow
        )
        return late <= 1 - self.objective.rank / 100

    def _probability_by_theory(self, replicas: int) -> float:
        """Return the share of draws not slower than the slowest in which it is met."""
        factors = np.sort(self._factors)
        met = bisect.bisect_left(
            factors, x=True, key=lambda factor: not self._met_by_theory(replicas, factor)
        )
        return met / factors.size

    def _theory_s(self, replicas: int, factor: float) -> float:
        """Return the percentile of the response by theory, at most `TOO_LONG` objectives."""
        allowed = 1 - self.objective.rank / 100
        low, high = 0.0, TOO_LONG * self.objective.within_s
        while high - low > 1e-4 * self.objective.within_s:
            middle = (low + high) / 2
            if self.theory.late(replicas, self.batching.max_batch, middle, factor) <= allowed:
                high = middle
            else:
                low = middle
        return high

    def _trial(self, replicas: int) -> Trial:
        fleet = self.fleet(replicas)
        return Trial(self.demand, self.service, fleet, self.seed, self.requests)

    @functools.cached_property
    def requests(self) -> int:
        """Requests counted in a run: the same for every count of replicas and every limit."""
        late = math.ceil(LATE_REQUESTS / (1 - self.objective.rank / 100))
        images = max(IMAGES, math.ceil(REPLICA_IMAGES * self._load_of_one))
        most = max(int(MOST_IMAGES // self.demand.images), LATE_REQUESTS)
        return min(most, max(late, math.ceil(images / self.demand.images)))

    def _answer(self, replicas: int) -> Simulation:
        return simulate_trial(self.workload, self._trial(replicas), REPLICATIONS)

    def _meets(self, answer: Simulation) -> bool:
        assert answer.probability_met is not None  # noqa: S101 - there is an objective
        # Where requests may be turned away, more may come than are served.
        swamped = answer.verdict == "overloaded" and answer.fleet.queue_limit is None
        return answer.probability_met >= MET and not swamped

    def _worth_answering(self, replicas: int) -> bool:
        """Tell whether a few runs in the slow draw meet the objective."""
        trial = self._trial(replicas)
        runs = [trial.run(index, self._slow) for index in range(TRIES)]
        slow_s = float(np.mean([run.judged_s(self.objective) for run in runs]))
        lost = float(np.mean([run.lost / run.arrived for run in runs]))
        return slow_s <= self.objective.within_s and lost <= self.objective.may_lose

    def _why_not_by_theory(self, fewer: int) -> str:
        if text := self._too_few(fewer):
            return text
        return self._slower(fewer, self._theory_s(fewer, self._slow))

    def _why_not(self, fewer: int) -> str:
        if text := self._too_few(fewer):
            return text
        run = self._trial(fewer).run(0, self._slow)
        lost = run.lost / run.arrived
        if lost > self.objective.may_lose:
            allowed = percent(self.objective.may_lose)
            return (
                f"{replicas_text(fewer)} would turn away {percent(lost)} of requests, "
                f"{allowed} allowed."
            )
        slow_s = run.judged_s(self.objective)
        if slow_s > self.objective.within_s:
            return self._slower(fewer, slow_s)
        met = self._answer(fewer).probability_met or 0.0
        return (
            f"with {replicas_text(fewer)} it would be met in {percent(met)} of timing draws only."
        )

    def _too_few(self, fewer: int) -> str | None:
        if fewer == 0:
            return "1 replica is the least there is."
        load = self.theory.load(fewer, self.batching.max_batch)
        if load * self._slow < 1:
            return None
        return (
            f"{replicas_text(fewer)} would be {percent(load)} loaded, over 100 % where calls are "
            "slow."
        )

    def _slower(self, fewer: int, slow_s: float) -> str:
        text, asked = self.objective.label, seconds(self.objective.within_s)
        most_s = TOO_LONG * self.objective.within_s
        slow = f"over {seconds(most_s)}" if slow_s >= most_s else seconds(slow_s)
        return (
            f"with {replicas_text(fewer)} {text} would be {slow} in the slow tenth of "
            f"timing draws, {asked} asked."
        )

    def _queue_limit(self, replicas: int) -> int | None:
        return None if self.objective.may_reject == 0 else self._in_time(replicas)

    def _in_time(self, replicas: int) -> int:
        """Return how many images may wait such that they are still answered in time."""
        call_s = float(self.service.latency_s[:, self.batching.max_batch - 1].max()) * self._slow
        image_s = self.theory.load(1, self.batching.max_batch, self._slow) / (
            self.theory.kept * self.theory.stretches.mean_per_s * self.demand.images
        )
        spare_s = max(0.0, self.objective.within_s - call_s)
        asked = max(line.images for line in self.demand.lines)
        return max(asked, math.floor(replicas * spare_s / image_s))


def replicas_text(count: int) -> str:
    """Return such as '3 replicas'."""
    return counted(count, "replica")
