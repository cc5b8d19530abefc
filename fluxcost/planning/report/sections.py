"""The sections of a report: what is asked, the chosen plan with what it rests on, and its risks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from fluxcost.capacity.demand import Demand
from fluxcost.economics.catalog import Catalog
from fluxcost.estimate import Estimate, Source, interval
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.planning.explain import Explanation
from fluxcost.planning.plan_records import Component
from fluxcost.planning.plans import Plan
from fluxcost.units import counted, percent, significant, usd
from fluxcost.workload.constraints import Constraints
from fluxcost.workload.workload import Arrivals, Workload

NamedText = tuple[str, str]
"""A name and its text."""


def asked_lines(workload: Workload, demand: Demand | None) -> Iterator[NamedText]:
    """Yield what a workload asks.

    Args:
        workload: The question.
        demand: What its arrivals come to; None where nobody waits.
    """
    yield "Model", workload.model
    mix = workload.mix if demand is None else demand.mix
    for shape, share in mix:
        yield "Images", f"{shape}" + ("" if len(mix) == 1 else f": {percent(share)} of them")
    if workload.arrivals is not None and demand is not None:
        yield "Requests", _arrivals(workload.arrivals, demand)
        yield "Images a request", f"{workload.images_per_request}"
        yield "Volume", f"{demand.images_per_month:,} images a month"
    else:
        yield from _volume(workload)
    if (objective := workload.objective) is not None:
        may = f"; {percent(objective.may_reject)} may be turned away"
        those = "that came answered" if objective.counts_all else "answered"
        yield (
            "Objective",
            f"{objective.rank:g} of 100 requests {those} within {objective.within_s:g} s"
            + (may if objective.may_reject else ""),
        )
    if (floor := workload.quality) is not None:
        among = ", ".join(floor.models or (workload.model,))
        yield "Quality", f"{floor.metric} at least {floor.at_least:g}, among {among}"


def constraint_lines(constraints: Constraints) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the value and the meaning of every constraint that says anything."""
    for name, value in constraints.to_dict().items():
        if value in (None, []):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else _plain(value)
        yield name, shown, type(constraints).model_fields[name].description or ""


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _arrivals(arrivals: Arrivals, demand: Demand) -> str:
    if arrivals.trace is not None:
        return f"as recorded in {PurePath(arrivals.trace).name}"
    bursts = arrivals.coefficient_of_variation
    assert demand.rate_per_s is not None  # noqa: S101 - requests that arrive have a rate
    text = f"{significant(demand.rate_per_s)} a second on the mean, {arrivals.process}"
    if bursts is not None:
        text += f", gaps vary by {bursts:g} of their mean"
    if (weights := arrivals.hourly_weights) is not None:
        peak = max(weights) * len(weights) / sum(weights)
        text += f", {significant(peak)} times the mean in the busiest hour"
    return text


def _volume(workload: Workload) -> Iterator[NamedText]:
    if (deadline := workload.deadline) is not None:
        yield (
            "Volume",
            f"{deadline.images:,} images, ready within {deadline.hours:g} h of renting",
        )
    else:
        yield "Volume", f"{workload.images:,} images a month"
    if workload.utilization is not None:
        yield "Utilization", f"{percent(workload.utilization)} of the rented time makes images"
    if workload.startup_minutes is not None:
        yield "Start", f"{workload.startup_minutes:g} minutes billed until the first image"
    if workload.on_demand is not None:
        yield "By the hour", f"{workload.on_demand.starts_per_month} starts a month"


CHOICE = "chosen"
"""Source of what is decided rather than known."""


@dataclass(frozen=True, eq=False)
class Fact:
    """One number or choice of the plan.

    Attributes:
        name: What it is, with its unit where the value has none.
        value: With its interval.
        source: Of the number; `CHOICE` of a choice.
        evidence: Cells, price rows and runs it rests on.
    """

    name: str
    value: str
    source: str = CHOICE
    evidence: tuple[str, ...] = ()


def facts_of(plan: Plan) -> Iterator[Fact]:
    """Yield what the plan is, part by part, then its money, then how it answers."""
    for component in plan.components:
        yield from _component_facts(component, alone=len(plan.components) == 1)
    if plan.choice is not None:
        yield Fact("Model and steps", str(plan.choice))
        yield _fact(f"Quality, {plan.choice.metric}", plan.choice.value)
    yield _fact("Total", plan.total)
    yield _fact("An image", plan.usd_per_image)
    if plan.images_per_usd is not None:
        yield _fact("A dollar buys", plan.images_per_usd)
    if plan.hours is not None:
        yield _fact("Billed hours of each GPU", plan.hours)
    if plan.latency is not None:
        yield _fact("A call on an idle GPU, median", plan.latency)
    if (serving := plan.serving) is not None:
        yield _fact(f"Response, {serving.objective.label}", serving.response)
        met = f"{percent(serving.probability_met)} of timing draws"
        yield Fact("Objective met in", met, str(serving.response.source), serving.response.evidence)
        busy = serving.utilization
        shares = f"{percent(busy.value)} ({percent(busy.low)} to {percent(busy.high)})"
        yield Fact("GPUs at work", shares, str(busy.source), busy.evidence)
        if serving.lost:
            yield Fact("Requests turned away", percent(serving.lost))


