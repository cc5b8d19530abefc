"""Cost allocation: what each workload pays of a shared fleet.

What calls take is paid by those whose images they make. What is left, idle time and GPUs to spare,
is shared by a rule that the user chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from fluxcost.capacity.results import Serving
from fluxcost.estimate import Estimate, derive
from fluxcost.planning.plans import Plan
from fluxcost.records import plain

IdleRule = Literal["use", "alone", "equal"]
"""How idle time is shared: as the GPU seconds used, as what each would pay alone, or evenly."""


@dataclass(frozen=True, eq=False)
class Allocation:
    """One workload's part of a shared fleet's cost.

    Attributes:
        workload: Its name.
        gpu_share: Its part of the GPU seconds that calls take.
        used: What its calls cost, USD/month.
        idle: Its part of the rest, USD/month.
        total: Both, USD/month.
        usd_per_image: The total over its images.
        alone: What the best plan of its own costs, USD/month.
        alone_option: Offer or tariff of that plan.
    """

    workload: str
    gpu_share: Estimate
    used: Estimate
    idle: Estimate
    total: Estimate
    usd_per_image: Estimate
    alone: Estimate
    alone_option: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}


def allocate(
    plan: Plan, alone: Sequence[Plan], images: Sequence[int], idle_by: IdleRule
) -> tuple[Allocation, ...]:
    """Return each workload's part of a shared plan's cost; the parts sum to the whole.

    Args:
        plan: A fleet that several workloads share.
        alone: The best plan of each workload by itself, in the order of the plan's.
        images: Of a month, of each.
        idle_by: How idle time is shared.
    """
    serving = plan.serving
    assert serving is not None  # noqa: S101 - a shared plan serves
    shares = _parts([served.gpu_share for served in serving.shared])
    weights = shares if idle_by == "use" else _idle_parts(idle_by, alone)
    busy = _busy(serving, plan.gpus)
    found = []
    for served, share, weight, own, count in zip(
        serving.shared, shares, weights, alone, images, strict=True
    ):
        used = derive(_used, plan.total, busy, share, unit="USD/month")
        idle = derive(_idle, plan.total, busy, weight, unit="USD/month")
        total = derive(lambda mine, rest: mine + rest, used, idle, unit="USD/month")
        found.append(
            Allocation(
                workload=served.workload,
                gpu_share=share,
                used=used,
                idle=idle,
                total=total,
                usd_per_image=total.scaled(1 / count, "USD/image"),
                alone=own.total,
                alone_option=own.option,
            )
        )
    return tuple(found)


def _used(total_usd: Any, busy: Any, share: Any) -> Any:  # noqa: ANN401 - a number or draws
    return total_usd * busy * share


def _idle(total_usd: Any, busy: Any, weight: Any) -> Any:  # noqa: ANN401 - a number or draws
    return total_usd * (1 - busy) * weight


def _busy(serving: Serving, gpus: int) -> Estimate:
    """Return the share of the time paid for in which calls run."""
    return serving.utilization.scaled(serving.fleet.gpus / gpus, "1")


def _idle_parts(idle_by: IdleRule, alone: Sequence[Plan]) -> list[Estimate]:
    if idle_by == "alone":
        return _parts([plan.total for plan in alone])
    even = [plan.total.scaled(0.0, "1") for plan in alone]
    return [derive(lambda none: none + 1 / len(alone), each, unit="1") for each in even]


def _parts(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Return estimates over their sum, which is 1 in every draw."""
    return [derive(_part, each, *estimates, unit="1") for each in estimates]


def _part(own: Any, *every: Any) -> Any:  # noqa: ANN401 - numbers or draws
    """Return one over the sum of all; an equal part where the sum is 0."""
    total = np.sum(every, axis=0)
    return np.where(total > 0, own / np.where(total > 0, total, 1.0), 1 / len(every))
