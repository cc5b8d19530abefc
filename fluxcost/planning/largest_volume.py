"""The largest volume that a budget or a number of GPUs can make."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fluxcost.checks import MOST_IMAGES, refuse_outside
from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.price_row import today_utc
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.planning.plan_records import Depth
from fluxcost.planning.plans import Plan
from fluxcost.planning.search import fits_of, plan_fitted
from fluxcost.units import counted, usd
from fluxcost.workload.workload import Workload

MOST_GPUS = 10**12
"""A bound, so that a mistyped number is refused."""

PRECISION = 0.005
"""How near the largest volume is found, relative."""

LEAST, MOST = 1e-6, 1e6
"""Volumes tried, over the workload's own."""

STEP_BACK = 0.99
"""Taken off a volume that theory allows and the simulator does not."""


@dataclass(frozen=True, eq=False)
class LargestVolume:
    """The most images that keep within a limit.

    Attributes:
        workload: The workload at that volume.
        plan: What makes it, the cheapest within the limit.
        limit: The limit, in words.
    """

    workload: Workload
    plan: Plan
    limit: str

    @property
    def requests_per_s(self) -> float | None:
        """Mean rate; None where images are asked for by volume."""
        if self.workload.arrivals is None:
            return None
        return self.workload.arrivals.requests_per_s

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        return {
            "workload": self.workload.name,
            "limit": self.limit,
            "images": self.workload.images,
            "requests_per_s": self.requests_per_s,
            "plan": self.plan.to_dict(),
        }


def largest_volume(
    workload: Workload,
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
    today: dt.date | None = None,
    *,
    budget_usd_per_month: float | None = None,
    gpus: int | None = None,
    seed: int = 0,
) -> LargestVolume:
    """Return the most images of a workload's kind within a budget, a number of GPUs, or both.

    The budget is kept by the upper bound of the interval; an objective by the simulator.

    Args:
        workload: Its volume or rate is where the search starts.
        catalog: Prices; the shipped ones unless given.
        calibrations: Timings; every shipped one of the workload's model unless given.
        today: Day prices are judged on; the current day unless given.
        budget_usd_per_month: Most USD a month.
        gpus: Most GPUs rented.
        seed: Of the simulation.

    Raises:
        InputError: No limit is given, one is out of range or allows over `MOST` times the volume,
            or the volume cannot be varied.
        InfeasibleError: Not even the least volume keeps within the limit.
    """
    today = today or today_utc()
    catalog = (catalog or load_catalog()).at(today)
    fits = fits_of(workload, catalog, calibrations)
    limit = _limit(workload, budget_usd_per_month, gpus)

    def within(factor: float, depth: Depth) -> tuple[Workload, Plan] | None:
        asked = at_volume(workload, factor)
        for each in plan_fitted(asked, catalog, fits, today, depth, seed):
            cheap = budget_usd_per_month is None or each.total.high <= budget_usd_per_month
            if cheap and (gpus is None or 0 < each.gpus <= gpus):
                return asked, each
        return None

    factor = _most(lambda factor: within(factor, "analytic") is not None, limit, workload)
    while factor >= LEAST:
        if (found := within(factor, "simulated")) is not None:
            return LargestVolume(*found, limit)
        factor *= STEP_BACK
    raise InfeasibleError(f"{workload.name}: no volume can be made for {limit}.")


def at_volume(workload: Workload, factor: float) -> Workload:
    """Return a workload with its rate or volume multiplied.

    Raises:
        InputError: A trace has its own times.
    """
    arrivals, deadline = workload.arrivals, workload.deadline
    if arrivals is not None and arrivals.requests_per_s is not None:
        rate = min(1e5, max(1e-6, arrivals.requests_per_s * factor))
        return workload.model_copy(
            update={"arrivals": arrivals.model_copy(update={"requests_per_s": rate})}
        )
    if arrivals is not None and arrivals.trace is not None:
        raise InputError(f"{workload.name}: a trace has its own times; state a rate to vary it.")
    images = min(MOST_IMAGES, max(1, round(workload.images * factor)))
    if deadline is not None:
        return workload.model_copy(
            update={"deadline": deadline.model_copy(update={"images": images})}
        )
    return workload.model_copy(update={"images_per_month": images})


def _limit(workload: Workload, budget: float | None, gpus: int | None) -> str:
    if budget is None and gpus is None:
        raise InputError("no limit is given; expected budget_usd_per_month, gpus, or both.")
    if budget is not None and not (math.isfinite(budget) and budget > 0):
        raise InputError(f"budget_usd_per_month is {budget!r}; expected USD over 0.")
    if gpus is not None:
        refuse_outside("gpus", gpus, 1, MOST_GPUS)
    if budget is not None and workload.deadline is not None:
        raise InputError(
            f"{workload.name}: a deadline is billed once and budget_usd_per_month is a month's; "
            "expected images_per_month or arrivals."
        )
    limits = [] if budget is None else [f"{usd(budget)} a month"]
    limits += [] if gpus is None else [counted(gpus, "GPU")]
    return " and ".join(limits)


def _most(enough: Callable[[float], bool], limit: str, workload: Workload) -> float:
    """Return about the largest factor within the limit, looked for around 1."""
    low = high = 1.0
    while not enough(low):
        low, high = low / 4, low
        if low < LEAST:
            raise InfeasibleError(
                f"{workload.name}: not even {LEAST:g} of its volume can be made for {limit}; allow "
                "more, or see `fluxcost plan` for what the first GPU costs."
            )
    while high <= low < MOST:
        if enough(high * 4):
            low = high = high * 4
        else:
            high *= 4
    if high <= low:
        raise InputError(
            f"{workload.name}: {limit} allow over {MOST:,.0f} times its volume, so the most is not "
            "known; expected a tighter limit, or a larger volume to start from."
        )
    while high / low > 1 + PRECISION:
        middle = math.sqrt(low * high)
        if enough(middle):
            low = middle
        else:
            high = middle
    return low
