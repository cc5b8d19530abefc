"""The scenarios of one configuration on one warm replica, each kept as soon as it is done."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fluxcost.capacity.fleet import Batching
from fluxcost.validation.scenarios.scenario_record import LoadedRun, Scenario, WarmCalls
from measure.scenarios.loaded_replica import LoadedReplica, capacity_per_s
from measure.scenarios.loadgen import LoadGenRequest, run_loadgen
from measure.scenarios.open_loop import LoadLog, poisson_schedule, run_open_loop
from measure.scenarios.scenario_configs import Config
from measure.telemetry import Instruments


def largest_rate(
    holds: Callable[[float], bool], low_per_s: float, high_per_s: float, tolerance: float
) -> float:
    """Return the largest rate found to hold, within a share of it; the low end where none does.

    LoadGen's schedules of one seed are the same arrivals at another pace, so that a rate which
    holds does so at every lower one, but for the noise of the calls themselves.

    Args:
        holds: Tries a rate.
        low_per_s: Taken to hold; not tried.
        high_per_s: Taken not to hold; not tried.
        tolerance: Share of the rate at which to stop.
    """
    while high_per_s - low_per_s > tolerance * high_per_s:
        middle_per_s = (low_per_s + high_per_s) / 2
        if holds(middle_per_s):
            low_per_s = middle_per_s
        else:
            high_per_s = middle_per_s
    return low_per_s


SEARCH_QUERIES = 100
"""Queries of a run that only tells whether a rate holds: its p99 is its slowest query but one."""

SEARCH_TOLERANCE = 0.08
"""Share of the rate at which the search stops: p99 of so few queries tells no more."""

CONFIRMATIONS = 3
"""Full runs at most, each at a lower rate than the one that did not hold."""


@dataclass(frozen=True)
class ConfigurationRun:
    """One configuration on one warm replica.

    Attributes:
        config: Shape and length of runs.
        maker: Makes the images; warm at every size.
        warm: Its calls of each size.
        batching: The rule where batching is dynamic.
        instruments: Read before and after each run.
        logs: Folder of LoadGen's own logs.
        seed: Of the arrivals.
        min_s: Least seconds of a LoadGen run.
        keep: Takes each run as soon as it is done.
    """

    config: Config
    maker: LoadedReplica
    warm: tuple[WarmCalls, ...]
    batching: Batching
    instruments: Instruments
    logs: Path
    seed: int
    min_s: float
    keep: Callable[[LoadedRun], None]

    def run_loads(self, loads: tuple[float, ...], seconds: float) -> None:
        """Run every load, without and with dynamic batching, each load's gaps in one proportion."""
        for index, load in enumerate(loads):
            for rule in dict.fromkeys((Batching(), self.batching)):
                rate = load * capacity_per_s(self.warm, rule)
                due_s = poisson_schedule(rate, seconds, (self.seed, index))
                name = f"{self.config.name} load {load:g}, {rule}"
                run = functools.partial(run_open_loop, due_s, self.maker, rule, time.sleep)
                self._record(name, "load", rule, run, {"load": load, "rate_per_s": rate})

    def run_loadgen(self, scenario: Scenario) -> None:
        """Run a LoadGen scenario; of several runs the last is its result."""
        if scenario == "server":
            self._search_rate()
        else:
            self._tested(self._asked(scenario), f"{self.config.name} {scenario}")

    def _search_rate(self) -> None:
        """Search the server's rate with short runs, then run it in full, slower until it holds."""

        def holds(rate_per_s: float) -> bool:
            asked = self._asked("server", rate_per_s, queries=SEARCH_QUERIES)
            name = f"{self.config.name} server, searching at {rate_per_s:.4g} per s"
            return is_within_bound(self._tested(asked, name, searching=True))

        most = capacity_per_s(self.warm, self.batching)
        rate = largest_rate(holds, most / 2, most, SEARCH_TOLERANCE)
        for _ in range(CONFIRMATIONS):
            name = f"{self.config.name} server at {rate:.4g} per s"
            if holds_bound(self._tested(self._asked("server", rate), name), self.config):
                return
            rate *= 1 - SEARCH_TOLERANCE

    def _asked(
        self, scenario: Scenario, rate_per_s: float = 1.0, queries: int | None = None
    ) -> LoadGenRequest:
        single = next(each for each in self.warm if each.size == min(e.size for e in self.warm))
        least = self.config.queries[scenario]
        return LoadGenRequest(
            scenario=scenario,
            queries=least if queries is None else min(least, queries),
            min_s=self.min_s,
            call_s=float(np.mean(single.wall_s)),
            images_per_s=capacity_per_s(self.warm, self.batching),
            rate_per_s=rate_per_s,
            within_s=self.config.within_s,
            seed=self.seed,
        )

    def _tested(self, asked: LoadGenRequest, name: str, *, searching: bool = False) -> LoadedRun:
        folder = self.logs / name.replace(",", "").replace(" ", "-")
        facts: dict[str, Any] = {"searching": searching}
        if asked.scenario == "server":
            facts |= {"rate_per_s": asked.rate_per_s, "within_s": asked.within_s}

        def run() -> LoadLog:
            log, facts["loadgen"] = run_loadgen(asked, self.maker, self.batching, folder)
            return log

        return self._record(name, asked.scenario, self.batching, run, facts)

    def _record(
        self,
        name: str,
        scenario: Scenario,
        batching: Batching,
        run: Callable[[], LoadLog],
        facts: dict[str, Any],
    ) -> LoadedRun:
        """Run, and keep what happened; `facts` may be added to while it runs."""
        self.instruments.refuse_company()
        before = self.instruments.snapshot()
        log = run()
        shape = self.maker.shape
        head = {
            "name": name,
            "scenario": scenario,
            "config": self.config.name,
            "width": shape.width,
            "height": shape.height,
            "steps": shape.steps,
            "batching": batching,
            "seed": self.seed,
            "before": before,
            "after": self.instruments.snapshot(),
        }
        made = LoadedRun.parse(head | log.fields() | facts, f"the run {name!r}")
        self.keep(made)
        return made


def is_within_bound(run: LoadedRun) -> bool:
    """Tell whether a server run's 99th percentile of response is within its bound."""
    return run.within_s is not None and p99_s(run) <= run.within_s


def holds_bound(run: LoadedRun, config: Config) -> bool:
    """Tell whether a full server run holds: by LoadGen, whose verdict a shortened one cannot get.

    Early stopping is stricter than the percentile: of 662 queries it lets 1 be late, not 6.
    """
    if "server" in config.shortened or run.loadgen is None:
        return is_within_bound(run)
    return run.loadgen.validity == "VALID"


def p99_s(run: LoadedRun) -> float:
    """Return the 99th percentile of a run's response times, seconds: one of them, not between."""
    return float(np.percentile(run.response_s, 99, method="inverted_cdf"))
