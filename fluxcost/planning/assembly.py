"""From a rental or a tariff to a plan: the price of an image, the components, the evidence."""

from __future__ import annotations

import datetime as dt

from fluxcost.capacity.fleet import Batching, Fleet
from fluxcost.capacity.serving import Serving
from fluxcost.economics.offers import Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.estimate import Estimate, derive
from fluxcost.planning.legs import Leg, Mode
from fluxcost.planning.paces import Mix, Pace
from fluxcost.planning.plans import Plan
from fluxcost.planning.sizing import Rental
from fluxcost.units import percent, usd


def rented(
    offer: Offer,
    timing: Pace,
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
        components=(_leg(offer, timing, mode, rental, fleet),),
        serving=serving,
    )


def _leg(offer: Offer, timing: Pace, mode: Mode, rental: Rental, fleet: Fleet | None) -> Leg:
    return Leg(
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


def bought(tariff: Tariff, mix: Mix, images: int, unit: str, today: dt.date | None) -> Plan:
    """Return the plan of one tariff paid.

    Raises:
        InputError: The API does not make a shape.
        MissingDataError: Its price was not found.
    """
    shares = [share for _, share in mix]
    prices = [tariff.usd_per_image(shape, today) for shape, _ in mix]
    total = derive(
        lambda *each: images * sum(s * p for s, p in zip(shares, each, strict=True)),
        *prices,
        unit=unit,
    )
    each_usd, per_usd = per_image(total, images)
    component = Leg(
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
        why=f"{images:,} images x {usd(each_usd.value)} = {usd(total.value)}.",
        caveats=(
            *tariff.caveats(today),
            f"{tariff.id}: {tariff.limits}",
        ),
        components=(component,),
    )


def per_image(
    total: Estimate, images: int, serving: Serving | None = None
) -> tuple[Estimate, Estimate]:
    """Return USD an image and images a USD, of those answered."""
    made = images * (1 - (serving.lost if serving else 0.0))
    each_usd = total.scaled(1 / made, "USD/image")
    return each_usd, derive(lambda usd_each: 1 / usd_each, each_usd, unit="images/USD")
