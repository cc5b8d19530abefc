"""What a workload forbids: one rule after another, the first broken one is the reason.

A model's license is one of the rules: it holds on rented GPUs, while an API sells its model
licensed.
"""

from __future__ import annotations

import datetime as dt

from fluxcost.economics.catalog import Catalog
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, BillingKind, Offer
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import UnknownNameError
from fluxcost.performance.architecture import load_architecture
from fluxcost.planning.plans import Rejected
from fluxcost.workload.constraints import Constraints
from fluxcost.workload.workload import Workload


def broken_license(model: str, constraints: Constraints) -> str | None:
    """Return why a model's weights may not be run for a workload, or None.

    A model without an architecture file is its user's own, whose license is theirs to know.
    """
    if constraints.non_commercial:
        return None
    try:
        architecture = load_architecture(model)
    except UnknownNameError:
        return None
    if architecture.commercial_use:
        return None
    return (
        f"the license of {model} ({architecture.license}) allows no commercial use; say "
        "non_commercial: true in constraints if yours is none, or buy it from an API."
    )


def refuse_unknown_names(constraints: Constraints, catalog: Catalog) -> None:
    """Raise when a constraint names a provider or billing kind that does not exist.

    A denial that matches nothing would otherwise pass as obeyed.

    Raises:
        UnknownNameError: Carries the nearest names.
    """
    providers = {row.provider for row in (*catalog.offers, *catalog.tariffs)}
    for provider in (*(constraints.allow_providers or ()), *constraints.deny_providers):
        if provider not in providers:
            raise UnknownNameError("provider", provider, providers)
    for kind in constraints.allow_billing or ():
        if kind not in set(BillingKind):
            raise UnknownNameError("billing kind", kind, set(BillingKind))


def broken_by_offer(
    offer: Offer, constraints: Constraints, today: dt.date | None
) -> Rejected | None:
    """Return the first rule an offer breaks, or None."""
    if broken := _broken_by_row(offer, constraints, today):
        return broken
    allowed = constraints.allow_billing
    if allowed is not None and offer.kind not in allowed:
        return Rejected(
            offer.id, "allow_billing", f"sold as {offer.kind}; allowed: {', '.join(allowed)}."
        )
    # A host may change its price or leave from one day to the next: a risk to take knowingly.
    named = allowed is not None and offer.kind is BillingKind.MARKETPLACE
    if offer.is_marketplace and not (constraints.allow_marketplace or named):
        reason = "a marketplace host's price; allow_marketplace: true uses it."
        return Rejected(offer.id, "allow_marketplace", reason)
    # The vendor may stop it in the middle of a job, and how often only its user knows.
    if offer.is_interruptible and constraints.spot_interruptions_per_hour is None:
        reason = "may be interrupted; state how often you see it happen to use it."
        return Rejected(offer.id, "spot_interruptions_per_hour", reason)
    return None


def broken_by_tariff(
    tariff: Tariff, workload: Workload, images: int, today: dt.date | None
) -> Rejected | None:
    """Return the first rule a tariff breaks for so many images, or None."""
    constraints = workload.constraints
    if broken := _broken_by_row(tariff, constraints, today):
        return broken
    if workload.objective is not None and not constraints.allow_untimed:
        return Rejected(
            tariff.id,
            "objective",
            "the latency of this API is not measured; allow_untimed: true accepts that.",
        )
    if constraints.max_latency_p95_s is not None:
        return Rejected(
            tariff.id,
            "max_latency_p95_s",
            "the latency of this API is not measured; leave the limit out.",
        )
    if tariff.most_images_per_s is None:
        return None
    hours = HOURS_PER_MONTH if workload.deadline is None else workload.deadline.hours
    most = tariff.most_images_per_s * hours * SECONDS_PER_HOUR
    if images > most:
        reason = (
            f"{tariff.limits}: {most:,.0f} images in {hours:g} h; {images:,} asked. Ask "
            "the vendor for more and add the answer as a row of your own."
        )
        return Rejected(tariff.id, "rate limit", reason)
    return None


def _broken_by_row(
    row: Offer | Tariff, constraints: Constraints, today: dt.date | None
) -> Rejected | None:
    if not row.is_current(today):
        reason = row.note or f"valid from {row.effective_from} until {row.valid_until}"
        return Rejected(row.id, "price", f"the price is {row.status}: {reason}")
    if not row.is_plannable(today):
        return Rejected(row.id, "price", "no price anyone can buy at is published.")
    return _broken_by_provider(row, constraints) or _broken_by_evidence(row, constraints, today)


def _broken_by_provider(row: Offer | Tariff, constraints: Constraints) -> Rejected | None:
    allowed = constraints.allow_providers
    if allowed is not None and row.provider not in allowed:
        return Rejected(row.id, "allow_providers", f"allowed: {', '.join(allowed)}.")
    if row.provider in constraints.deny_providers:
        return Rejected(row.id, "deny_providers", f"{row.provider} is denied.")
    return None


def _broken_by_evidence(
    row: Offer | Tariff, constraints: Constraints, today: dt.date | None
) -> Rejected | None:
    if row.grade > constraints.least_grade:
        reason = f"grade {row.grade}, of at least {constraints.least_grade} asked; "
        return Rejected(row.id, "least_grade", reason + f"least_grade: {row.grade} uses it.")
    # Whoever brings a price of their own has judged its age.
    if not (constraints.allow_stale or row.from_overlay) and (stale := row.staleness(today)):
        return Rejected(row.id, "allow_stale", f"{stale}; allow_stale: true, the default, uses it.")
    return None


def broken_by_place_or_age(
    row: Offer | Tariff, constraints: Constraints, today: dt.date | None
) -> Rejected | None:
    """Return the first rule that a row's region, host or age breaks, or None."""
    oldest = constraints.max_price_age_days
    if oldest is not None and row.age_days(today) > oldest:
        reason = f"{row.age_days(today)} days old; at most {oldest} asked."
        return Rejected(row.id, "max_price_age_days", reason)
    tiers, regions = constraints.allow_tiers, constraints.allow_regions
    if isinstance(row, Tariff):
        if regions is None:
            return None
        reason = f"where this API runs is not known; allowed: {', '.join(regions)}."
        return Rejected(row.id, "allow_regions", reason)
    if tiers is not None and row.tier not in tiers:
        reason = f"the host is {row.tier}; allowed: {', '.join(tiers)}."
        return Rejected(row.id, "allow_tiers", reason)
    if regions is not None and not any(word.lower() in row.region.lower() for word in regions):
        where = row.region or "not stated, which a row of your own prices may do"
        reason = f"the region is {where}; allowed: {', '.join(regions)}."
        return Rejected(row.id, "allow_regions", reason)
    return None
