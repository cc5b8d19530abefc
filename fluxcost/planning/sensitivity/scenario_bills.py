"""What a purchase mode costs in many scenarios at once.

The arithmetic is that of a plan, with an array where a plan has one number: the fleet is sized at
the upper bound of the timing interval, and the bill is drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fluxcost.capacity.cold_start import startup_s
from fluxcost.economics.api_bill import api_bill_curve
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, Offer
from fluxcost.economics.rental import billed_seconds
from fluxcost.economics.tariffs import Tariff
from fluxcost.economics.usage.spot import HARDLY_EVER, lost_per_second
from fluxcost.errors import FluxcostError
from fluxcost.estimate import DRAWS, Draws, Estimate
from fluxcost.performance.fit import Fit
from fluxcost.planning.plan_records import Mode
from fluxcost.planning.purchase_modes import days_of
from fluxcost.planning.rental_sizing import image_seconds
from fluxcost.workload.workload import Workload

MONTH_S = HOURS_PER_MONTH * SECONDS_PER_HOUR

DRAWN, POINT, LOW, HIGH = 0, 1, 2, 3
"""Which value of an estimate a scenario takes: its draw, the point, or an end."""

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scenarios:
    """One entry a scenario in each array.

    Attributes:
        draw: Which draw of every estimate the scenario takes.
        price: Factor on every price.
        utilization: Share of rented time that makes images.
        steps: Steps of every shape; 0 leaves them as the workload has them.
        batch: Share of the way through the batches at hand, 0 to 1; -1 keeps the plan's own.
        volume: Factor on the images.
        timing_end: The timing taken: `DRAWN`, `POINT`, or an end of its interval, `LOW`, `HIGH`.
        price_end: The same for the price.
    """

    draw: Whole
    price: Draws
    utilization: Draws
    steps: Whole
    batch: Draws
    volume: Draws
    timing_end: Whole
    price_end: Whole

    @property
    def count(self) -> int:
        """How many scenarios."""
        return len(self.draw)


@dataclass(frozen=True, eq=False)
class BilledOption:
    """A rented or bought option whose scenarios can be billed.

    Attributes:
        option: Id of the offer or tariff.
        mode: How it is bought.
        calibration: Alias of the timings; None for an API.
        batch: The plan's images per call; None for an API.
        usd: Bills every scenario; NaN where it cannot be done.
    """

    option: str
    mode: Mode
    calibration: str | None
    batch: int | None
    usd: Callable[[Scenarios], Draws]


def drawn(estimate: Estimate, ends: Whole, draw: Whole) -> Draws:
    """Return an estimate in each scenario: its draw, the point, or an end."""
    fixed = np.array([np.nan, estimate.value, estimate.low, estimate.high])
    return np.where(ends == DRAWN, estimate.draws[draw], fixed[ends])


def rented(
    workload: Workload,
    offer: Offer,
    mode: Mode,
    fit: Fit,
    batches: Sequence[int],
    today: dt.date | None,
) -> Callable[[Scenarios, int], Draws]:
    """Return what bills scenarios of renting, given the plan's own batch.

    Args:
        workload: What is asked.
        offer: What is rented.
        mode: How it is rented.
        fit: Timings.
        batches: Those a scenario may choose from, rising.
        today: Day the price is judged on.
    """
    price = offer.price_estimate(today)
    starts_in_s, _ = startup_s(workload, fit.calibration)
    cached: dict[tuple[int, int], Estimate | None] = {}

    def image_s(steps: int, batch: int) -> Estimate | None:
        if (steps, batch) not in cached:
            cached[steps, batch] = _image_s(workload, fit, steps, batch)
        return cached[steps, batch]

    def usd(scenarios: Scenarios, own_batch: int) -> Draws:
        total = np.full(scenarios.count, np.nan)
        batch = _batch_of(scenarios, batches, own_batch)
        for steps, size in {*zip(scenarios.steps.tolist(), batch.tolist(), strict=True)}:
            seconds = image_s(steps, size)
            if seconds is None:
                continue
            where = np.flatnonzero((scenarios.steps == steps) & (batch == size))
            part = _some(scenarios, where)
            hours, gpus = _hours_and_gpus(workload, offer, mode, seconds, size, part, starts_in_s)
            each = drawn(price, part.price_end, part.draw) * part.price
            total[where] = hours * gpus * each
        return total

    return usd


def bought(
    workload: Workload, tariff: Tariff, today: dt.date | None
) -> Callable[[Scenarios], Draws]:
    """Return what bills scenarios of buying from an API."""
    days = days_of(workload)

    def usd(scenarios: Scenarios) -> Draws:
        total = np.full(scenarios.count, np.nan)
        for steps in np.unique(scenarios.steps).tolist():
            try:
                mix = tuple(
                    (replace(shape, steps=steps or shape.steps), share)
                    for shape, share in workload.mix
                )
                curve = api_bill_curve(tariff, mix, days=days, today=today)
            except FluxcostError:
                continue
            where = np.flatnonzero(scenarios.steps == steps)
            part = _some(scenarios, where)
            price = drawn(curve.price, part.price_end, part.draw) * part.price
            total[where] = curve.usd(workload.images * part.volume) * price
        return total

    return usd


def at_base(workload: Workload, count: int, ends: int = DRAWN) -> Scenarios:
    """Return scenarios in which nothing varies but the draw, one draw after another."""
    return Scenarios(
        draw=np.arange(count) % DRAWS,
        price=np.ones(count),
        utilization=np.full(count, float(workload.utilization or 0.0)),
        steps=np.zeros(count, dtype=np.int64),
        batch=np.full(count, -1.0),
        volume=np.ones(count),
        timing_end=np.full(count, ends, dtype=np.int64),
        price_end=np.full(count, ends, dtype=np.int64),
    )


def _some(scenarios: Scenarios, where: npt.NDArray[np.intp]) -> Scenarios:
    return Scenarios(**{name: values[where] for name, values in vars(scenarios).items()})


def _batch_of(scenarios: Scenarios, batches: Sequence[int], own: int) -> Whole:
    place = np.clip((scenarios.batch * len(batches)).astype(np.int64), 0, len(batches) - 1)
    return np.where(scenarios.batch < 0, own, np.asarray(batches, dtype=np.int64)[place])


def _image_s(workload: Workload, fit: Fit, steps: int, batch: int) -> Estimate | None:
    mix = tuple((replace(s, steps=steps or s.steps), share) for s, share in workload.mix)
    try:
        return image_seconds(fit, mix, batch)
    except FluxcostError:
        return None


def _hours_and_gpus(
    workload: Workload,
    offer: Offer,
    mode: Mode,
    image_s: Estimate,
    batch: int,
    scenarios: Scenarios,
    starts_in_s: float,
) -> tuple[Any, Any]:
    """Return the billed hours of each GPU and the GPUs rented; NaN hours where time is short."""
    slow_s, seconds = (
        _finished(workload, offer, each_s, batch, scenarios, starts_in_s)
        for each_s in (image_s.high, drawn(image_s, scenarios.timing_end, scenarios.draw))
    )
    images = workload.images * scenarios.volume
    if mode == "always-on":
        needed = np.ceil(images * slow_s / (MONTH_S * scenarios.utilization))
        return HOURS_PER_MONTH, np.ceil(needed / offer.gpu_count) * offer.gpu_count
    sessions, within_s = _sessions(workload)
    calls = np.ceil(np.ceil(images / sessions) / batch)
    in_time = np.floor((within_s - starts_in_s) / (batch * slow_s / scenarios.utilization))
    can = (in_time >= 1) & np.isfinite(seconds)
    needed = np.ceil(calls / np.where(can, in_time, 1))
    gpus = np.ceil(needed / offer.gpu_count) * offer.gpu_count
    running_s = np.ceil(calls / gpus) * batch * np.where(can, seconds, 0) / scenarios.utilization
    billed_s = billed_seconds(offer, running_s=running_s, startup_s=starts_in_s)
    return np.where(can, billed_s * sessions / SECONDS_PER_HOUR, np.nan), gpus


def _finished(
    workload: Workload,
    offer: Offer,
    image_s: float | Draws,
    batch: int,
    scenarios: Scenarios,
    starts_in_s: float,
) -> float | Draws:
    """Return the seconds of an image with what interruptions add; NaN where none is finished."""
    per_hour = workload.constraints.spot_interruptions_per_hour
    if per_hour is None or not offer.is_interruptible:
        return image_s
    calls_s = batch * image_s / scenarios.utilization
    hopeless = per_hour / SECONDS_PER_HOUR * calls_s > HARDLY_EVER
    within_s = np.where(hopeless, 1.0, calls_s)
    lost = lost_per_second(within_s, starts_in_s, per_hour)
    return np.where(hopeless, np.nan, image_s * (1 + lost))


def _sessions(workload: Workload) -> tuple[int, float]:
    if workload.deadline is not None:
        return 1, workload.deadline.hours * SECONDS_PER_HOUR
    assert workload.on_demand is not None  # noqa: S101 - no other mode is rented by the session
    starts = workload.on_demand.starts_per_month
    return starts, MONTH_S / starts