def _component_facts(component: Component, *, alone: bool) -> Iterator[Fact]:
    share = "" if alone else f", {percent(component.share)} of the images"
    rented = f"{component.gpus} x {component.gpu}, " if component.gpus else ""
    yield Fact(
        "Rent" if component.gpus else "Buy", f"{rented}{component.option}, {component.mode}{share}"
    )
    if component.calibration is not None and component.batching is not None:
        stack = component.calibration.rsplit("/", 1)[-1]
        together = f" of {component.gpus_per_image} GPUs" if component.gpus_per_image > 1 else ""
        running = counted(component.replicas, "replica") + together
        yield Fact("Run", f"{stack}, {component.batching}, {running}")
    if not alone:
        yield _fact(f"Cost of {component.option}", component.total)


def _fact(name: str, estimate: Estimate) -> Fact:
    return Fact(name, interval(estimate), str(estimate.source), estimate.evidence)


def timing_rows(
    names: Iterable[str], known: dict[str, Calibration]
) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield calibration, hash, days of the runs, machine and weights of each name."""
    for name in names:
        calibration = known[name]
        runs = calibration.runs
        days = sorted(f"{run.started_at:%Y-%m-%d}" for run in runs)
        machines = (f"{run.environment.gpu_name}, {run.environment.cpu_model}" for run in runs)
        weights = (run.environment.weights for run in runs)
        yield name, calibration.content_hash[:12], _each(days), _each(machines), _each(weights)


def _each(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def price_rows(names: Iterable[str], catalog: Catalog) -> Iterator[tuple[str, str, str, str]]:
    """Yield id, date, grade and source of each offer or tariff."""
    rows = {row.id: row for row in (*catalog.offers, *catalog.tariffs)}
    for name in names:
        row = rows[name]
        yield name, f"{row.as_of} ({row.as_of_kind})", row.grade, row.source


NOT_IN_IT = (
    "Storage, traffic, taxes and people are not in the total; fluxcost cost --extras adds them."
)
NO_PROMISE = (
    "An interval holds 90 % of the draws from what was measured and dated; it knows nothing "
    "of outages, of GPUs sold out, or of demand other than stated."
)


def risks_of(
    plan: Plan,
    catalog: Catalog,
    known: dict[str, Calibration],
    explanation: Explanation,
    today: dt.date,
) -> Iterator[str]:
    """Yield what a reader must know before paying, the plan's own caveats first.

    Args:
        plan: The chosen one.
        catalog: Its prices.
        known: Calibrations by the name a plan gives them.
        explanation: Why the plan is what it is.
        today: Day prices are judged on.
    """
    if (old := catalog.age_note(today)) is not None:
        yield old
    yield from (f"{caveat}." for caveat in plan.caveats)
    if plan.total.value > 0:
        yield (
            f"The total may reach {usd(plan.total.high)}, "
            f"{percent(plan.total.high / plan.total.value - 1)} over the middle."
        )
    rows = {row.id: row for row in (*catalog.offers, *catalog.tariffs)}
    for component in plan.components:
        age = rows[component.option].age_days(today)
        yield f"The price of {component.option} was {age} days old on {today}, and may have moved."
    if (serving := plan.serving) is not None:
        yield f"With fewer GPUs: {serving.why_not_fewer}"
        missed = 1 - serving.probability_met
        if missed > 0:
            yield f"In {percent(missed)} of the timing draws the objective is missed."
    if plan.calibration is not None:
        yield from _of_timing(plan, known[plan.calibration], explanation)
    yield NOT_IN_IT
    yield NO_PROMISE


def _of_timing(plan: Plan, calibration: Calibration, explanation: Explanation) -> Iterator[str]:
    weights = dict.fromkeys(run.environment.weights for run in calibration.runs)
    if any(name.startswith("synthetic") for name in weights):
        yield "Timed with synthetic weights at the model's true shapes, not with a checkpoint."
    if plan.timing_source is not Source.MEASURED:
        yield f"The timing is {plan.timing_source}, not measured at these shapes and batch."
    if calibration.stack.is_lossy:
        yield f"{calibration.stack.alias} changes the pictures; look at some before renting."
    if explanation.cores_needed is None:
        yield "How many CPU cores a replica needs was not measured for this stack."
    else:
        needed = counted(explanation.cores_needed, "CPU core")
        yield f"Each replica needs {needed}; see that the instance has them."
