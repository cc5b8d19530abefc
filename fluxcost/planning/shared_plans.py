"""Plans of one fleet that several workloads share, beside a fleet or an API for each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.shared_fleet import SharedDemand, shared_demand
from fluxcost.capacity.shared_sizing import SharedSizing
from fluxcost.economics.catalog import Catalog, load_catalog
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_row import today_utc
from fluxcost.errors import InfeasibleError
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.planning.candidates import ServiceTime, no_timing, service_times_of
from fluxcost.planning.constraints import broken_by_offer, broken_by_place_or_age
from fluxcost.planning.cost_allocation import Allocation, IdleRule, allocate
from fluxcost.planning.plans import Plan, Plans, Rejected, rank_key, split_rejected
from fluxcost.planning.purchase_modes import broken_steadiness, rented
from fluxcost.planning.rental_sizing import image_seconds, rent_fleet
from fluxcost.planning.search import fits_of, plan_fitted
from fluxcost.planning.traffic.fleet_candidates import fleet_candidates_among
from fluxcost.workload.workload import Workload


@dataclass(frozen=True, eq=False)
class SharedPlans:
    """The fleets that several workloads can share, lowest upper bound of the cost first.

    Attributes:
        ranked: Every shared plan that breaks no constraint of any workload.
        rejected: Every candidate that does.
        alone: The plans of each workload by itself, in the order given; each has at least one.
        idle_by: How idle time is shared.
    """

    ranked: tuple[Plan, ...]
    rejected: tuple[Rejected, ...]
    alone: tuple[Plans, ...]
    idle_by: IdleRule

    @property
    def names(self) -> tuple[str, ...]:
        """The workloads, in the order given."""
        return tuple(plans.workload for plans in self.alone)

    @property
    def best(self) -> Plan:
        """The first plan.

        Raises:
            InfeasibleError: No fleet meets every workload's objective and constraints.
        """
        if self.ranked:
            return self.ranked[0]
        slow = [item for item in self.rejected if item.over is not None]
        nearest = min(slow, key=lambda item: item.over or 0.0) if slow else self.rejected[0]
        raise InfeasibleError(
            f"no fleet that {' and '.join(self.names)} can share, of {len(self.rejected)} "
            f"candidates; nearest is {nearest.candidate}: {nearest.reason}"
        )

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        """Each workload's part of the best plan's cost; the parts sum to the whole."""
        return self.allocated(self.best)

    def allocated(self, shared: Plan) -> tuple[Allocation, ...]:
        """Return each workload's part of a shared plan's cost."""
        own = [plans.best for plans in self.alone]
        images = [demand_of(plans.recipe.workload).images_per_month for plans in self.alone]
        return allocate(shared, own, images, self.idle_by)

    @property
    def apart(self) -> Estimate:
        """What the best plans of all workloads by themselves cost together, USD/month."""
        return derive(
            lambda *each: sum(each),
            *(plans.best.total for plans in self.alone),
            unit="USD/month",
        )

    @property
    def saved(self) -> Estimate:
        """What sharing saves, USD/month; under 0 where it costs more."""
        return derive(lambda own, one: own - one, self.apart, self.best.total, unit="USD/month")

    def to_dict(self) -> dict[str, Any]:
        """Return every plan, its allocation and every rejection as plain values."""
        return {
            "workloads": list(self.names),
            "idle_by": self.idle_by,
            "plans": [
                each.to_dict() | {"allocations": [part.to_dict() for part in self.allocated(each)]}
                for each in self.ranked
            ],
            "alone": [plans.best.to_dict() | {"workload": plans.workload} for plans in self.alone],
            "recipes": [
                plans.recipe.to_dict(
                    component.option
                    for each in (*self.ranked, plans.best)
                    for component in each.components
                )
                for plans in self.alone
            ],
            "apart": self.apart.to_dict(),
            "saved": self.saved.to_dict(),
            "rejected": [item.to_dict() for item in self.rejected],
        }


def plan_shared(
    workloads: Sequence[Workload],
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
    today: dt.date | None = None,
    *,
    seed: int = 0,
    idle_by: IdleRule = "use",
) -> SharedPlans:
    """Return the fleets that several workloads can share, and what each workload pays.

    The requests come merged to one fleet of one GPU type and stack; it has the fewest replicas with
    which every workload meets its own objective in at least 90 of 100 draws of the timing error,
    by simulation. An offer, stack or batch that one of the workloads forbids is not shared.

    Args:
        workloads: Two or more of one model, each with arrivals at a rate and an objective.
        catalog: Prices; the shipped ones unless given.
        calibrations: Timings; every shipped one of the model unless given.
        today: Day prices are judged on; the current day unless given.
        seed: Of the simulation; the same seed gives the same plans.
        idle_by: How the cost of idle time is shared: "use", as the GPU seconds used; "alone", as
            what the best plan of each by itself costs; "equal", evenly.

    Raises:
        InputError: The workloads cannot share, or a calibration is of another model.
        InfeasibleError: A workload has no plan by itself.
    """
    all_of_them = shared_demand(workloads)
    today = today or today_utc()
    catalog = (catalog or load_catalog()).at(today)
    fits = fits_of(workloads[0], catalog, calibrations)
    alone = tuple(plan_fitted(each, catalog, fits, today, seed=seed) for each in workloads)
    for plans in alone:
        plans.best  # noqa: B018 - says why there is none
    outcomes = _serve(workloads, all_of_them, catalog, fits, today, seed)
    ranked, rejected = split_rejected(outcomes)
    return SharedPlans(tuple(sorted(ranked, key=rank_key)), tuple(rejected), alone, idle_by)


def _serve(
    workloads: Sequence[Workload],
    all_of_them: SharedDemand,
    catalog: Catalog,
    fits: Sequence[Fit],
    today: dt.date,
    seed: int,
) -> Iterator[Plan | Rejected]:
    demand = all_of_them.demand
    timings, not_for_all = _timings(workloads, all_of_them, fits)
    yield from not_for_all

    def sizing(timing: ServiceTime) -> SharedSizing:
        return SharedSizing(
            all_of_them,
            service_times(timing.fit, demand.mix, timing.batch),
            calibration=timing.calibration,
            batching=Batching(max_batch=timing.batch),
            seed=seed,
        )

    candidates, too_slow = split_rejected(
        fleet_candidates_among(timings, sizing, SharedSizing.simulated)
    )
    yield from too_slow
    offers, not_allowed = split_rejected(_offers(workloads, catalog, today))
    yield from not_allowed
    for offer in offers:
        here = [candidate for candidate in candidates if candidate.timing.gpu == offer.gpu]
        if not here:
            yield _no_candidate(offer, workloads[0], timings)
        for candidate in here:
            rental = rent_fleet(offer, candidate.serving, today)
            images = demand.images_per_month
            yield rented(
                offer, candidate.timing, "always-on", rental, images, today, candidate.serving
            )


def _timings(
    workloads: Sequence[Workload], all_of_them: SharedDemand, fits: Sequence[Fit]
) -> tuple[list[ServiceTime], list[Rejected]]:
    """Return the timings that every workload's constraints allow, and why the others are not."""
    allowed: list[dict[tuple[str, int], ServiceTime]] = []
    rejected: dict[str, Rejected] = {}
    for workload in workloads:
        own = demand_of(workload).mix
        kept, broken = split_rejected(service_times_of(own, workload.constraints, fits))
        allowed.append({(timing.calibration, timing.batch): timing for timing in kept})
        for item in broken:
            rejected.setdefault(item.candidate, _of(workload, item))
    by_all = [key for key in allowed[0] if all(key in each for each in allowed)]
    timings = [_joined([each[key] for each in allowed], all_of_them) for key in by_all]
    return timings, list(rejected.values())


