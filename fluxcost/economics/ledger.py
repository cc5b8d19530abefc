"""Invoices line by line under the column names of FOCUS, and the lines that billed time makes.

FOCUS is the FinOps Foundation's open format for bills. Of its four costs, List is the public price,
Contracted the price agreed, Billed what is invoiced in the period, and Effective spreads money paid
ahead over the time it covers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, Offer
from fluxcost.economics.price_row import PriceRow
from fluxcost.economics.terms import NO_ACCOUNT_TERMS, AccountTerms, Resources
from fluxcost.errors import InputError, UnknownNameError
from fluxcost.estimate import Draws, Estimate, Source

Amount = float | Draws
"""A number, or one for each draw."""


class Category(StrEnum):
    """FOCUS charge categories."""

    USAGE = "Usage"
    PURCHASE = "Purchase"
    CREDIT = "Credit"
    TAX = "Tax"


@dataclass(frozen=True, eq=False)
class Line:
    """One charge.

    Attributes:
        name: What is charged for.
        category: Its kind.
        quantity: How much of it, in `unit`.
        unit: Such as h, GiB or images.
        list_usd: USD at the public price.
        contracted_usd: USD at the price agreed.
        effective_usd: USD with money paid ahead spread over what it covers.
        billed_usd: USD on this month's invoice.
    """

    name: str
    category: Category
    quantity: Amount
    unit: str
    list_usd: Amount
    contracted_usd: Amount
    effective_usd: Amount
    billed_usd: Amount

    @classmethod
    def plain(
        cls, name: str, quantity: Amount, unit: str, usd: Amount, list_usd: Amount | None = None
    ) -> Line:
        """Return usage that is billed as it is used."""
        listed = usd if list_usd is None else list_usd
        return cls(name, Category.USAGE, quantity, unit, listed, usd, usd, usd)

    @classmethod
    def other(cls, name: str, category: Category, usd: Amount) -> Line:
        """Return a fee, credit or tax, the same in all four columns."""
        return cls(name, category, 1.0, "month", usd, usd, usd, usd)


COSTS = ("list_usd", "contracted_usd", "effective_usd", "billed_usd")


@dataclass(frozen=True, eq=False)
class Invoice:
    """The charges of one month or job.

    Attributes:
        provider: Who sends it.
        resource: Id of the offer or tariff.
        lines: The charges.
    """

    provider: str
    resource: str
    lines: tuple[Line, ...]

    @property
    def billed_usd(self) -> Amount:
        """USD on the invoice."""
        return _total(line.billed_usd for line in self.lines)

    @property
    def effective_usd(self) -> Amount:
        """USD with money paid ahead spread over what it covers."""
        return _total(line.effective_usd for line in self.lines)

    @property
    def contracted_usd(self) -> Amount:
        """USD at the price agreed."""
        return _total(line.contracted_usd for line in self.lines)

    @property
    def list_usd(self) -> Amount:
        """USD at the public price."""
        return _total(line.list_usd for line in self.lines)

    def line(self, name: str) -> Line:
        """Return a line by name.

        Raises:
            InputError: There is no such line.
        """
        for line in self.lines:
            if line.name == name:
                return line
        names = ", ".join(line.name for line in self.lines)
        raise InputError(f"line {name!r} is not on the invoice; expected one of {names}.")

    def to_focus(self) -> list[dict[str, Any]]:
        """Return one row per line with FOCUS column names; amounts must be plain numbers."""
        return [
            {
                "ProviderName": self.provider,
                "ResourceId": self.resource,
                "BillingCurrency": "USD",
                "ChargeCategory": str(line.category),
                "ChargeDescription": line.name,
                "ConsumedQuantity": float(line.quantity),
                "ConsumedUnit": line.unit,
                "ListCost": float(line.list_usd),
                "ContractedCost": float(line.contracted_usd),
                "EffectiveCost": float(line.effective_usd),
                "BilledCost": float(line.billed_usd),
            }
            for line in self.lines
        ]

    def to_csv(self) -> str:
        """Return the rows of `to_focus` as CSV."""
        rows = self.to_focus()
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


@dataclass(frozen=True, eq=False)
class Bill:
    """An invoice with intervals.

    Attributes:
        invoice: The charges at the point estimates.
        billed: USD on the invoice.
        effective: USD with money paid ahead spread over what it covers.
        lines: Effective USD by line.
        images: Images it pays for.
        caveats: What a reader must know about the prices.
    """

    invoice: Invoice
    billed: Estimate
    effective: Estimate
    lines: Mapping[str, Estimate]
    images: int
    caveats: tuple[str, ...]

    @property
    def usd_per_image(self) -> Estimate:
        """Effective USD over the images."""
        return self.effective.scaled(1 / self.images, "USD/image")

    def to_dict(self) -> dict[str, Any]:
        """Return the bill as plain values; `focus` holds the rows of a FOCUS export."""
        return {
            "offer": self.invoice.resource,
            "images": self.images,
            "billed": self.billed.to_dict(),
            "effective": self.effective.to_dict(),
            "usd_per_image": self.usd_per_image.to_dict(),
            "lines": {name: usd.to_dict() for name, usd in self.lines.items()},
            "focus": self.invoice.to_focus(),
            "caveats": list(self.caveats),
        }


def estimated(
    make: Callable[..., Invoice],
    inputs: tuple[Estimate, ...],
    *,
    images: int,
    caveats: tuple[str, ...],
) -> Bill:
    """Return the bill of an invoice made once at the point and once over all draws."""
    point = make(*(estimate.value for estimate in inputs))
    drawn = make(*(estimate.draws for estimate in inputs))
    source = Source.weakest(estimate.source for estimate in inputs)
    evidence = tuple(dict.fromkeys(line for each in inputs for line in each.evidence))

    def spread(value: Amount, drawn: Amount) -> Estimate:
        draws = np.broadcast_to(np.asarray(drawn, dtype=np.float64), inputs[0].draws.shape)
        return Estimate(float(value), "USD", source, evidence, draws)

    pairs = zip(point.lines, drawn.lines, strict=True)
    return Bill(
        invoice=point,
        billed=spread(point.billed_usd, drawn.billed_usd),
        effective=spread(point.effective_usd, drawn.effective_usd),
        lines={one.name: spread(one.effective_usd, all_.effective_usd) for one, all_ in pairs},
        images=images,
        caveats=caveats,
    )


def moved_by(invoice: Invoice, price: Estimate, *, images: int, caveats: tuple[str, ...]) -> Bill:
    """Return the bill of an invoice all of whose amounts move together with one price.

    Args:
        invoice: The charges at the point estimate, in plain numbers.
        price: 1, with the draws of the price's error.
        images: Images it pays for.
        caveats: What a reader must know about the price.
    """
    return Bill(
        invoice=invoice,
        billed=price.scaled(float(invoice.billed_usd), "USD"),
        effective=price.scaled(float(invoice.effective_usd), "USD"),
        lines={line.name: price.scaled(float(line.effective_usd), "USD") for line in invoice.lines},
        images=images,
        caveats=caveats,
    )


def _total(amounts: Iterable[Amount]) -> Amount:
    total: Amount = 0.0
    for amount in amounts:
        total = total + amount
    return total


SECONDS_OF = {
    "second": 1.0,
    "hour": float(SECONDS_PER_HOUR),
    "month": float(HOURS_PER_MONTH * SECONDS_PER_HOUR),
}
"""Seconds of each time that a part is billed by."""


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
            spread = usd + hours * upfront_usd_per_hour(offer)
            yield Line(span.name, Category.USAGE, hours, "h", usd * markup, spread, spread, 0.0)
        else:
            yield Line.plain(span.name, hours, "h", usd, usd * markup)
    ahead_h = _total_s(span for span in spans if span.paid_ahead) / SECONDS_PER_HOUR
    if any(span.paid_ahead for span in spans):
        billed = _purchase_usd(offer, ahead_h, usd_per_hour)
        yield Line("commitment", Category.PURCHASE, 1.0, "term", 0.0, 0.0, 0.0, billed)


def upfront_usd_per_hour(offer: Offer) -> float:
    """Return what is paid at the start of a term for an instance, spread over its hours."""
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
    upfront = instances * commitment.term_hours * upfront_usd_per_hour(offer)
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


def close_invoice(
    row: PriceRow,
    lines: Sequence[Line],
    terms: AccountTerms = NO_ACCOUNT_TERMS,
    *,
    months: int = 1,
) -> Invoice:
    """Return the invoice of some lines with the account's fee, its included use, and tax.

    Args:
        row: What is billed.
        lines: Its charges.
        terms: Account plan and tax.
        months: Months for which the account's fee is paid.

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
    with_plan = (*so_far.lines, *_plan_lines(row, so_far.billed_usd, terms.account_plan, months))
    billed = Invoice(row.provider, row.id, with_plan)
    if not terms.tax_share:
        return billed
    tax = Line.other("tax", Category.TAX, billed.billed_usd * terms.tax_share)
    return Invoice(row.provider, row.id, (*billed.lines, tax))


def _plan_lines(row: PriceRow, billed: Amount, name: str | None, months: int) -> tuple[Line, ...]:
    if name is None:
        return ()
    if name not in row.account_plans:
        raise UnknownNameError(f"account plan of {row.id}", name, row.account_plans)
    plan = row.account_plans[name]
    used: Amount = np.minimum(billed, months * plan.included_usd)
    return (
        Line.other(f"{name} plan", Category.PURCHASE, months * plan.usd_per_month),
        Line.other("included use", Category.CREDIT, -1.0 * used),
    )
