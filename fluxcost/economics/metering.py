"""From billed time to the lines of an invoice: GPUs, the parts beside them, fee, credit and tax."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.economics.billing import HOURS_PER_MONTH
from fluxcost.economics.invoice import Amount, Category, Invoice, Line
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.economics.rows import PriceRow
from fluxcost.economics.terms import Part
from fluxcost.errors import InputError, UnknownNameError

SECONDS_OF = {
    "second": 1.0,
    "hour": float(SECONDS_PER_HOUR),
    "month": float(HOURS_PER_MONTH * SECONDS_PER_HOUR),
}
"""Seconds of each time that a part is billed by."""


@dataclass(frozen=True)
class Resources:
    """What an instance takes beside its GPUs.

    Attributes:
        cpu: Cores.
        memory_gib: GiB of host memory.
        storage_gib: GiB of disk.
        traffic_gib: GiB sent out in the month, by all instances together.
    """

    cpu: float = 0.0
    memory_gib: float = 0.0
    storage_gib: float = 0.0
    traffic_gib: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise InputError(f"{name} is {value!r}; expected 0 or more.")

    def of(self, part: Part) -> float:
        """Return how much of a part an instance takes, in cores or GiB."""
        return {
            "cpu": self.cpu,
            "memory": self.memory_gib,
            "storage": self.storage_gib,
            "traffic": self.traffic_gib,
        }[part.of]


@dataclass(frozen=True, eq=False)
class Span:
    """Billed time of instances.

    Attributes:
        name: What the time went into.
        instance_s: Seconds, summed over instances.
        paid_ahead: Whether a commitment covers it.
    """

    name: str
    instance_s: Amount
    paid_ahead: bool = False


@dataclass(frozen=True)
class Terms:
    """What the buyer says about the account.

    Attributes:
        resources: What an instance takes beside its GPUs.
        account_plan: Which of the row's monthly plans is paid; None where none is.
        tax_share: Tax on top of prices that exclude it, such as 0.19.
    """

    resources: Resources = Resources()
    account_plan: str | None = None
    tax_share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.tax_share <= 1:
            raise InputError(f"tax_share is {self.tax_share!r}; expected a share of 0 to 1.")


NO_TERMS = Terms()


def gpu_lines(
    offer: Offer, spans: Sequence[Span], usd_per_gpu_hour: Amount | None = None
) -> Iterator[Line]:
    """Yield a line per span, and the purchase that pays for those paid ahead.

    Args:
        offer: What is rented.
        spans: Billed time, each for the instances of that offer.
        usd_per_gpu_hour: Price in place of the offer's own, such as its draws.

    Raises:
        MissingDataError: The vendor publishes no price.
    """
    price = offer.usd_per_gpu_hour if usd_per_gpu_hour is None else usd_per_gpu_hour
    usd_per_hour = price * offer.gpu_count
    markup = offer.list_usd_per_instance_hour / offer.usd_per_instance_hour
    for span in spans:
        hours = span.instance_s / SECONDS_PER_HOUR
        usd = hours * usd_per_hour
        if span.paid_ahead:
            spread = usd + hours * _upfront_usd_per_hour(offer)
            yield Line(span.name, Category.USAGE, hours, "h", usd * markup, spread, spread, 0.0)
        else:
            yield Line.plain(span.name, hours, "h", usd, usd * markup)
    ahead_h = _total_s(span for span in spans if span.paid_ahead) / SECONDS_PER_HOUR
    if any(span.paid_ahead for span in spans):
        billed = _purchase_usd(offer, ahead_h, usd_per_hour)
        yield Line("commitment", Category.PURCHASE, 1.0, "term", 0.0, 0.0, 0.0, billed)


def _upfront_usd_per_hour(offer: Offer) -> float:
    commitment = offer.commitment
    if commitment is None or commitment.upfront is None:
        return 0.0
    return commitment.upfront * offer.factor / commitment.term_hours


def _purchase_usd(offer: Offer, hours: Amount, usd_per_hour: Amount) -> Amount:
    """Return what a commitment puts on the first month's invoice."""
    commitment = offer.commitment
    if commitment is None:
        return hours * usd_per_hour
    instances = hours / min(HOURS_PER_MONTH, commitment.term_hours)
    if commitment.payment == "upfront":
        return instances * commitment.term_hours * usd_per_hour
    upfront = instances * commitment.term_hours * _upfront_usd_per_hour(offer)
    return hours * usd_per_hour + upfront


def _total_s(spans: Iterable[Span]) -> Amount:
    total: Amount = 0.0
    for span in spans:
        total = total + span.instance_s
    return total


def part_lines(
    offer: Offer, spans: Sequence[Span], resources: Resources, kept_instances: int = 1
) -> Iterator[Line]:
    """Yield a line per part beside the GPUs; what is kept while stopped is billed all month."""
    running_s = _total_s(spans)
    month_s = SECONDS_OF["month"]
    for part in offer.parts:
        quantity = part.quantity(resources.of(part))
        taken: Amount = quantity
        if not part.is_once:
            time_s = month_s * kept_instances if part.while_stopped else running_s
            taken = quantity * time_s / SECONDS_OF[part.unit.split("-")[1]]
        usd = taken * part.amount * offer.factor
        yield Line.plain(part.of, taken, part.unit, usd)


def closed(row: PriceRow, lines: Sequence[Line], terms: Terms = NO_TERMS) -> Invoice:
    """Return the invoice of some lines with the account's fee, its included use, and tax.

    Raises:
        UnknownNameError: The row has no such account plan.
        InputError: A tax is given for a price that already holds it.
    """
    if terms.tax_share and row.tax_included:
        raise InputError(
            f"tax_share is {terms.tax_share:g} and the price of {row.id} already holds the tax; "
            "leave it out."
        )
    so_far = Invoice(row.provider, row.id, tuple(lines))
    with_plan = (*so_far.lines, *_plan_lines(row, so_far.billed_usd, terms.account_plan))
    billed = Invoice(row.provider, row.id, with_plan)
    if not terms.tax_share:
        return billed
    tax = Line.other("tax", Category.TAX, billed.billed_usd * terms.tax_share)
    return Invoice(row.provider, row.id, (*billed.lines, tax))


def _plan_lines(row: PriceRow, billed: Amount, name: str | None) -> tuple[Line, ...]:
    if name is None:
        return ()
    if name not in row.account_plans:
        raise UnknownNameError(f"account plan of {row.id}", name, row.account_plans)
    plan = row.account_plans[name]
    used: Amount = np.minimum(billed, plan.included_usd)
    return (
        Line.other(f"{name} plan", Category.PURCHASE, plan.usd_per_month),
        Line.other("included use", Category.CREDIT, -1.0 * used),
    )
