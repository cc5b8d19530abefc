"""Sensitivity analysis: each plan's bill over thousands of scenarios, and what moves it.

A scenario is one of the draws that every estimate is drawn in, and one draw of each driver that
was given a range. All candidates are billed in the same scenarios, so that they can be compared in
each. A tornado moves one driver at a time from end to end and leaves the rest at the base.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from fluxcost.checks import refuse_bad_seed, refuse_outside
from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.price_row import today_utc
from fluxcost.errors import InputError
from fluxcost.estimate import DRAWS, Draws
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.planning.plans import Plan
from fluxcost.planning.search import plan
from fluxcost.planning.sensitivity.drivers import Drivers, Interval
from fluxcost.planning.sensitivity.scenario_bills import (
    HIGH,
    LOW,
    POINT,
    BilledOption,
    Scenarios,
    at_base,
    bought,
    rented,
)
from fluxcost.planning.sensitivity.tornado import OptionRisk, Sensitivity, TornadoBar
from fluxcost.workload.workload import Workload

SCENARIOS = 10_000
"""Scenarios unless asked otherwise; the standard error of a share is then at most 0.5 %."""


def sensitivity(
    workload: Workload,
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
    *,
    drivers: Drivers | None = None,
    scenarios: int = SCENARIOS,
    seed: int = 0,
    today: dt.date | None = None,
) -> Sensitivity:
    """Bill every plan that makes a workload's images in many scenarios.

    Args:
        workload: By volume or deadline; what is asked and what is forbidden.
        catalog: Prices; the shipped ones unless given.
        calibrations: Timings; every shipped one of the workload's model unless given.
        drivers: What varies besides timing and price, and how far; nothing unless given.
        scenarios: How many, 100 to 1,000,000.
        seed: The same seed gives the same scenarios.
        today: Day prices are judged on; the current day unless given.

    Raises:
        InputError: The workload is by arrivals or has a quality floor, or scenarios or seed is
            out of range.
        InfeasibleError: Nothing meets the workload's constraints.
    """
    refuse_outside("scenarios", scenarios, 100, 1_000_000)
    refuse_bad_seed(seed)
    if workload.quality is not None:
        raise InputError(
            f"workload {workload.name!r} has a quality floor, which chooses model and steps; plan "
            "it, then give one without the floor and with what was chosen."
        )
    if workload.utilization is None:
        raise InputError(
            f"workload {workload.name!r} is by arrivals, where utilization is an answer; give one "
            "by images_per_month or deadline."
        )
    varied = drivers or Drivers()
    catalog = (catalog or load_catalog()).at(today or today_utc())
    given = None if calibrations is None else list(calibrations)
    plans = plan(workload, catalog, given, today)
    _ = plans.best  # refuses where nothing is feasible
    fits = _fits(plans.leaders, given)
    candidates = [
        _candidate(workload, catalog, fits, each, varied, today) for each in plans.leaders
    ]
    drawn = _drawn(workload, varied, scenarios, seed)
    bills = np.stack([candidate.usd(drawn) for candidate in candidates])
    rows = _risks(workload, varied, candidates, bills)
    ranked = sorted(rows, key=lambda row: (row.infeasible_share > 0.05, row.p95_usd))
    unit = plans.leaders[0].total.unit
    return Sensitivity(workload.name, unit, scenarios, seed, varied, tuple(ranked))


def _fits(plans: Iterable[Plan], given: list[Calibration] | None) -> dict[str, Fit]:
    aliases = {each.calibration for each in plans if each.calibration is not None}
    if given is None:
        return {alias: fit(load_calibration(alias)) for alias in aliases}
    by_alias = {calibration.alias: calibration for calibration in given}
    return {alias: fit(by_alias[alias.removeprefix("published/")]) for alias in aliases}


def _candidate(
    workload: Workload,
    catalog: Catalog,
    fits: dict[str, Fit],
    chosen: Plan,
    drivers: Drivers,
    today: dt.date | None,
) -> BilledOption:
    def candidate(bill: Callable[[Scenarios], Draws]) -> BilledOption:
        return BilledOption(chosen.option, chosen.mode, chosen.calibration, chosen.batch, bill)

    batch = chosen.batch
    if chosen.calibration is None or batch is None:
        return candidate(bought(workload, catalog.tariff(chosen.option), today))
    offer, timed = catalog.offer(chosen.option), fits[chosen.calibration]
    measured = sorted({cell.batch for cell in timed.calibration.ok_cells})
    within = drivers.batch or Interval(batch, batch)
    batches = [size for size in measured if within.low <= size <= within.high] or [batch]
    bill = rented(workload, offer, chosen.mode, timed, batches, today)
    return candidate(lambda scenarios: bill(scenarios, batch))


def _drawn(workload: Workload, drivers: Drivers, count: int, seed: int) -> Scenarios:
    random = np.random.default_rng(seed)
    # Each driver has its own stream, so that giving one a range leaves the others' draws alone.
    draws, price, utilization, steps, batch, growth = random.spawn(6)
    base = replace(at_base(workload, count), draw=draws.integers(0, DRAWS, count))
    if drivers.price is not None:
        low, high = np.log([drivers.price.low, drivers.price.high])
        base = replace(base, price=np.exp(price.uniform(low, high, count)))
    if drivers.utilization is not None:
        ends = drivers.utilization
        base = replace(base, utilization=utilization.uniform(ends.low, ends.high, count))
    if drivers.whole_steps:
        base = replace(base, steps=steps.choice(np.array(drivers.whole_steps), count))
    if drivers.batch is not None:
        base = replace(base, batch=batch.uniform(0, 1, count))
    if drivers.growth is not None:
        ends = drivers.growth
        base = replace(base, volume=1 + growth.uniform(ends.low, ends.high, count))
    return base


def _risks(
    workload: Workload, drivers: Drivers, candidates: list[BilledOption], bills: Draws
) -> Iterator[OptionRisk]:
    cheapest = np.argmin(np.where(np.isnan(bills), np.inf, bills), axis=0)
    possible = ~np.all(np.isnan(bills), axis=0)
    for index, candidate in enumerate(candidates):
        own = bills[index][~np.isnan(bills[index])]
        if not own.size:
            continue
        p5, p50, p95 = np.quantile(own, (0.05, 0.5, 0.95))
        yield OptionRisk(
            option=candidate.option,
            mode=candidate.mode,
            calibration=candidate.calibration,
            base_usd=float(candidate.usd(at_base(workload, 1, POINT))[0]),
            p5_usd=float(p5),
            p50_usd=float(p50),
            p95_usd=float(p95),
            mean_usd=float(own.mean()),
            cheapest_share=float(np.mean((cheapest == index) & possible)),
            infeasible_share=1 - own.size / bills.shape[1],
            tornado=_tornado(workload, drivers, candidate),
        )


def _tornado(
    workload: Workload, drivers: Drivers, candidate: BilledOption
) -> tuple[TornadoBar, ...]:
    bars = [
        TornadoBar(name, inputs, *(_one(candidate, end) for end in ends))
        for name, inputs, ends in _ends(workload, drivers)
    ]
    moved = [bar for bar in bars if bar.swing_usd > 0]
    return tuple(sorted(moved, key=lambda bar: bar.swing_usd, reverse=True))


def _ends(
    workload: Workload, drivers: Drivers
) -> Iterator[tuple[str, tuple[str, str], tuple[Scenarios, ...]]]:
    """Yield each driver with its two ends, the others at the base."""
    base = at_base(workload, 1, POINT)

    def pair(name: str, low: float, high: float) -> tuple[Scenarios, ...]:
        return tuple(replace(base, **{name: np.array([end])}) for end in (low, high))

    interval = ("5 % of draws", "95 % of draws")
    yield "timing", interval, pair("timing_end", LOW, HIGH)
    yield "price on the page", interval, pair("price_end", LOW, HIGH)
    if drivers.price is not None:
        ends = drivers.price
        yield "price", _shown(ends, "x "), pair("price", ends.low, ends.high)
    if drivers.utilization is not None:
        ends = drivers.utilization
        yield "utilization", _shown(ends), pair("utilization", ends.low, ends.high)
    if drivers.whole_steps:
        few, many = drivers.whole_steps[0], drivers.whole_steps[-1]
        yield "steps", (str(few), str(many)), pair("steps", few, many)
    if drivers.batch is not None:
        yield "batch", ("least", "most"), pair("batch", 0.0, 1.0)
    if drivers.growth is not None:
        ends = drivers.growth
        yield "growth", _shown(ends), pair("volume", 1 + ends.low, 1 + ends.high)


def _shown(ends: Interval, prefix: str = "") -> tuple[str, str]:
    return f"{prefix}{ends.low:g}", f"{prefix}{ends.high:g}"


def _one(candidate: BilledOption, scenarios: Scenarios) -> float | None:
    bill = float(candidate.usd(scenarios)[0])
    return None if np.isnan(bill) else bill
