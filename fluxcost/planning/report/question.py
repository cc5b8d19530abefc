"""The question of a report: what is asked, by when, and what is forbidden, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from fluxcost.capacity.demand import Demand
from fluxcost.units import percent, significant
from fluxcost.workload import Arrivals, Constraints, Workload

Line = tuple[str, str]
"""A name and its text."""


def asked_lines(workload: Workload, demand: Demand | None) -> Iterator[Line]:
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


def _volume(workload: Workload) -> Iterator[Line]:
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
