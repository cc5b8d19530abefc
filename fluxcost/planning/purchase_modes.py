"""Purchase modes: how an offer is rented for a volume, and the plan of a rental or tariff."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fluxcost.capacity.fleet import Batching, Fleet
from fluxcost.capacity.results import Serving
from fluxcost.economics.api_bill import DAYS_PER_MONTH, api_bill
from fluxcost.economics.catalog import Catalog
from fluxcost.economics.ledger import Bill, Line
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, BillingKind, Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import Estimate, derive
from fluxcost.planning.candidates import (
    Mix,
    ServiceTime,
)
from fluxcost.planning.constraints import (
    broken_by_place_or_age,
    broken_by_tariff,
)
from fluxcost.planning.plan_records import Component, Mode
from fluxcost.planning.plans import Plan, Rejected
from fluxcost.planning.rental_sizing import (
    Rental,
    RentalJob,
    RentalTerms,
    rent_for_job,
    rent_for_month,
)
from fluxcost.units import counted, percent, significant, usd
from fluxcost.workload.workload import Workload

KEPT_FOR_MONTHS = frozenset({BillingKind.RESERVED, BillingKind.SERVERLESS_ALWAYS_ON})
"""Never rented for a single job."""

SCALED_TO_ZERO = frozenset({BillingKind.SERVERLESS})
"""Bills each start; kept up around the clock, it is sold under another kind."""


def broken_steadiness(offer: Offer) -> Rejected | None:
    """Return why an offer cannot hold replicas that are kept around the clock, or None."""
    if offer.kind in SCALED_TO_ZERO:
        reason = f"sold as {offer.kind}, which is not kept around the clock."
        return Rejected(offer.id, "volume", reason)
    if offer.is_interruptible:
        reason = f"sold as {offer.kind}: replicas that vanish are not sized for an objective."
        return Rejected(offer.id, "objective", reason)
    return None


@dataclass(frozen=True)
class PurchaseMode:
    """One purchase mode.

    Attributes:
        mode: Its name.
        rent: Sizes and bills it; raises InfeasibleError when time does not suffice.
        not_for: Billing kinds that cannot be bought in this mode.
    """

    mode: Mode
    rent: Callable[[Offer, ServiceTime, RentalTerms], Rental]
    not_for: frozenset[BillingKind]


def purchase_modes_for(offer: Offer, workload: Workload) -> tuple[PurchaseMode, ...]:
    """Return the purchase modes in which an offer can be rented for a workload."""
    return tuple(
        purchase for purchase in _purchase_modes(workload) if offer.kind not in purchase.not_for
    )


def _purchase_modes(workload: Workload) -> tuple[PurchaseMode, ...]:
    if workload.deadline is not None:
        job = RentalJob(workload.images, workload.deadline.hours * SECONDS_PER_HOUR)
        return (PurchaseMode("deadline", _by(job), KEPT_FOR_MONTHS),)
    kept = PurchaseMode("always-on", _around_the_clock(workload.images), SCALED_TO_ZERO)
    if workload.on_demand is None:
        return (kept,)
    starts = workload.on_demand.starts_per_month
    month_s = HOURS_PER_MONTH * SECONDS_PER_HOUR
    job = RentalJob(math.ceil(workload.images / starts), month_s / starts, sessions=starts)
    return kept, PurchaseMode("on-demand", _by(job), KEPT_FOR_MONTHS)


def _by(job: RentalJob) -> Callable[[Offer, ServiceTime, RentalTerms], Rental]:
    return lambda offer, timing, terms: rent_for_job(
        offer, timing.image_s, timing.batch, job, terms
    )


def _around_the_clock(images: int) -> Callable[[Offer, ServiceTime, RentalTerms], Rental]:
    return lambda offer, timing, terms: rent_for_month(offer, timing.image_s, images, terms)


def rented(
    offer: Offer,
    timing: ServiceTime,
    mode: Mode,
    rental: Rental,
    images: int,
    today: dt.date | None,
    serving: Serving | None = None,
    notes: tuple[str, ...] = (),
) -> Plan:
    """Return the plan of one offer rented, with notes for its reader."""
    each_usd, per_usd = per_image(rental.total, images, serving)
    fleet = None if serving is None else serving.fleet
    return Plan(
        option=offer.id,
        mode=mode,
        gpu=offer.gpu,
        gpus=rental.gpus,
        calibration=timing.calibration,
        batch=timing.batch,
        hours=rental.hours,
        latency=timing.latency,
        total=rental.total,
        usd_per_image=each_usd,
        images_per_usd=per_usd,
        timing_source=timing.source,
        price_source=offer.trust(today),
        priced_as_of=f"{offer.as_of}, {offer.grade}",
        why=rental.why,
        caveats=(*offer.caveats(today), *notes, *_about(offer, rental, serving)),
        components=(_component(offer, timing, mode, rental, fleet),),
        serving=serving,
    )


def _component(
    offer: Offer, timing: ServiceTime, mode: Mode, rental: Rental, fleet: Fleet | None
) -> Component:
    return Component(
        option=offer.id,
        mode=mode,
        gpu=offer.gpu,
        gpus=rental.gpus,
        replicas=rental.gpus if fleet is None else fleet.replicas,
        gpus_per_image=1 if fleet is None else fleet.gpus_per_image,
        calibration=timing.calibration,
        batching=Batching(max_batch=timing.batch) if fleet is None else fleet.batching,
        queue_limit=None if fleet is None else fleet.queue_limit,
        scaling=None if fleet is None else fleet.scaling,
        share=1.0,
        total=rental.total,
    )


def _about(offer: Offer, rental: Rental, serving: Serving | None) -> tuple[str, ...]:
    if serving is None:
        return ()
    notes = []
    if offer.gpu_count > 1 and serving.fleet.replicas > 1:
        notes.append("replicas of one host are sized as if each had a host of its own")
    if (spare := rental.gpus - serving.fleet.gpus) > 0:
        notes.append(f"{spare} of the {rental.gpus} GPUs are to spare: they are sold together")
    if serving.lost:
        notes.append(f"{percent(serving.lost)} of the requests are turned away")
    if serving.sized_by == "theory":
        notes.append("sized by queueing theory alone; simulate it before renting")
    return tuple(notes)


def bought(
    tariff: Tariff,
    mix: Mix,
    images: int,
    unit: str,
    today: dt.date | None,
    days: float = DAYS_PER_MONTH,
) -> Plan:
    """Return the plan of one tariff paid: its bill for the images of a month or of some days.

    Raises:
        InputError: The API does not make a shape.
        MissingDataError: Its price was not found.
    """
    bill = api_bill(tariff, mix, images, days=days, today=today)
    total = replace(bill.billed, unit=unit)
    each_usd, per_usd = per_image(total, images)
    component = Component(
        option=tariff.id,
        mode="api",
        gpu=None,
        gpus=0,
        replicas=0,
        calibration=None,
        batching=None,
        queue_limit=None,
        scaling=None,
        share=1.0,
        total=total,
    )
    return Plan(
        option=tariff.id,
        mode="api",
        gpu=None,
        gpus=0,
        calibration=None,
        batch=None,
        hours=None,
        latency=None,
        total=total,
        usd_per_image=each_usd,
        images_per_usd=per_usd,
        timing_source=None,
        price_source=tariff.trust(today),
        priced_as_of=f"{tariff.as_of}, {tariff.grade}",
        why=_api_working(bill),
        caveats=(
            *tariff.caveats(today),
            f"{tariff.id}: {tariff.limits}",
        ),
        components=(component,),
    )


def _api_working(bill: Bill) -> str:
    """Return how the bill of an API comes about: its lines, where there are several."""
    total = usd(bill.billed.value)
    if [line.name for line in bill.invoice.lines] == ["images"]:
        return f"{bill.images:,} images x {usd(bill.billed.value / bill.images)} = {total}."
    lines = [line for line in bill.invoice.lines if line.billed_usd]
    if len(lines) == 1:
        return f"{counted(bill.images, 'image')}: {_api_line(lines[0])}."
    working = _api_line(lines[0])
    for line in lines[1:]:
        working += f" {'-' if line.billed_usd < 0 else '+'} {_api_line(line)}"
    return f"{working} = {total}."


def _api_line(line: Line) -> str:
    amount = usd(abs(float(line.billed_usd)))
    if line.unit == "h":
        return f"{significant(float(line.quantity))} {line.name} {amount}"
    if line.name == "images":
        return f"{round(float(line.quantity)):,} images {amount}"
    return f"{line.name} {amount}"


def per_image(
    total: Estimate, images: int, serving: Serving | None = None
) -> tuple[Estimate, Estimate | None]:
    """Return USD an image and images a USD, of those answered; None where they may cost nothing."""
    made = images * (1 - (serving.lost if serving else 0.0))
    each_usd = total.scaled(1 / made, "USD/image")
    if min(each_usd.value, each_usd.draws.min()) <= 0:
        return each_usd, None
    return each_usd, derive(lambda usd_each: 1 / usd_each, each_usd, unit="images/USD")


def days_of(workload: Workload) -> float:
    """Return the days over which a workload's images are spread: a job's days begun, or a month."""
    if workload.deadline is None:
        return DAYS_PER_MONTH
    return math.ceil(workload.deadline.hours / 24)


def api_plans(
    workload: Workload,
    catalog: Catalog,
    mix: Mix,
    images: int,
    unit: str,
    today: dt.date | None,
) -> Iterator[Plan | Rejected]:
    """Yield the plan of every tariff of the model that is allowed, or the rule it breaks."""
    days = days_of(workload)
    for tariff in catalog.tariffs:
        if tariff.model != workload.model:
            continue
        broken = broken_by_tariff(tariff, workload, images, today)
        broken = broken or broken_by_place_or_age(tariff, workload.constraints, today)
        if broken is not None:
            yield broken
            continue
        try:
            yield bought(tariff, mix, images, unit, today, days)
        except (InputError, MissingDataError) as error:
            yield Rejected(tariff.id, "price", str(error))
