"""The chosen plan of a report: each number with its interval, its source and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fluxcost.economics.catalog import Catalog
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration import Calibration
from fluxcost.planning.legs import Leg
from fluxcost.planning.plans import Plan
from fluxcost.units import counted, interval, percent

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
        yield from _leg(component, alone=len(plan.components) == 1)
    if plan.choice is not None:
        yield Fact("Model and steps", str(plan.choice))
        yield _fact(f"Quality, {plan.choice.metric}", plan.choice.value)
    yield _fact("Total", plan.total)
    yield _fact("An image", plan.usd_per_image)
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


def _leg(component: Leg, *, alone: bool) -> Iterator[Fact]:
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