def _joined(timings: Sequence[ServiceTime], all_of_them: SharedDemand) -> ServiceTime:
    """Return the timing of all workloads together from one stack and batch's timing for each."""
    slowest = max(timings, key=lambda timing: timing.latency.high)
    image_s = image_seconds(slowest.fit, all_of_them.demand.mix, slowest.batch)
    return replace(slowest, image_s=image_s)


def _offers(
    workloads: Sequence[Workload], catalog: Catalog, today: dt.date
) -> Iterator[Offer | Rejected]:
    """Yield every offer that can hold the fleet, or the rule it breaks and whose that is."""
    for offer in catalog.offers:
        yield broken_steadiness(offer) or _broken(offer, workloads, today) or offer


def _broken(offer: Offer, workloads: Sequence[Workload], today: dt.date) -> Rejected | None:
    for workload in workloads:
        broken = broken_by_offer(offer, workload.constraints, today)
        broken = broken or broken_by_place_or_age(offer, workload.constraints, today)
        if broken is not None:
            return _of(workload, broken)
    return None


def _of(workload: Workload, item: Rejected) -> Rejected:
    return replace(item, reason=f"{workload.name}: {item.reason}")


def _no_candidate(offer: Offer, workload: Workload, timings: Sequence[ServiceTime]) -> Rejected:
    if all(timing.gpu != offer.gpu for timing in timings):
        return no_timing(offer, workload)
    reason = f"no stack and batch meets every objective on {offer.gpu}."
    return Rejected(offer.id, "objective", reason)
