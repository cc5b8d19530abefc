"""The search: every offer at every service time, and every tariff, ranked by cost."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Iterator, Sequence

from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_row import today_utc
from fluxcost.errors import InfeasibleError, InputError, UnknownNameError
from fluxcost.performance.calibration.library import load_calibration, shipped_calibrations
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.quality.quality_record import Quality
from fluxcost.planning.candidates import (
    ServiceTime,
    allowed_offers,
    interruption_notes,
    name_of,
    no_timing,
    service_times_of,
    with_interruptions,
)
from fluxcost.planning.constraints import (
    refuse_unknown_names,
)
from fluxcost.planning.host_contention import with_host_contention
from fluxcost.planning.plan_records import Depth, PlanRecipe
from fluxcost.planning.plans import Plan, Plans, Rejected, rank_key, split_rejected
from fluxcost.planning.purchase_modes import api_plans, purchase_modes_for, rented
from fluxcost.planning.quality_floor import plan_for_quality
from fluxcost.planning.rental_sizing import RentalTerms
from fluxcost.workload.workload import Workload


def plan(
    workload: Workload,
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
    today: dt.date | None = None,
    *,
    depth: Depth = "simulated",
    seed: int = 0,
    qualities: Iterable[Quality] | None = None,
) -> Plans:
    """Return the plans that make a workload's images, lowest upper bound of the cost first.

    Requests that arrive one by one are served by fleets that meet the objective in at least 90 of
    100 draws of the timing error.

    Args:
        workload: What is asked and what is forbidden.
        catalog: Prices; the shipped ones unless given.
        calibrations: Timings; every shipped one of the workload's model unless given.
        today: Day prices are judged on; the current day unless given. On a past day, prices are
            those known then.
        depth: Where requests arrive, "simulated" lets the simulator decide among what queueing
            theory finds near; "analytic" answers by theory alone, at once.
        seed: Of the simulation; the same seed gives the same plans.
        qualities: Records a quality floor is judged by; the shipped ones unless given.

    Raises:
        InputError: A calibration is of another model, a constraint names something unknown,
            arrivals are stated without an objective, a price of your own was seen after `today`,
            or quality records hold scores of several
            judges and the floor names none.
        MissingDataError: The workload has a quality floor and no record says how good a model is.
    """
    today = today or today_utc()
    catalog = (catalog or load_catalog()).at(today)
    if workload.quality is not None:
        one = functools.partial(plan, catalog=catalog, today=today, depth=depth, seed=seed)
        asked = PlanRecipe(workload, catalog, {}, today, depth, seed)
        return plan_for_quality(asked, one, calibrations, qualities, rank_key)
    fits = fits_of(workload, catalog, calibrations)
    return plan_fitted(workload, catalog, fits, today, depth, seed)


def plan_fitted(
    workload: Workload,
    catalog: Catalog,
    fits: Sequence[Fit],
    today: dt.date,
    depth: Depth = "simulated",
    seed: int = 0,
) -> Plans:
    """Return the plans of a workload from fits, which many questions may share; see `plan`.

    Raises:
        InputError: The workload has a quality floor, which chooses among models.
    """
    if workload.quality is not None:
        raise InputError(
            f"{workload.name}: quality chooses among models; plan it, then ask again with the "
            "model and steps chosen and without quality."
        )
    refuse_unknown_names(workload.constraints, catalog)
    if workload.arrivals is None:
        outcomes = _make(workload, catalog, fits, today)
    else:
        # The simulator's compiled loops are slow to import, and a volume does without them.
        from fluxcost.planning.traffic.traffic_plans import serve

        outcomes = serve(workload, catalog, fits, today, depth, seed)
    ranked, rejected = split_rejected(outcomes)
    timed = {name_of(each.calibration): each.key for each in fits}
    recipe = PlanRecipe(workload, catalog, timed, today, depth, seed)
    return Plans(workload.name, tuple(sorted(ranked, key=rank_key)), tuple(rejected), recipe)


def _make(
    workload: Workload, catalog: Catalog, fits: Sequence[Fit], today: dt.date | None
) -> Iterator[Plan | Rejected]:
    """Yield the plans that make a volume of images."""
    terms = RentalTerms.of(workload, today)
    timings, too_slow = split_rejected(service_times_of(workload.mix, workload.constraints, fits))
    yield from too_slow
    offers, not_allowed = split_rejected(allowed_offers(workload, catalog, today))
    yield from not_allowed
    for offer in offers:
        here = [timing for timing in timings if timing.gpu == offer.gpu]
        if not here:
            yield no_timing(offer, workload)
        for timing in here:
            yield from _rent_at(offer, timing, workload, terms)
    yield from api_plans(workload, catalog, workload.mix, workload.images, terms.unit, today)


def _rent_at(
    offer: Offer, timing: ServiceTime, workload: Workload, terms: RentalTerms
) -> Iterator[Plan | Rejected]:
    modes = purchase_modes_for(offer, workload)
    if not modes:
        reason = f"sold as {offer.kind}, which does not suit this volume; see on_demand."
        yield Rejected(offer.id, "volume", reason)
    terms = terms.starting(workload, timing.fit.calibration)
    per_hour = workload.constraints.spot_interruptions_per_hour
    timing, untimed = with_host_contention(timing, offer, workload.mix)
    notes = (*interruption_notes(offer, per_hour), *untimed)
    for purchase in modes:
        try:
            rental = purchase.rent(offer, with_interruptions(timing, offer, per_hour, terms), terms)
        except InfeasibleError as error:
            yield Rejected(f"{offer.id}, batch {timing.batch}", purchase.mode, str(error))
        else:
            yield rented(
                offer, timing, purchase.mode, rental, workload.images, terms.today, notes=notes
            )


def fits_of(
    workload: Workload, catalog: Catalog, calibrations: Iterable[Calibration] | None
) -> list[Fit]:
    """Return the fits of the calibrations given, or of every shipped one of the model.

    One that is given twice, by two names or as two files alike, counts once.

    Raises:
        InputError: A calibration is of another model, or no calibration or tariff has the model.
    """
    if calibrations is not None:
        given = {each.content_hash: each for each in calibrations}.values()
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
