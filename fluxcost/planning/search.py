"""The search: every offer at every pace, and every tariff, ranked by what it may cost at worst."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Iterator, Sequence

from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.offers import Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InfeasibleError, InputError, MissingDataError, UnknownNameError
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.library import load_calibration, shipped_calibrations
from fluxcost.performance.quality.record import Quality
from fluxcost.planning.constraints import broken_by_offer, broken_by_tariff, refuse_unknown_names
from fluxcost.planning.paces import Pace, paces_of
from fluxcost.planning.plans import Mode, Plan, Plans, Rejected, parted
from fluxcost.planning.quality import plan_for_quality
from fluxcost.planning.sizing import Rental, Terms
from fluxcost.planning.ways import ways_for
from fluxcost.units import usd
from fluxcost.workload import Workload


def plan(
    workload: Workload,
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
    today: dt.date | None = None,
    qualities: Iterable[Quality] | None = None,
) -> Plans:
    """Return the ways to make a workload's images, cheapest dear end of the interval first.

    Args:
        workload: What is asked and what is forbidden.
        catalog: Prices; the shipped ones unless given.
        calibrations: Timings; every shipped one of the workload's model unless given.
        today: Day prices are judged on; the current day unless given.
        qualities: Records a quality floor is judged by; the shipped ones unless given.

    Raises:
        InputError: A calibration is of another model, a constraint names something unknown, or
            quality records hold scores of several judges and the floor names none.
        MissingDataError: The workload has a quality floor and no record says how good a model is.
    """
    catalog = catalog or load_catalog()
    refuse_unknown_names(workload.constraints, catalog)
    if workload.quality is not None:
        one = functools.partial(plan, catalog=catalog, today=today)
        return plan_for_quality(workload, one, calibrations, qualities, _dearness)
    fits = _fits(workload, catalog, calibrations)
    terms = Terms.of(workload, today)
    paces, too_slow = parted(paces_of(workload, fits))
    rented, not_rented = parted(_rent(workload, catalog, paces, terms))
    bought, not_bought = parted(_buy(workload, catalog, terms))
    return Plans(
        workload=workload.name,
        ranked=tuple(sorted([*rented, *bought], key=_dearness)),
        rejected=(*too_slow, *not_rented, *not_bought),
    )


def _fits(
    workload: Workload, catalog: Catalog, calibrations: Iterable[Calibration] | None
) -> list[Fit]:
    if calibrations is not None:
        given = list(calibrations)
        for calibration in given:
            if calibration.model != workload.model:
                raise InputError(
                    f"calibration {calibration.alias} times {calibration.model}; expected "
                    f"{workload.model}, the model of the workload: choose another calibration."
                )
        return [fit(calibration) for calibration in given]
    models = {each.calibration.model for each in _shipped_fits()}
    known = models | {tariff.model for tariff in catalog.tariffs}
    if workload.model not in known:
        raise UnknownNameError("model", workload.model, known)
    return [each for each in _shipped_fits() if each.calibration.model == workload.model]


@functools.cache
def _shipped_fits() -> tuple[Fit, ...]:
    # Shipped files do not change while a program runs, and a fit remembers its answers, so only a
    # session's first plan pays for them; a dashboard asks many.
    return tuple(fit(load_calibration(entry.alias)) for entry in shipped_calibrations())


def _dearness(plan: Plan) -> tuple[float, int, int, str]:
    # At the same worst cost, what was measured and priced better comes first.
    timing = plan.timing_source.rank if plan.timing_source else 0
    return plan.total.high, timing, plan.price_source.rank, plan.option


def _rent(
    workload: Workload, catalog: Catalog, paces: Sequence[Pace], terms: Terms
) -> Iterator[Plan | Rejected]:
    for offer in catalog.offers:
        if broken := broken_by_offer(offer, workload.constraints, terms.today):
            yield broken
            continue
        here = [pace for pace in paces if pace.gpu == offer.gpu]
        if not here:
            reason = f"no usable timing of {workload.model} on {offer.gpu}; measure it there."
            yield Rejected(offer.id, "timing", reason)
        for pace in here:
            yield from _rent_at(offer, pace, workload, terms)


def _rent_at(
    offer: Offer, pace: Pace, workload: Workload, terms: Terms
) -> Iterator[Plan | Rejected]:
    ways = ways_for(offer, workload)
    if not ways:
        reason = f"sold as {offer.kind}, which does not suit this volume; see on_demand."
        yield Rejected(offer.id, "volume", reason)
    for way in ways:
        try:
            rental = way.rent(offer, pace, terms)
        except InfeasibleError as error:
            yield Rejected(f"{offer.id}, batch {pace.batch}", way.mode, str(error))
        else:
            yield _rented(offer, pace, way.mode, rental, workload, terms)


def _rented(
    offer: Offer, pace: Pace, mode: Mode, rental: Rental, workload: Workload, terms: Terms
) -> Plan:
    per_image, per_usd = _per_image(rental.total, workload.images)
    return Plan(
        option=offer.id,
        mode=mode,
        gpu=offer.gpu,
        gpus=rental.gpus,
        calibration=pace.calibration,
        batch=pace.batch,
        hours=rental.hours,
        latency=pace.latency,
        total=rental.total,
        usd_per_image=per_image,
        images_per_usd=per_usd,
        timing_source=pace.source,
        price_source=offer.trust(terms.today),
        priced_as_of=f"{offer.as_of}, {offer.grade}",
        why=rental.why,
        caveats=offer.caveats(terms.today),
    )


def _buy(workload: Workload, catalog: Catalog, terms: Terms) -> Iterator[Plan | Rejected]:
    for tariff in catalog.tariffs:
        if tariff.model != workload.model:
            continue
        if broken := broken_by_tariff(tariff, workload.constraints, terms.today):
            yield broken
            continue
        try:
            yield _bought(tariff, workload, terms)
        except (InputError, MissingDataError) as error:
            yield Rejected(tariff.id, "price", str(error))


def _bought(tariff: Tariff, workload: Workload, terms: Terms) -> Plan:
    shares = [share for _, share in workload.mix]
    prices = [tariff.usd_per_image(shape, terms.today) for shape, _ in workload.mix]
    total = derive(
        lambda *each: workload.images * sum(s * p for s, p in zip(shares, each, strict=True)),
        *prices,
        unit=terms.unit,
    )
    per_image, per_usd = _per_image(total, workload.images)
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
        usd_per_image=per_image,
        images_per_usd=per_usd,
        timing_source=None,
        price_source=tariff.trust(terms.today),
        priced_as_of=f"{tariff.as_of}, {tariff.grade}",
        why=f"{workload.images:,} images x {usd(per_image.value)} = {usd(total.value)}.",
        caveats=(
            *tariff.caveats(terms.today),
            f"{tariff.id}: whether its rate limit allows this volume is not known",
        ),
    )


def _per_image(total: Estimate, images: int) -> tuple[Estimate, Estimate]:
    per_image = total.scaled(1 / images, "USD/image")
    return per_image, derive(lambda usd_each: 1 / usd_each, per_image, unit="images/USD")
